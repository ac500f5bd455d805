package mpt

import (
	"bytes"
	"errors"
	"math/rand"
	"testing"

	"github.com/ethereum/go-ethereum/common"
)

// getBatch reads keys, and compares with the content.
func (w *world) getBatch(keys []common.Hash) {
	w.t.Helper()
	next := 0
	err := w.trie.GetBatch(keys, func(i int, value []byte) {
		if i != next {
			w.t.Fatalf("key %d is visited after %d", i, next-1)
		}
		next++
		if !bytes.Equal(value, w.content[keys[i]]) || (value == nil) != (w.content[keys[i]] == nil) {
			w.t.Fatalf("key %s is %x, want %x", keys[i], value, w.content[keys[i]])
		}
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if next != len(keys) {
		w.t.Fatalf("%d of %d keys visited", next, len(keys))
	}
}

// A batch of reads has the values that Get has one by one, and leaves nothing to load,
// whatever part of the trie is in memory, and whether it is hashed or not.
func TestGetBatch(t *testing.T) {
	configs(t, func(name string, c Config) {
		for i := range styles {
			s := &styles[i]
			t.Run(name+"/"+s.name, func(t *testing.T) {
				r := rand.New(rand.NewSource(int64(i)))
				w := newWorld(t, c)
				w.getBatch(keysOf(s.batch(r, 10))) // of an empty trie
				for range 12 {
					w.tick()
					w.update(s.batch(r, 1+r.Intn(1500)))
					w.getBatch(keysOf(s.batch(r, 500)))
					w.hash()
					w.collect()
					switch r.Intn(3) {
					case 0:
						w.reopen()
					case 1:
						w.arena.Prune([]*Trie{w.trie}, 0, w.arena.Size()*int64(1+r.Intn(9))/10)
					}
					keys := keysOf(s.batch(r, 1+r.Intn(1500)))
					w.getBatch(keys)
					reads := w.store.reads
					for _, key := range keys {
						got, err := w.trie.Get(key)
						if err != nil || !bytes.Equal(got, w.content[key]) {
							t.Fatalf("key %s is %x, want %x (%v)", key, got, w.content[key], err)
						}
					}
					if w.store.reads != reads {
						t.Errorf("%d nodes read again", w.store.reads-reads)
					}
					w.audit()
				}
			})
		}
	})
}

func TestGetBatchFails(t *testing.T) {
	s := &styles[0]
	w := newWorld(t, Config{Workers: 8, Readers: 8})
	w.update(s.batch(rand.New(rand.NewSource(1)), 600))
	w.hash()
	w.collect()
	visited := func(i int, _ []byte) { t.Errorf("key %d is visited", i) }
	if w.trie.GetBatch([]common.Hash{{2}, {1}}, visited) == nil {
		t.Error("keys in no order")
	}
	if err := w.trie.GetBatch(nil, visited); err != nil {
		t.Error(err)
	}
	var keys []common.Hash
	for _, it := range restoring(w.content, keySet(w.content)) {
		keys = append(keys, it.Key)
	}
	for path := range w.store.nodes {
		w.reopen()
		w.store.hidden = map[string]bool{path: true}
		var missing *MissingNodeError
		if err := w.trie.GetBatch(keys, visited); !errors.As(err, &missing) || string(missing.Path) != path {
			t.Fatalf("without the node at %x: %v", path, err)
		}
		w.store.hidden = nil
		w.getBatch(keys) // no harm was done
	}
	_ = w.trie.fail(errDisk)
	if w.trie.GetBatch(nil, visited) == nil {
		t.Error("a poisoned trie is read")
	}
}

// More keys than a group has end at one leaf.
func TestGetBatchOfOneLeaf(t *testing.T) {
	w := newWorld(t, Config{})
	keys := make([]common.Hash, 2*warmRun)
	for i := range keys {
		keys[i][30], keys[i][31] = byte(i>>8), byte(i)
	}
	w.update([]Item{{keys[300], []byte{1}}})
	w.getBatch(keys)
}

func keySet(content map[common.Hash][]byte) map[common.Hash]bool {
	keys := make(map[common.Hash]bool)
	for key := range content {
		keys[key] = true
	}
	return keys
}

// What a Resolve finds in memory it does not give to other goroutines, and what it does
// there makes no garbage: so storage tries with a slot or two are cheap.
func TestSmallTriesMakeNoGarbage(t *testing.T) {
	const n = 500
	a := NewArena(Config{Workers: 8, Readers: 8})
	tries, blocks := small(n, a)
	keys := make([][]common.Hash, n)
	for i, batch := range blocks[0] {
		keys[i] = keysOf(batch)
	}
	round := 0
	block := func() {
		round++
		for i, tr := range tries {
			batch := blocks[round%2][i]
			if tr.Resolve(batch) != nil || tr.GetBatch(keys[i], func(int, []byte) {}) != nil || tr.Update(batch) != nil {
				t.Fatal(tr.Err())
			}
		}
		if err := a.Hash(tries); err != nil {
			t.Fatal(err)
		}
		for _, tr := range tries {
			if err := tr.Collect(func(*Change) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
	}
	block()
	if allocs := testing.AllocsPerRun(20, block); allocs >= n { // a few; hundreds with the race detector
		t.Errorf("%.0f allocations for %d tries", allocs, n)
	}
}
