package hostsched_test

import (
	"context"
	"math/big"
	"slices"
	"sync"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/hostsched"
	"github.com/gpuevm/gpuevm/statedb"
)

// history is how go-ethereum's state changes in the course of a block.
type history struct {
	states []*state.StateDB // before the block, and after each transaction
	keys   map[common.Address][]gpuevm.Key
	root   common.Hash // after the block
	err    error
}

func historyOf(t *testing.T, w *world, parent *types.Header, block *types.Block) *history {
	t.Helper()
	tries := freshTries(t, w.alloc)
	sdb, err := state.New(tries.ViewRoot(), tries.Database())
	if err != nil {
		t.Fatal(err)
	}
	h := &history{states: []*state.StateDB{sdb.Copy()}, keys: make(map[common.Address][]gpuevm.Key)}
	for addr, a := range w.alloc {
		for slot := range a.Storage {
			h.add(gpuevm.Key{Addr: addr, Kind: gpuevm.Slot, Slot: slot})
		}
	}
	hooks := &tracing.Hooks{
		OnTxEnd: func(_ *types.Receipt, err error) {
			if err == nil {
				h.states = append(h.states, sdb.Copy())
			}
		},
		OnStorageChange: func(addr common.Address, slot, _, _ common.Hash) {
			h.add(gpuevm.Key{Addr: addr, Kind: gpuevm.Slot, Slot: slot})
		},
	}
	_, h.err = core.NewStateProcessor(&testChain{w.config, parent}).Process(context.Background(), block, sdb, nil, nil, vm.Config{Tracer: hooks}, nil)
	h.root = sdb.IntermediateRoot(w.config.Rules(block.Number(), block.Difficulty().Sign() == 0, block.Time()))
	return h
}

func (h *history) add(key gpuevm.Key) {
	if !slices.Contains(h.keys[key.Addr], key) {
		h.keys[key.Addr] = append(h.keys[key.Addr], key)
	}
}

// of lists all cells of an account that are ever other than zero.
func (h *history) of(addr common.Address) []gpuevm.Key {
	keys := slices.Clone(h.keys[addr])
	for kind := range gpuevm.Slot {
		keys = append(keys, gpuevm.Key{Addr: addr, Kind: kind})
	}
	return keys
}

// at is the value of a cell after some transactions.
func (h *history) at(txs int, key gpuevm.Key) (v common.Hash) {
	s := h.states[txs]
	switch key.Kind {
	case gpuevm.Exists:
		if s.Exist(key.Addr) {
			v[31] = 1
		}
	case gpuevm.Nonce:
		v = common.BigToHash(new(big.Int).SetUint64(s.GetNonce(key.Addr)))
	case gpuevm.Balance:
		v = s.GetBalance(key.Addr).Bytes32()
	case gpuevm.CodeHash:
		if v = s.GetCodeHash(key.Addr); v == types.EmptyCodeHash {
			v = common.Hash{}
		}
	case gpuevm.Slot:
		v = s.GetState(key.Addr, key.Slot)
	}
	return v
}

// recorder is an Early that only writes down what it is told, and holds each hand-over to
// go-ethereum's state at that time.
type recorder struct {
	t       *testing.T
	history *history
	block   *types.Block

	mu       sync.Mutex
	expected map[gpuevm.Key]bool

	// One lane at a time commits: no lock, so that the race detector would see two.
	committed int          // transactions before the one at hand
	mem       *statedb.Mem // the state before the block, with what was handed over
	last      map[common.Address]int
	settled   []*gpuevm.StateDiff
	copies    []*gpuevm.StateDiff
	final     *gpuevm.StateDiff
	tally     tally
}

// tally counts accounts that were handed over, each time, and cells that then became again
// what they were before the block.
type tally struct{ accounts, again, unchanged, wiped, back, backLate int }

