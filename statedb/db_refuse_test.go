package statedb_test

import (
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethdb/memorydb"
	"github.com/ethereum/go-ethereum/trie"
	"github.com/gpuevm/gpuevm/statedb"
	"github.com/gpuevm/gpuevm/statedb/internal/world"
	"github.com/gpuevm/gpuevm/statedb/store"
)

func newForestry(t *testing.T, seed int64, fs vfs.FS) *forestry {
	g := &forestry{World: world.New(seed), t: t, fs: fs}
	g.blocks = []*grown{{root: types.EmptyRootHash, state: statedb.NewMem(nil)}}
	g.open()
	return g
}

// line grows blocks one after another.
func (g *forestry) line(n int) {
	for range n {
		b, c := g.grow(g.blocks[len(g.blocks)-1])
		_, err := c.Root(bg)
		must(g.t, err)
		g.blocks = append(g.blocks, b)
	}
}

// TestWrongRoot: a block whose root is not the header's is refused, with all that were built
// on it, and the chain goes on without.
func TestWrongRoot(t *testing.T) {
	g := newForestry(t, 1, vfs.NewMem())
	g.line(3)
	parent := g.blocks[3]
	bad, c := g.commit(parent.hash, common.Hash{1}, common.Hash{2})
	_, after := g.commit(bad, common.Hash{3}, common.Hash{})
	for _, c := range []*statedb.Commit{c, after} {
		if _, err := c.Root(bg); !errors.Is(err, statedb.ErrRoot) {
			t.Fatalf("error %v, want %v", err, statedb.ErrRoot)
		}
		if err := c.Durable(bg); !errors.Is(err, statedb.ErrRoot) {
			t.Fatalf("durable: %v", err)
		}
	}
	if head := g.db.Head(); head.Hash != parent.hash {
		t.Fatalf("head is %d %x", head.Height, head.Hash)
	}
	g.line(3)
	must(t, g.db.Close())
	g.open()
	if head := g.db.Head(); head.Root != g.blocks[6].root {
		t.Fatalf("head after opening again is %d %x", head.Height, head.Root)
	}
	must(t, g.db.Close())
}

// TestNoDiff: a block that comes without a diff changed nothing.
func TestNoDiff(t *testing.T) {
	g := newForestry(t, 7, vfs.NewMem())
	g.line(2)
	parent := g.blocks[2]
	w, err := g.db.Begin(parent.hash)
	must(t, err)
	c, err := w.Commit(bg, statedb.Block{Height: parent.height + 1, Hash: common.Hash{1}})
	must(t, err)
	if root, err := c.Root(bg); err != nil || root != parent.root {
		t.Fatalf("root %s, %v, want %s", root.Hex(), err, parent.root.Hex())
	}
	must(t, g.db.Close())
}

// commit commits a block of its own, without looking at the root.
func (g *forestry) commit(parent, hash, want common.Hash) (common.Hash, *statedb.Commit) {
	w, err := g.db.Begin(parent)
	must(g.t, err)
	c, err := w.Commit(bg, statedb.Block{Height: w.Height() + 1, Hash: hash, Want: want, Diff: g.Diff(5, 5)})
	must(g.t, err)
	return hash, c
}

// TestProveOld proves accounts under every root of the window; go-ethereum verifies.
func TestProveOld(t *testing.T) {
	g := newForestry(t, 2, vfs.NewMem())
	g.line(8)
	for _, b := range g.blocks[1:] {
		for _, addr := range g.Addrs[:40] {
			p, err := g.db.Prove(b.root, addr, []common.Hash{world.Word(1)})
			must(t, err)
			nodes := memorydb.New()
			for _, n := range p.AccountProof {
				must(t, nodes.Put(crypto.Keccak256(n), n))
			}
			leaf, err := trie.VerifyProof(b.root, crypto.Keccak256(addr[:]), nodes)
			must(t, err)
			want, ok := b.state.Alloc()[addr]
			if (leaf != nil) != ok || ok && want.Balance.Cmp(p.Balance.ToInt()) != 0 {
				t.Fatalf("block %d account %s: proof of %x, balance %v, want %v", b.height, addr, leaf, p.Balance, want.Balance)
			}
		}
	}
	if _, err := g.db.Prove(common.Hash{9}, g.Addrs[0], nil); !errors.Is(err, store.ErrUnknown) {
		t.Fatalf("proof under a root that is unknown: %v", err)
	}
	must(t, g.db.Close())
}

