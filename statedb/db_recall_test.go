package statedb_test

import (
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/gpuevm/gpuevm/statedb"
	"github.com/gpuevm/gpuevm/statedb/internal/world"
)

// TestRecall: after a restart on a real disk, leaves that hold what execution has read are
// not read again, and the root is that of the content.
func TestRecall(t *testing.T) {
	dir := t.TempDir()
	w := world.New(7)
	genesis := w.Diff(250, 30)
	must(t, w.State.Apply(genesis))
	db, err := statedb.Open(dir, statedb.Options{})
	must(t, err)
	must(t, db.Genesis(bg, common.Hash{1}, w.State.AllocRoot(), w.State.Alloc()))
	must(t, db.Close())

	db, err = statedb.Open(dir, statedb.Options{})
	must(t, err)
	work, err := db.Begin(common.Hash{1})
	must(t, err)
	d := world.Absolute(w.State, w.Diff(100, 20))
	for _, key := range world.KeysOf(d) {
		want, _ := w.State.Read(key)
		if got, err := work.Read(key); err != nil || got != want {
			t.Fatalf("%s is %x, want %x (%v)", key, got, want, err)
		}
	}
	must(t, w.State.Apply(d))
	must(t, work.Apply(d))
	root, err := work.Root()
	if want := w.State.AllocRoot(); err != nil || root != want || root == types.EmptyRootHash {
		t.Fatalf("root %x, want %x (%v)", root, want, err)
	}
	if s := db.Stats().Forest; s.Guessed < 20 || s.Loaded == 0 {
		t.Errorf("%d leaves known, %d nodes loaded", s.Guessed, s.Loaded)
	}
	must(t, work.Discard())
	must(t, db.Close())
}
