package bulk

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/rawdb"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/trie"
	"github.com/ethereum/go-ethereum/triedb"
	"github.com/ethereum/go-ethereum/triedb/hashdb"
	"github.com/gpuevm/gpuevm/statedb/store"
	"github.com/holiman/uint256"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// randomAlloc has accounts of every sort: empty, with the same code, with no, few and many slots.
func randomAlloc(seed uint64, accounts, slots int) types.GenesisAlloc {
	rng := rand.New(rand.NewPCG(seed, 1))
	alloc := make(types.GenesisAlloc)
	for range accounts {
		var addr common.Address
		binary.BigEndian.PutUint64(addr[:], rng.Uint64())
		binary.BigEndian.PutUint64(addr[12:], rng.Uint64())
		a := types.Account{Balance: new(big.Int)}
		switch rng.IntN(4) {
		case 0: // empty
		case 1:
			a.Nonce = rng.Uint64() >> rng.IntN(64)
			a.Balance = new(big.Int).Lsh(new(big.Int).SetUint64(rng.Uint64()), uint(rng.IntN(190)))
		case 2:
			a.Code = bytes.Repeat([]byte{0x5b, byte(rng.IntN(4))}, 1+rng.IntN(400))
			a.Nonce = 1
			fallthrough
		case 3:
			a.Storage = make(map[common.Hash]common.Hash)
			n := rng.IntN(1 + min(slots, 1+slots>>rng.IntN(8)))
			for range n {
				a.Storage[word(rng.Uint64()>>rng.IntN(64))] = word(1 + rng.Uint64()>>(1+rng.IntN(63)))
			}
		}
		alloc[addr] = a
	}
	return alloc
}

func word(n uint64) (h common.Hash) {
	binary.BigEndian.PutUint64(h[24:], n)
	return h
}

// geth is a state that go-ethereum has made.
type geth struct {
	root common.Hash
	db   state.Database
	tdb  *triedb.Database
}

func gethState(t testing.TB, alloc types.GenesisAlloc, preimages bool) geth {
	t.Helper()
	tdb := triedb.NewDatabase(rawdb.NewMemoryDatabase(), &triedb.Config{Preimages: preimages, HashDB: &hashdb.Config{}})
	db := state.NewDatabase(tdb, nil)
	s, err := state.New(types.EmptyRootHash, db)
	if err != nil {
		t.Fatal(err)
	}
	for addr, a := range alloc {
		s.SetCode(addr, a.Code, tracing.CodeChangeUnspecified)
		s.AddBalance(addr, uint256.MustFromBig(a.Balance), tracing.BalanceChangeUnspecified)
		s.SetNonce(addr, a.Nonce, tracing.NonceChangeUnspecified)
		for slot, value := range a.Storage {
			s.SetState(addr, slot, value)
		}
	}
	root, err := s.Commit(params.Rules{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := tdb.Commit(root, false); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tdb.Close() })
	return geth{root, db, tdb}
}

