package workload

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/consensus"
	"github.com/ethereum/go-ethereum/consensus/beacon"
	"github.com/ethereum/go-ethereum/consensus/ethash"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/rawdb"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/trie"
	"github.com/ethereum/go-ethereum/triedb"
)

// chain is just enough of one for go-ethereum to process a workload.
type chain struct {
	config  *params.ChainConfig
	headers map[common.Hash]*types.Header
}

func (c *chain) Config() *params.ChainConfig                        { return c.config }
func (c *chain) Engine() consensus.Engine                           { return beacon.New(ethash.NewFaker()) }
func (c *chain) CurrentHeader() *types.Header                       { return nil }
func (c *chain) GetHeaderByNumber(uint64) *types.Header             { return nil }
func (c *chain) GetHeaderByHash(hash common.Hash) *types.Header     { return c.headers[hash] }
func (c *chain) GetHeader(hash common.Hash, _ uint64) *types.Header { return c.headers[hash] }

// executed is a workload after go-ethereum has run it serially.
type executed struct {
	*Workload
	t        *testing.T
	state    *state.StateDB
	chain    *chain
	receipts []types.Receipts // by block
}

func genesis(w *Workload) *core.Genesis {
	return &core.Genesis{
		Config: w.Config, Alloc: w.Alloc, Timestamp: w.Parent.Time, GasLimit: w.Parent.GasLimit,
		GasUsed: w.Parent.GasUsed, BaseFee: w.Parent.BaseFee, Difficulty: w.Parent.Difficulty,
		Mixhash: w.Parent.MixDigest, Coinbase: w.Parent.Coinbase,
	}
}

