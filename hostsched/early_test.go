package hostsched_test

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/gpuevm/gpuevm/bench/workload"
	"github.com/gpuevm/gpuevm/fallback"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/hostsched"
	"github.com/gpuevm/gpuevm/statedb"
	"github.com/gpuevm/gpuevm/statedb/forest"
)

// handed counts what was handed over early.
type handed struct{ accounts, broken, cells, expected atomic.Int64 }

// both are go-ethereum's tries and ours: the first are told at the end, the second as soon as
// anything is known.
type both struct {
	*statedb.Tries
	forest *forest.Forest
	count  *handed
	wait   bool // each hand-over is worked on before the block goes on
	given  map[gpuevm.Key]common.Hash
}

func newBoth(t *testing.T, tries *statedb.Tries, alloc types.GenesisAlloc, count *handed) *both {
	t.Helper()
	f := forest.New(forest.Options{Workers: 2}, common.Hash{}, forest.NewNodes())
	d, err := statedb.AllocDiff(alloc)
	if err == nil {
		err = f.Apply(d)
	}
	if err == nil {
		_, err = f.Root()
	}
	if err != nil {
		t.Fatal(err)
	}
	return &both{Tries: tries, forest: f, count: count, given: make(map[gpuevm.Key]common.Hash)}
}

func (b *both) Expect(keys []gpuevm.Key) {
	b.count.expected.Add(int64(len(keys)))
	b.forest.Expect(keys)
}

func (b *both) Settled(d *gpuevm.StateDiff, claimed []common.Address, later int) {
	accounts := make(map[common.Address]bool)
	for _, c := range d.Cells {
		accounts[c.Key.Addr] = true
		b.given[c.Key] = c.Value
	}
	b.count.accounts.Add(int64(len(accounts)))
	b.count.cells.Add(int64(len(d.Cells)))
	b.forest.Settled(d, claimed, later)
	for b.wait && b.forest.Stats().Waiting > 0 {
		runtime.Gosched()
	}
}

func (b *both) Apply(d *gpuevm.StateDiff) error {
	final := make(map[gpuevm.Key]common.Hash, len(d.Cells))
	for _, c := range d.Cells {
		final[c.Key] = c.Value
	}
	broken := make(map[common.Address]bool)
	for key, v := range b.given {
		if now, ok := final[key]; !ok || now != v {
			broken[key.Addr] = true
		}
	}
	b.count.broken.Add(int64(len(broken)))
	if err := b.Tries.Apply(d); err != nil {
		return err
	}
	return b.forest.Apply(d)
}

func (b *both) Root() (common.Hash, error) {
	want, err := b.Tries.Root()
	if err != nil {
		return want, err
	}
	got, err := b.forest.Root()
	if err == nil && got != want {
		err = fmt.Errorf("our tries have root %s, go-ethereum's %s", got.Hex(), want.Hex())
	}
	return want, err
}

var _ hostsched.Early = (*both)(nil)

// TestEarly: of independent transactions nearly all accounts are settled before the block
// ends, and stay as they were handed over; of others what is handed over mostly does.
func TestEarly(t *testing.T) {
	for _, c := range []struct {
		workload     string
		share, stays float64
	}{
		{"transfer", 0.9, 0.999}, {"erc20", 0.5, 0.99}, {"mixed", 0.5, 0.9},
	} {
		w, err := workload.Generate(c.workload, workload.Options{Txs: 2000, Blocks: 1, Seed: 3})
		if err != nil {
			t.Fatal(err)
		}
		var count handed
		roots := newBoth(t, freshTries(t, w.Alloc), w.Alloc, &count)
		block := w.Blocks[0]
		res, err := hostsched.New(hostsched.Options{Engine: fallback.New(2), Lanes: 2, Settle: true}).Process(t.Context(), &hostsched.Block{
			Block: block, Config: w.Config, Author: block.Coinbase(), Pre: roots.Tries, Roots: roots,
			BlockHash: func(uint64) common.Hash { return w.Parent.Hash() },
		})
		if err != nil {
			t.Fatal(err)
		}
		changed := make(map[common.Address]bool)
		for _, cell := range res.Diff().Cells {
			changed[cell.Key.Addr] = true
		}
		share := float64(count.accounts.Load()) / float64(len(changed))
		stays := 1 - float64(count.broken.Load())/float64(count.accounts.Load())
		t.Logf("%s: %d accounts change, %.1f%% settled early, %.2f%% of them for good; %d keys expected",
			c.workload, len(changed), 100*share, 100*stays, count.expected.Load())
		if share < c.share || stays < c.stays || share > 1.2 {
			t.Errorf("%s: %.3f of the accounts settled early, %.4f of them for good", c.workload, share, stays)
		}
	}
}

// TestDeferRoot: Roots has all changes, and nobody asks for the root.
func TestDeferRoot(t *testing.T) {
	w, err := workload.Generate("transfer", workload.Options{Txs: 40, Blocks: 1, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	roots := newBoth(t, freshTries(t, w.Alloc), w.Alloc, new(handed))
	block := w.Blocks[0]
	res, err := hostsched.New(hostsched.Options{Engine: fallback.New(2)}).Process(t.Context(), &hostsched.Block{
		Block: block, Config: w.Config, Author: block.Coinbase(), Pre: roots.Tries, Roots: roots, DeferRoot: true,
		BlockHash: func(uint64) common.Hash { return w.Parent.Hash() },
	})
	if err != nil || res.Root != nil {
		t.Fatalf("root %v, error %v", res.Root, err)
	}
	if root, err := roots.Root(); err != nil || root == roots.ViewRoot() {
		t.Fatalf("root %s, before the block %s (%v)", root.Hex(), roots.ViewRoot().Hex(), err)
	}
}