func newRecorder(t *testing.T, h *history, block *types.Block, pre *statedb.Mem) *recorder {
	return &recorder{
		t: t, history: h, block: block, mem: pre.Copy(),
		expected: make(map[gpuevm.Key]bool), last: make(map[common.Address]int),
	}
}

var _ hostsched.Early = (*recorder)(nil)

func (r *recorder) Expect(keys []gpuevm.Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, key := range keys {
		r.expected[key] = true
	}
}

func (r *recorder) Settled(d *gpuevm.StateDiff, claimed []common.Address, later int) {
	txs := r.committed + 1
	if later < 0 || len(d.Adds)+len(d.Codes) > 0 {
		r.t.Errorf("%d later, %d sums, %d codes", later, len(d.Adds), len(d.Codes))
	}
	addrs, keys := make(map[common.Address]bool), make(map[gpuevm.Key]bool)
	for _, c := range d.Cells {
		if want := r.history.at(txs, c.Key); c.Value != want {
			r.t.Errorf("%v is handed over as %x after %d transactions: is %x", c.Key, c.Value, txs, want)
		}
		if keys[c.Key] {
			r.t.Errorf("%v is there twice", c.Key)
		}
		addrs[c.Key.Addr], keys[c.Key] = true, true
	}
	r.tally.back += r.backs(d)
	r.tally.wiped += len(d.Wiped)
	r.keep(d)
	for addr := range addrs {
		r.check(addr, txs)
		if slices.Contains(claimed, addr) || addr == r.block.Coinbase() {
			r.t.Errorf("%s is handed over and still to be changed", addr)
		}
	}
}

// keep applies what was handed over.
func (r *recorder) keep(d *gpuevm.StateDiff) {
	r.settled = append(r.settled, d)
	r.copies = append(r.copies, &gpuevm.StateDiff{Wiped: slices.Clone(d.Wiped), Cells: slices.Clone(d.Cells)})
	if err := r.mem.Apply(d); err != nil {
		r.t.Error(err)
	}
}

// backs counts the cells that bring back what was before the block, where something else had
// been handed over.
func (r *recorder) backs(d *gpuevm.StateDiff) (n int) {
	for _, c := range d.Cells {
		if v, _ := r.mem.Read(c.Key); v != c.Value && c.Value == r.history.at(0, c.Key) {
			n++
		}
	}
	return n
}

// check holds all of an account that was handed over to the state at that time.
func (r *recorder) check(addr common.Address, txs int) {
	before, again := r.last[addr]
	changed := !again
	for _, key := range r.history.of(addr) {
		want := r.history.at(txs, key)
		if got, _ := r.mem.Read(key); got != want {
			r.t.Errorf("%v is %x after %d transactions: %x was handed over", key, want, txs, got)
		}
		for at := before; at < txs && !changed; at++ {
			changed = r.history.at(at, key) != want
		}
	}
	r.last[addr] = txs
	r.tally.accounts++
	if again {
		r.tally.again++
	}
	if !changed {
		r.tally.unchanged++
	}
}

func (r *recorder) Apply(d *gpuevm.StateDiff) error {
	r.tally.backLate += r.backs(d)
	r.final = d
	return r.mem.Apply(d)
}

func (r *recorder) Root() (common.Hash, error) {
	r.t.Error("a deferred root is asked for")
	return common.Hash{}, nil
}

// kept checks that nobody else writes to what was handed over.
func (r *recorder) kept() {
	for i, d := range r.settled {
		if !slices.Equal(d.Cells, r.copies[i].Cells) || !slices.Equal(d.Wiped, r.copies[i].Wiped) {
			r.t.Errorf("hand-over %d was written again", i)
		}
	}
}

// handed says how often an account was handed over.
func (r *recorder) handed(addr common.Address) (n int) {
	for _, d := range r.settled {
		if slices.ContainsFunc(d.Cells, func(c gpuevm.Cell) bool { return c.Key.Addr == addr }) {
			n++
		}
	}
	return n
}
