package mpt

import (
	"fmt"
	"maps"
	"math/rand"
	"testing"

	"github.com/ethereum/go-ethereum/common"
)

// restoring is the batch that gives keys the values of another content.
func restoring(content map[common.Hash][]byte, keys map[common.Hash]bool) []Item {
	var batch []Item
	for key := range keys {
		batch = append(batch, Item{key, content[key]})
	}
	return sorted(batch)
}

// changed updates the trie some times, with or without hashing in between, and says which
// keys that were.
func (w *world) changed(r *rand.Rand, s *style, n int) map[common.Hash]bool {
	w.t.Helper()
	keys := make(map[common.Hash]bool)
	for range 1 + r.Intn(3) {
		w.tick()
		batch := s.batch(r, 1+r.Intn(n))
		for i := range batch {
			keys[batch[i].Key] = true
		}
		w.update(batch)
		switch r.Intn(5) {
		case 0:
			w.anyEarly(r, s)
		case 1:
			w.hash()
		case 2:
			w.arena.Prune([]*Trie{w.trie}, 0, 1)
			w.audit()
		}
	}
	return keys
}

// undone takes back what was changed, which the store does not have, by setting all keys
// to their old values. Then it is collected, or not yet.
func (w *world) undone(r *rand.Rand, s *style, n int) {
	w.t.Helper()
	root, err := w.trie.Root()
	if err != nil {
		w.t.Fatal(err)
	}
	old := maps.Clone(w.content)
	keys := w.changed(r, s, n)
	if r.Intn(4) == 0 {
		if err := w.trie.Clear(); err != nil {
			w.t.Fatal(err)
		}
		clear(w.content)
		for key := range old {
			keys[key] = true
		}
	}
	w.hash()
	w.update(restoring(old, keys))
	if r.Intn(2) == 0 {
		w.anyEarly(r, s)
	}
	w.hash()
	if got, _ := w.trie.Root(); got != root {
		w.t.Fatalf("root %s after going back, want %s", got, root)
	}
	if r.Intn(3) > 0 {
		w.collect()
	}
}

// dropped leaves what was changed, which the store does not have, with Reset.
func (w *world) dropped(r *rand.Rand, s *style, n int) {
	w.t.Helper()
	w.hash()
	w.collect()
	root, err := w.trie.Root()
	if err != nil {
		w.t.Fatal(err)
	}
	old := maps.Clone(w.content)
	w.changed(r, s, n)
	if r.Intn(2) == 0 {
		if err := w.trie.Clear(); err != nil {
			w.t.Fatal(err)
		}
		clear(w.content)
		w.changed(r, s, n)
	}
	if r.Intn(2) == 0 {
		w.hash()
	}
	w.trie.Reset(root)
	w.content = old
	w.audit()
	w.hash()
	w.collect() // nothing
}

// Blocks that stay, blocks that are undone and blocks that are dropped, in any order.
// What is collected after each is all that the store needs: see collect.
func TestUndo(t *testing.T) {
	rounds := 60
	if testing.Short() {
		rounds = 20
	}
	for _, workers := range []int{1, 2, 8} {
		c := Config{Workers: workers, Readers: workers}
		for i := range styles {
			s := &styles[i]
			t.Run(fmt.Sprintf("%s/%d", s.name, workers), func(t *testing.T) {
				for seed := range int64(8) {
					w := newWorld(t, c)
					r := rand.New(rand.NewSource(seed))
					for range rounds {
						n := 1 + r.Intn(1<<r.Intn(9))
						switch r.Intn(4) {
						case 0, 1:
							w.undone(r, s, n)
						case 2:
							w.dropped(r, s, n)
						default:
							w.round(r, s, n)
						}
					}
					w.collect()
				}
			})
		}
	}
}

// An account that is destroyed in a block which then is not taken has all its storage.
func TestClearThenReset(t *testing.T) {
	for i := range styles {
		s := &styles[i]
		w := newWorld(t, Config{})
		r := rand.New(rand.NewSource(1))
		w.update(s.batch(r, 100))
		w.hash()
		w.collect()
		root, _ := w.trie.Root()
		if err := w.trie.Clear(); err != nil {
			t.Fatal(err)
		}
		old := w.content
		w.content = make(map[common.Hash][]byte)
		w.update(s.batch(r, 20))
		w.hash()
		w.trie.Reset(root)
		w.content = old
		w.update(s.batch(r, 20))
		w.hash()
		err := w.trie.Collect(func(c *Change) error {
			if c.All {
				t.Error("all nodes are void, of a trie that was never cleared")
			}
			return errDisk
		})
		if err != errDisk {
			t.Fatalf("error is %v", err)
		}
		w.trie.Reset(root)
		w.content = make(map[common.Hash][]byte)
		if err := w.trie.Clear(); err != nil {
			t.Fatal(err)
		}
		w.update(s.batch(r, 20))
		w.hash()
		w.collect()
	}
}
