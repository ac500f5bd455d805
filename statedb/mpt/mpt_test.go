package mpt

import (
	"bytes"
	"math/rand"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
)

// round is one block: some batches, then the root, the records, and what may happen to a
// trie between blocks.
func (w *world) round(r *rand.Rand, s *style, n int) {
	w.t.Helper()
	w.tick()
	for range 1 + r.Intn(3) {
		batch := s.batch(r, 1+r.Intn(n))
		if r.Intn(2) == 0 {
			if err := w.trie.Resolve(batch); err != nil {
				w.t.Fatal(err)
			}
		}
		w.update(batch)
		if r.Intn(2) == 0 {
			w.anyEarly(r, s)
		}
	}
	switch r.Intn(20) {
	case 0:
		if err := w.trie.Clear(); err != nil {
			w.t.Fatal(err)
		}
		clear(w.content)
		w.update(s.batch(r, n))
	case 1:
		w.arena.Prune([]*Trie{w.trie}, 0, 1) // changes stay
	}
	w.hash()
	if r.Intn(5) == 0 {
		return // the next block's changes are collected with these
	}
	w.collect()
	w.getBatch(keysOf(s.batch(r, r.Intn(50))))
	w.check(keysOf(s.batch(r, 4)))
	switch r.Intn(4) {
	case 0:
		w.reopen()
	case 1:
		w.arena.Prune([]*Trie{w.trie}, uint32(r.Intn(3)), 0)
		w.audit()
	case 2:
		w.arena.Prune([]*Trie{w.trie}, 5, w.arena.Size()/2)
		w.audit()
	}
}

func TestRandom(t *testing.T) {
	rounds := 60
	if testing.Short() {
		rounds = 15
	}
	configs(t, func(name string, c Config) {
		for i := range styles {
			s := &styles[i]
			t.Run(name+"/"+s.name, func(t *testing.T) {
				for seed := range int64(4) {
					w := newWorld(t, c)
					r := rand.New(rand.NewSource(seed))
					for range rounds {
						w.round(r, s, 1+r.Intn(1<<r.Intn(10)))
					}
				}
			})
		}
	})
}

func TestEmpty(t *testing.T) {
	w := newWorld(t, Config{})
	w.hash()
	w.collect()
	w.update([]Item{{Key: common.Hash{1}}})
	w.hash()
	w.update([]Item{{Key: common.Hash{1}, Value: []byte{5}}})
	w.hash()
	w.collect()
	w.check([]common.Hash{{1}, {2}})
	w.update([]Item{{Key: common.Hash{1}}})
	w.hash()
	w.collect()
	if w.arena.Size() != 0 || len(w.store.nodes) != 0 {
		t.Errorf("%d bytes and %d records of an empty trie", w.arena.Size(), len(w.store.nodes))
	}
	if err := w.trie.Clear(); err != nil || w.trie.unsent {
		t.Error("clearing nothing is a change")
	}
	if root, err := w.arena.New(common.Hash{}, common.Hash{}, nil).Root(); err != nil || root != types.EmptyRootHash {
		t.Errorf("no root is %s, %v", root, err)
	}
}

// What changes nothing makes nothing dirty.
func TestSameAgain(t *testing.T) {
	w := newWorld(t, Config{Workers: 2})
	batch := styles[0].batch(rand.New(rand.NewSource(1)), 500)
	w.update(batch)
	w.hash()
	w.collect()
	if err := w.trie.Update(batch); err != nil {
		t.Fatal(err)
	}
	if _, err := w.trie.Root(); err != nil {
		t.Errorf("same values: %v", err)
	}
	err := w.trie.Collect(func(c *Change) error { t.Errorf("path %x is written again", c.Path); return nil })
	if err != nil {
		t.Error(err)
	}
}

