package source

import (
	"bytes"
	"io"
	"math/big"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/consensus/clique"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/triedb"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/statedb"
)

// after is the state that a block of the sample leads to.
func (s *sample) after(t *testing.T, b *types.Block) *statedb.Tries {
	tries, err := statedb.NewTries(triedb.NewDatabase(s.db, triedb.HashDefaults), state.NewCodeDB(s.db), b.Root())
	if err != nil {
		t.Fatal(err)
	}
	return tries
}

func TestChain(t *testing.T) {
	s := makeSample(5)
	dir := write(t, map[string][]byte{
		"genesis.json": asJSON(t, s.spec),
		"all.rlp":      s.export(t, true),
		"rest.rlp":     s.export(t, false),
		"all.rlp.gz":   zip(s.export(t, true)),
	})
	for _, name := range []string{"all.rlp", "rest.rlp", "all.rlp.gz"} {
		c, err := OpenChain(filepath.Join(dir, "genesis.json"), filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		var read []*Block
		for {
			b, err := c.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			read = append(read, b)
		}
		if _, err := c.Next(); err != io.EOF {
			t.Errorf("%s: after the end: %v", name, err)
		}
		s.checkRead(t, name, read)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

func (s *sample) checkRead(t *testing.T, name string, read []*Block) {
	if len(read) != len(s.blocks) {
		t.Fatalf("%s: %d blocks of %d", name, len(read), len(s.blocks))
	}
	parent := s.spec.ToBlock()
	for i, b := range read {
		if b.Block.Hash() != s.blocks[i].Hash() || b.Parent.Hash() != parent.Hash() || b.Author != s.blocks[i].Coinbase() {
			t.Errorf("%s: block %d: %+v", name, i, b)
		}
		for n := range uint64(len(s.blocks) + 2) {
			want := common.Hash{}
			if n == 0 {
				want = s.spec.ToBlock().Hash()
			} else if n <= uint64(i) {
				want = s.blocks[n-1].Hash()
			}
			if got := b.BlockHash(n); got != want {
				t.Errorf("%s: in block %d BLOCKHASH(%d) is %s, want %s", name, i+1, n, got, want)
			}
		}
		// Every block before this one stored the hash of its parent.
		want := common.Hash{}
		if i > 0 {
			want = b.BlockHash(uint64(i - 1))
		}
		if got, err := s.after(t, parent).Read(gpuevm.Key{Addr: sampleCounter, Kind: gpuevm.Slot}); err != nil || got != want {
			t.Errorf("%s: before block %d the slot is %s, want %s, %v", name, i+1, got, want, err)
		}
		parent = s.blocks[i]
	}
}

func TestChainBroken(t *testing.T) {
	s := makeSample(4)
	whole := s.export(t, false)
	swapped := &sample{spec: s.spec, blocks: []*types.Block{s.blocks[0], s.blocks[2], s.blocks[1]}}
	other := makeSample(2)
	other.spec.ExtraData = []byte("another chain")
	foreign := types.NewBlockWithHeader(&types.Header{Number: big.NewInt(2), Difficulty: common.Big1, ParentHash: common.Hash{0xf0}})
	forked := &sample{spec: s.spec, blocks: []*types.Block{s.blocks[0], foreign}}
	lacking := &sample{spec: s.spec, blocks: []*types.Block{s.blocks[0], types.NewBlockWithHeader(s.blocks[1].Header())}}
	for _, c := range []struct {
		what  string
		from  *sample
		chain []byte
		good  int // blocks before the error
		want  string
	}{
		{"truncated", s, whole[:len(whole)-1], 3, "after block 3: unexpected EOF"},
		{"rubbish", s, append(slices.Clone(whole), 0x01), 4, "after block 4: rlp: "},
		{"huge claim", s, []byte{0xfb, 0xff, 0xff, 0xff, 0xff}, 0, "a block of 4294967295 bytes"},
		{"out of order", s, swapped.export(t, false), 1, "after block 1: block 3 is out of order"},
		{"from the middle", s, whole[s.blocks[0].Size():], 0, "after block 0: block 2 is out of order"},
		{"wrong genesis", other, whole, 0, "block 1 has parent"},
		{"wrong genesis, exported", other, s.export(t, true), 0, "wrong genesis"},
		{"fork", s, forked.export(t, false), 1, "block 2 has parent 0xf000"},
		{"no transactions", s, lacking.export(t, false), 1, "txs: 0 transactions derive root"},
	} {
		c2 := newChain("chain.rlp", c.from.spec, bytes.NewReader(c.chain))
		n := 0
		_, err := c2.Next()
		for ; err == nil; _, err = c2.Next() {
			n++
		}
		if n != c.good || !strings.HasPrefix(err.Error(), "chain.rlp: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %d blocks, then %v", c.what, n, err)
		}
	}
}

func TestChainFilesBroken(t *testing.T) {
	s := makeSample(1)
	dir := write(t, map[string][]byte{
		"genesis.json": asJSON(t, s.spec),
		"half.json":    asJSON(t, s.spec)[:50],
		"empty.json":   []byte(`{"gasLimit":"0x1","difficulty":"0x1","alloc":{}}`),
		"chain.rlp":    s.export(t, true),
		"bad.rlp.gz":   []byte("no gzip"),
	})
	for _, c := range []struct{ genesis, chain, want string }{
		{"half.json", "chain.rlp", "half.json: genesis: "},
		{"empty.json", "chain.rlp", "empty.json: genesis: config"},
		{"no.json", "chain.rlp", "no.json"},
		{"genesis.json", "no.rlp", "no.rlp"},
		{"genesis.json", "bad.rlp.gz", "bad.rlp.gz: gzip: "},
	} {
		_, err := OpenChain(filepath.Join(dir, c.genesis), filepath.Join(dir, c.chain))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, %s: %v", c.genesis, c.chain, err)
		}
	}
}

func TestCliqueAuthor(t *testing.T) {
	h := &types.Header{Number: common.Big1, Difficulty: common.Big2, Coinbase: common.Address{1}, Extra: make([]byte, 32+crypto.SignatureLength)}
	sig, err := crypto.Sign(crypto.Keccak256(clique.CliqueRLP(h)), sampleKey)
	if err != nil {
		t.Fatal(err)
	}
	copy(h.Extra[32:], sig)
	if got, err := author(params.AllCliqueProtocolChanges, h); err != nil || got != sampleSender {
		t.Errorf("signer is %s, want %s, %v", got, sampleSender, err)
	}
	if _, err := author(params.AllCliqueProtocolChanges, &types.Header{Number: common.Big1, Difficulty: common.Big2}); err == nil {
		t.Error("no signature, no error")
	}
	if got, _ := author(params.MainnetChainConfig, h); got != h.Coinbase {
		t.Errorf("author is %s", got)
	}
}

// Whatever the bytes are, the reader comes to an end.
func FuzzChain(f *testing.F) {
	s := makeSample(2)
	f.Add(s.export(f, true))
	f.Add(s.export(f, false))
	f.Add([]byte{0xfb, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, raw []byte) {
		c := newChain("fuzz", s.spec, bytes.NewReader(raw))
		for {
			if _, err := c.Next(); err != nil {
				return
			}
		}
	})
}
