package mpt

import (
	"bytes"
	"math/rand"
	"slices"
	"testing"
)

// TestPruneLeavesFirst: of nodes that were last touched by the same block, leaves go first, and no
// more than must. Where their content is known little is read then.
func TestPruneLeavesFirst(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	w := newWorld(t, Config{})
	w.update(styles[0].batch(r, 5000))
	w.hash()
	w.collect()
	var all []Item
	for key, value := range w.content {
		all = append(all, Item{key, value})
	}
	slices.SortFunc(all, func(a, b Item) int { return bytes.Compare(a.Key[:], b.Key[:]) })
	leaves := int64(0)
	for i := range all {
		leaves += int64(classUnits(classOf(leafSize+len(all[i].Value)))) * unit
	}
	w.tick()
	whole := w.arena.Size()
	for _, excess := range []int64{leaves / 3, leaves * 9 / 10, leaves + (whole-leaves)/2} {
		limit := whole - excess
		w.arena.Prune([]*Trie{w.trie}, 1<<31, limit)
		w.audit()
		if size := w.arena.Size(); size > limit || size < limit-branchSizeMost {
			t.Errorf("%d bytes, of which leaves %d: %d are left, want %d", whole, leaves, size, limit)
		}
		before := w.store.reads
		if err := w.trie.Guess(all); err != nil {
			t.Fatal(err)
		}
		// (The children of a full branch are read: they are branches, mostly.)
		if reads := w.store.reads - before; (reads < len(all)/4) != (excess < leaves) {
			t.Errorf("%d keys, %d of %d bytes pruned, of which leaves %d: %d nodes read again", len(all), excess, whole, leaves, reads)
		}
	}
}

const branchSizeMost = 640