// A value goes through all lengths that RLP tells apart.
func TestValueLengths(t *testing.T) {
	w := newWorld(t, Config{})
	for _, n := range []int{1, 2, 30, 31, 32, 33, 54, 55, 56, 57, 255, 256, 257, 1000, 5000, 65535} {
		for _, b := range []byte{1, 0x7f, 0x80, 0xff} {
			w.update([]Item{
				{Key: common.Hash{1}, Value: bytes.Repeat([]byte{b}, n)},
				{Key: common.Hash{1, 1}, Value: bytes.Repeat([]byte{b}, n)},
			})
			w.hash()
			w.collect()
			w.reopen()
			w.check([]common.Hash{{1}, {1, 1}, {2}})
		}
	}
}

func TestBadBatch(t *testing.T) {
	w := newWorld(t, Config{})
	w.update([]Item{{Key: common.Hash{1}, Value: []byte{5}}})
	for _, batch := range [][]Item{
		{{Key: common.Hash{2}, Value: []byte{1}}, {Key: common.Hash{1}, Value: []byte{1}}},
		{{Key: common.Hash{2}, Value: []byte{1}}, {Key: common.Hash{2}, Value: []byte{1}}},
		{{Key: common.Hash{2}, Value: make([]byte, maxValue+1)}},
	} {
		if w.trie.Update(batch) == nil || w.trie.Resolve(batch) == nil {
			t.Error("a bad batch is taken")
		}
	}
	if _, err := w.trie.Root(); err != errUnhashed {
		t.Errorf("root before hashing: %v", err)
	}
	if _, err := w.trie.Prove(common.Hash{}); err != errUnhashed {
		t.Errorf("proof before hashing: %v", err)
	}
	if err := w.trie.Collect(nil); err != errUnhashed {
		t.Errorf("collecting before hashing: %v", err)
	}
	w.hash()
}

// A huge storage trie is built, changed and taken apart by several workers.
func TestHuge(t *testing.T) {
	n := 30000
	if testing.Short() {
		n = 5000
	}
	for _, workers := range []int{1, 2, 8} {
		w := newWorld(t, Config{Workers: workers, Readers: workers})
		r := rand.New(rand.NewSource(3))
		all := make([]Item, n)
		for i := range all {
			r.Read(all[i].Key[:])
			all[i].Value = bytesOf(r, 1+r.Intn(33))
		}
		w.update(sorted(all))
		w.hash()
		w.collect()
		w.reopen()
		if err := w.trie.Resolve(all); err != nil {
			t.Fatal(err)
		}
		reads := w.store.reads
		for _, keep := range []int{3, 50, n} { // deletes all but every keep-th
			var batch []Item
			for i := range all {
				if i%keep != 0 || keep == n {
					batch = append(batch, Item{Key: all[i].Key})
				}
			}
			w.update(batch)
			w.hash()
			w.collect()
		}
		if w.store.reads != reads {
			t.Errorf("%d nodes read after Resolve", w.store.reads-reads)
		}
		if w.arena.Size() != 0 {
			t.Errorf("%d bytes are left of an empty trie", w.arena.Size())
		}
	}
}

// Many tries of one arena are hashed together.
func TestManyTries(t *testing.T) {
	for _, workers := range []int{1, 2, 8} {
		a := NewArena(Config{Workers: workers})
		r := rand.New(rand.NewSource(4))
		var tries []*Trie
		var want []common.Hash
		for i := range 300 {
			content := make(map[common.Hash][]byte)
			batch := styles[i%len(styles)].batch(r, r.Intn(12))
			tr := a.New(common.Hash{byte(i)}, common.Hash{}, nil)
			if err := tr.Update(batch); err != nil {
				t.Fatal(err)
			}
			for _, it := range batch {
				if it.Value != nil {
					content[it.Key] = it.Value
				}
			}
			root, _ := scratch(t, content)
			tries, want = append(tries, tr), append(want, root)
		}
		if err := a.Hash(tries); err != nil {
			t.Fatal(err)
		}
		for i, tr := range tries {
			if got, err := tr.Root(); err != nil || got != want[i] {
				t.Fatalf("trie %d has root %s, want %s (%v)", i, got, want[i], err)
			}
		}
	}
}