func (g geth) state(t testing.TB) *state.StateDB {
	t.Helper()
	s, err := state.New(g.root, g.db)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// nodes are all trie nodes, by owner and path, as go-ethereum's iterators find them.
func (g geth) nodes(t testing.TB) map[string][]byte {
	t.Helper()
	nodes := make(map[string][]byte)
	walk := func(owner, root common.Hash, leaf func(key, value []byte)) {
		if root == types.EmptyRootHash {
			return
		}
		tr, err := trie.New(trie.StorageTrieID(g.root, owner, root), g.tdb)
		if err != nil {
			t.Fatal(err)
		}
		it := tr.MustNodeIterator(nil)
		for it.Next(true) {
			if it.Leaf() {
				leaf(it.LeafKey(), it.LeafBlob())
			} else if it.Hash() != (common.Hash{}) {
				nodes[string(owner[:])+string(it.Path())] = bytes.Clone(it.NodeBlob())
			}
		}
		if it.Error() != nil {
			t.Fatal(it.Error())
		}
	}
	walk(common.Hash{}, g.root, func(key, value []byte) {
		var a types.StateAccount
		if err := rlp.DecodeBytes(value, &a); err != nil {
			t.Fatal(err)
		}
		walk(common.Hash(key), a.Root, func([]byte, []byte) {})
	})
	return nodes
}

func memStore(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open("db", store.Options{FS: vfs.NewMem(), MemTable: 4 << 20, BlockCache: 8 << 20, SlotCache: 1 << 20, AccountCache: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// nodesOf are all trie nodes of a store.
func nodesOf(t testing.TB, s *store.Store) map[string][]byte {
	t.Helper()
	nodes := make(map[string][]byte)
	err := s.EachNode(func(n store.Node) error {
		nodes[string(n.Owner[:])+string(n.Path)] = bytes.Clone(n.Blob)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return nodes
}

func sameNodes(t testing.TB, got, want map[string][]byte) {
	t.Helper()
	for key, blob := range want {
		if !bytes.Equal(got[key], blob) {
			t.Fatalf("node %x: %x, want %x", key, got[key], blob)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d nodes, want %d", len(got), len(want))
	}
}

func imported(t testing.TB, src Source, want common.Hash, opt Options) (*store.Store, *Report) {
	t.Helper()
	s := memStore(t)
	rep, err := Import(t.Context(), s, 7, common.Hash{1}, want, src, opt)
	if err != nil {
		t.Fatal(err)
	}
	return s, rep
}

// clean verifies a store that has nothing wrong.
func clean(t testing.TB, s *store.Store, opt Options) *Report {
	t.Helper()
	rep, err := Verify(t.Context(), s, opt)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range rep.Listed {
		t.Errorf("%s: %s", p.Kind, p.What)
	}
	return rep
}

// tiny is little memory: many runs, merged more than once.
func tiny(fs vfs.FS) Options { return Options{Memory: 1 << 20, Workers: 3, FS: fs} }

func TestImport(t *testing.T) {
	for name, alloc := range map[string]types.GenesisAlloc{
		"empty": {}, "one": randomAlloc(1, 1, 3), "two": randomAlloc(2, 2, 5), "few": randomAlloc(3, 20, 50), "many": randomAlloc(4, 3000, 200),
		"deep": randomAlloc(5, 40, 9000),
	} {
		t.Run(name, func(t *testing.T) {
			g := gethState(t, alloc, false)
			temp := vfs.NewMem()
			s, rep := imported(t, Alloc(alloc), g.root, tiny(temp))
			if rep.Root != g.root || s.Head().Root != g.root || s.Head().Height != 7 {
				t.Fatalf("root %s, want %s", rep.Root.Hex(), g.root.Hex())
			}
			want := g.nodes(t)
			sameNodes(t, nodesOf(t, s), want)
			seen := clean(t, s, tiny(temp))
			if seen.Accounts != len(alloc) || seen.Slots != rep.Slots || seen.Nodes != len(want) || seen.Nodes != rep.Nodes {
				t.Fatalf("%+v and %+v for %d accounts, %d nodes", rep, seen, len(alloc), len(want))
			}
			t.Logf("%d accounts, %d slots, %d nodes, %d bytes spilled", rep.Accounts, rep.Slots, rep.Nodes, rep.Spilled)
			if left, _ := temp.List("db"); len(left) > 0 {
				t.Fatalf("temporary files are left: %v", left)
			}
		})
	}
}

// TestBig is one account of 300,000 slots in 1 MiB.
func TestBig(t *testing.T) {
	n := 300_000
	if testing.Short() {
		n = 30_000
	}
	alloc := randomAlloc(9, 100, 3)
	a := types.Account{Balance: new(big.Int), Storage: make(map[common.Hash]common.Hash, n)}
	for i := range uint64(n) {
		a.Storage[word(i)] = word(i + 1)
	}
	alloc[common.Address{7}] = a
	g := gethState(t, alloc, false)
	temp := vfs.NewMem()
	s, rep := imported(t, Alloc(alloc), g.root, tiny(temp))
	if want := int64(n * slotWidth * 3 / 4); rep.Spilled < want {
		t.Fatalf("%d bytes spilled, want %d or more", rep.Spilled, want)
	}
	sameNodes(t, nodesOf(t, s), g.nodes(t))
	clean(t, s, tiny(temp))
	clean(t, s, Options{})
}

func TestGethDump(t *testing.T) {
	alloc := randomAlloc(11, 300, 100)
	g := gethState(t, alloc, true)
	var lines bytes.Buffer
	g.state(t).IterativeDump(nil, json.NewEncoder(&lines))
	whole := g.state(t).Dump(nil)
	for name, dump := range map[string][]byte{"lines": lines.Bytes(), "whole": whole} {
		t.Run(name, func(t *testing.T) {
			s, rep := imported(t, DumpReader(bytes.NewReader(dump)), common.Hash{}, tiny(vfs.NewMem()))
			if rep.Root != g.root {
				t.Fatalf("root %s, want %s", rep.Root.Hex(), g.root.Hex())
			}
			sameNodes(t, nodesOf(t, s), g.nodes(t))
			clean(t, s, Options{})
			var out bytes.Buffer
			if err := Dump(t.Context(), s, &out); err != nil {
				t.Fatal(err)
			}
			sameDump(t, out.Bytes(), lines.Bytes())
			again, _ := imported(t, DumpReader(&out), g.root, Options{})
			sameNodes(t, nodesOf(t, again), g.nodes(t))
		})
	}
}

// sameDump compares line by line what JSON says, in any order of the lines.
func sameDump(t *testing.T, got, want []byte) {
	t.Helper()
	parse := func(b []byte) map[common.Address]state.DumpAccount {
		all := make(map[common.Address]state.DumpAccount)
		dec := json.NewDecoder(bytes.NewReader(b))
		var head struct{ Root common.Hash }
		if err := dec.Decode(&head); err != nil {
			t.Fatal(err)
		}
		for dec.More() {
			var a state.DumpAccount
			if err := dec.Decode(&a); err != nil {
				t.Fatal(err)
			}
			if len(a.Storage) == 0 {
				a.Storage = nil
			}
			all[*a.Address] = a
		}
		return all
	}
	x, y := parse(got), parse(want)
	if len(x) != len(y) {
		t.Fatalf("%d accounts, want %d", len(x), len(y))
	}
	for addr, a := range y {
		b := x[addr]
		one, _ := json.Marshal(a)
		two, _ := json.Marshal(b)
		if !bytes.Equal(one, two) {
			t.Fatalf("%s\nwant\n%s", two, one)
		}
	}
}