func execute(t *testing.T, name string, o Options, senders int) *executed {
	t.Helper()
	var w *Workload
	for _, r := range recipes() {
		if r.name == name {
			w = generate(r, o, senders)
		}
	}
	db := rawdb.NewMemoryDatabase()
	tdb := triedb.NewDatabase(db, nil)
	block, err := genesis(w).Commit(db, tdb, nil)
	if err != nil {
		t.Fatal(err)
	}
	if block.Hash() != w.Parent.Hash() {
		t.Errorf("parent is %x, go-ethereum's genesis %x; root %x and %x",
			w.Parent.Hash(), block.Hash(), w.Parent.Root, block.Root())
	}
	sdb, err := state.New(block.Root(), state.NewDatabase(tdb, nil))
	if err != nil {
		t.Fatal(err)
	}
	e := &executed{Workload: w, t: t, state: sdb}
	e.chain = &chain{w.Config, map[common.Hash]*types.Header{w.Parent.Hash(): w.Parent}}
	for _, b := range w.Blocks {
		result, err := core.NewStateProcessor(e.chain).Process(context.Background(), b, sdb, nil, nil, vm.Config{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(result.Requests) != 0 {
			t.Errorf("block %d: %d requests", b.NumberU64(), len(result.Requests))
		}
		if result.GasUsed > b.GasLimit() {
			t.Errorf("block %d uses %d of %d gas", b.NumberU64(), result.GasUsed, b.GasLimit())
		}
		e.receipts = append(e.receipts, result.Receipts)
		e.chain.headers[b.Hash()] = b.Header()
	}
	return e
}

// call asks a contract something after the last block.
func (e *executed) call(to common.Address, name, method string, args ...any) []any {
	e.t.Helper()
	c := load(name)
	last := e.Blocks[len(e.Blocks)-1].Header()
	evm := vm.NewEVM(core.NewEVMBlockContext(last, e.chain, &coinbase), e.state.Copy(), e.Config, vm.Config{})
	output, _, err := evm.Call(owner, to, c.call(method, args...), plenty(), mustUint256(nil))
	if err != nil {
		e.t.Fatalf("%s.%s: %v", name, method, err)
	}
	values, err := c.abi.Unpack(method, output)
	if err != nil {
		e.t.Fatal(err)
	}
	return values
}

// Each transaction is valid in its turn and succeeds or fails as it was meant to, with
// one sender each and with few that are used over and over.
func TestExecutesSerially(t *testing.T) {
	for _, name := range Names() {
		for _, senders := range []int{1000, 7} {
			t.Run(fmt.Sprintf("%s from %d", name, senders), func(t *testing.T) {
				e := execute(t, name, Options{Txs: 300, Blocks: 2, Seed: 7}, senders)
				var gas uint64
				for b, receipts := range e.receipts {
					for i, r := range receipts {
						if failed := r.Status == 0; failed != e.fails[b][i] {
							tx := e.Blocks[b].Transactions()[i]
							t.Fatalf("block %d tx %d: status %d, gas used %d of %d, to %v, data %.8x",
								b, i, r.Status, r.GasUsed, tx.Gas(), tx.To(), tx.Data())
						}
						gas += r.GasUsed
					}
				}
				t.Logf("%d gas per transaction", gas/600)
			})
		}
	}
}

// A short list of senders is used again in turn, also from block to block.
func TestSendersTakeTurns(t *testing.T) {
	w, err := Generate("transfer", Options{Txs: maxSenders + 5, Blocks: 2, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	signer := types.LatestSigner(w.Config)
	nonces := map[common.Address]uint64{}
	for _, b := range w.Blocks {
		for i, tx := range b.Transactions() {
			from, err := types.Sender(signer, tx)
			if err != nil {
				t.Fatal(err)
			}
			if tx.Nonce() != nonces[from] {
				t.Fatalf("block %d tx %d: nonce %d, want %d", b.NumberU64(), i, tx.Nonce(), nonces[from])
			}
			nonces[from]++
		}
	}
	if len(nonces) != maxSenders {
		t.Errorf("%d senders", len(nonces))
	}
}

func TestSameSeedSameBytes(t *testing.T) {
	for _, name := range Names() {
		o := Options{Txs: 100, Blocks: 2, Seed: 3}
		one, another := encoded(t, name, o), encoded(t, name, o)
		if !bytes.Equal(one, another) {
			t.Errorf("%s: two runs differ", name)
		}
		o.Seed++
		if bytes.Equal(one, encoded(t, name, o)) {
			t.Errorf("%s: two seeds agree", name)
		}
	}
}

// encoded is everything in a workload; the parent has the root of the alloc.
func encoded(t *testing.T, name string, o Options) []byte {
	t.Helper()
	w, err := Generate(name, o)
	if err != nil {
		t.Fatal(err)
	}
	blob, err := rlp.EncodeToBytes([]any{w.Parent, w.Blocks})
	if err != nil {
		t.Fatal(err)
	}
	return blob
}

func TestHeaders(t *testing.T) {
	w, err := Generate("transfer", Options{Txs: 3, Blocks: 3})
	if err != nil {
		t.Fatal(err)
	}
	engine := beacon.New(ethash.NewFaker())
	parent := w.Parent
	c := &chain{w.Config, map[common.Hash]*types.Header{}}
	for i, b := range w.Blocks {
		h := b.Header()
		if h.ParentHash != parent.Hash() || h.Number.Uint64() != parent.Number.Uint64()+1 || h.Time <= parent.Time {
			t.Errorf("block %d does not follow its parent", i)
		}
		if h.BaseFee.Sign() <= 0 || h.Difficulty.Sign() != 0 || h.Coinbase == (common.Address{}) {
			t.Errorf("block %d: header %+v", i, h)
		}
		if h.TxHash != types.DeriveSha(b.Transactions(), trie.NewStackTrie(nil)) {
			t.Errorf("block %d: transactions' root", i)
		}
		c.headers[parent.Hash()] = parent
		// From the second on the base fee depends on what the block before it used.
		if err := engine.VerifyHeader(c, h); i == 0 && err != nil {
			t.Errorf("block %d: %v", i, err)
		}
		parent = h
	}
}

func TestUnknownName(t *testing.T) {
	if _, err := Generate("nonsense", Options{}); err == nil || !bytes.Contains([]byte(err.Error()), []byte("transfer")) {
		t.Errorf("error is %v", err)
	}
	for _, name := range Names() {
		if Describe(name) == "" {
			t.Errorf("%s is not described", name)
		}
		if _, err := Generate(name, Options{}); err != nil {
			t.Errorf("%s of nothing: %v", name, err)
		}
	}
}