// TestDiskFails: every write to the disk is made to fail once. Commits end with an error,
// nothing hangs, and what was acknowledged is there afterwards.
func TestDiskFails(t *testing.T) {
	for n := int32(1); n < 400; n += 1 + n/8 {
		mem := vfs.NewCrashableMem()
		g := newForestry(t, int64(n), mem)
		g.line(2)
		must(t, g.db.Close())
		fail := errorfs.OnIndex(n)
		g.fs = errorfs.Wrap(mem, errorfs.ErrInjected.If(errorfs.And(errorfs.Writes, fail)))
		acked, err := g.until(5)
		if err == nil {
			continue // the fault came too late
		}
		// What failed keeps its lock. All that was written is there.
		g.fs = mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(0, 0))})
		g.open()
		if head := g.db.Head(); head.Height < acked {
			t.Fatalf("fault %d: head is block %d, %d was durable", n, head.Height, acked)
		}
		must(t, g.db.Close())
	}
}

// until grows up to n blocks, each durable, until something fails.
func (g *forestry) until(n int) (durable uint64, err error) {
	if g.db, err = statedb.Open("db", statedb.Options{Store: store.Options{FS: g.fs}}); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, g.db.Close()) }()
	for range n {
		head := g.db.Head()
		durable = head.Height
		w, err := g.db.Begin(head.Hash)
		if err != nil {
			return durable, err
		}
		c, err := w.Commit(bg, statedb.Block{Height: head.Height + 1, Hash: crypto.Keccak256Hash(head.Hash[:]), Diff: g.Diff(30, 5)})
		if err != nil {
			return durable, err
		}
		if err := c.Durable(bg); err != nil {
			return durable, err
		}
	}
	return g.db.Head().Height, nil
}

// TestConcurrent: blocks on one parent are begun, hinted at and committed by several goroutines
// at once; each gets its own root.
func TestConcurrent(t *testing.T) {
	g := newForestry(t, 3, vfs.NewMem())
	g.line(3)
	parent := g.blocks[3]
	var wg sync.WaitGroup
	for i := range 12 {
		state := copyOf(t, parent.state)
		g.State = state
		d := world.Absolute(state, g.Diff(40, 9))
		early := g.SettledOf(state, d)
		must(t, state.Apply(d))
		wg.Go(func() {
			w, err := g.db.Begin(parent.hash)
			if err != nil {
				t.Error(err)
				return
			}
			w.Expect(world.KeysOf(d))
			w.Settled(early, nil, 10)
			if i%3 == 0 {
				if err := w.Apply(d); err != nil {
					t.Error(err)
				}
				if _, err := w.Root(); err != nil {
					t.Error(err)
				}
			}
			if i%4 == 1 {
				if err := w.Discard(); err != nil {
					t.Error(err)
				}
				return
			}
			c, err := w.Commit(bg, statedb.Block{Height: 4, Hash: common.Hash{byte(i), 1}, Want: state.AllocRoot(), Diff: d})
			if err == nil {
				_, err = c.Root(bg)
			}
			if err != nil {
				t.Errorf("block %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	must(t, g.db.Close())
	if _, err := g.db.Begin(parent.hash); err == nil {
		w, _ := g.db.Begin(parent.hash)
		if _, err := w.Commit(bg, statedb.Block{Height: 4, Hash: common.Hash{77}}); err == nil {
			t.Fatal("a closed database takes blocks")
		}
	}
}
