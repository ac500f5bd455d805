package statedb_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/statedb"
	"github.com/gpuevm/gpuevm/statedb/internal/world"
	"github.com/gpuevm/gpuevm/statedb/store"
	"go.uber.org/goleak"
)

// TestCloseAmidWork: with a block that is hinted at and never ended, and others on their way,
// Close leaves no goroutine behind, and what was committed is there.
func TestCloseAmidWork(t *testing.T) {
	before := goleak.IgnoreCurrent()
	g := newForestry(t, 1, vfs.NewMem())
	g.line(3)
	b, _ := g.grow(g.blocks[3])
	w, err := g.db.Begin(b.hash)
	must(t, err)
	d := g.Diff(100, 9)
	w.Expect(world.KeysOf(d))
	w.Settled(world.Absolute(b.state, d), nil, 10)
	must(t, g.db.Close())
	goleak.VerifyNone(t, before)
	w.Expect(world.KeysOf(d)) // too late, and harmless
	if _, err := w.Root(); err == nil {
		t.Fatal("a closed database has roots")
	}
	goleak.VerifyNone(t, before)
	g.open()
	if got := g.db.Head(); got.Hash != b.hash || got.Root != b.root {
		t.Fatalf("head is %d %x, want %d %x", got.Height, got.Hash, b.height, b.hash)
	}
	must(t, g.db.Close())
}

// TestWaitsEnd: who waits for a place, a root or the disk stops waiting with the context.
func TestWaitsEnd(t *testing.T) {
	g := &forestry{World: world.New(4), t: t, fs: vfs.NewMem()}
	db, err := statedb.Open("db", statedb.Options{Store: store.Options{FS: g.fs, Sync: store.OnDemand}, Behind: 1})
	must(t, err)
	g.db = db
	w, err := db.Begin(common.Hash{})
	must(t, err)
	c, err := w.Commit(bg, statedb.Block{Height: 1, Hash: common.Hash{1}, Diff: g.Diff(50, 9)})
	must(t, err)
	_, err = c.Root(bg)
	must(t, err)
	ctx, cancel := context.WithTimeout(bg, 20*time.Millisecond)
	defer cancel()
	if err := c.Durable(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("durable without a sync: %v", err)
	}
	over, stop := context.WithCancel(bg)
	stop()
	if w, err = db.Begin(common.Hash{1}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(over, statedb.Block{Height: 2, Hash: common.Hash{2}, Diff: g.Diff(5, 5)}); !errors.Is(err, context.Canceled) {
		t.Fatalf("commit with a context that is over: %v", err)
	}
	must(t, db.Sync(bg))
	must(t, c.Durable(bg))
	must(t, db.Close())
}
