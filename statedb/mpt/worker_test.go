package mpt

import (
	"math/rand"
	"runtime"
	"sync"
	"testing"

	"github.com/ethereum/go-ethereum/common"
)

// Many goroutines use tries of one arena, while the garbage collector makes the pool
// forget idle workers: no worker has two users, none is lost, and the books are right.
func TestArenaShared(t *testing.T) {
	const goroutines, each, rounds = 8, 12, 15
	a := NewArena(Config{Workers: 4, Readers: 4})
	tries := make([]*Trie, goroutines*each)
	contents := make([]map[common.Hash][]byte, len(tries))
	for i := range tries {
		tries[i], contents[i] = a.New(common.Hash{byte(i)}, common.Hash{}, newRecords()), make(map[common.Hash][]byte)
	}
	for round := range rounds {
		var wg sync.WaitGroup
		for g := range goroutines {
			wg.Go(func() {
				for i := g * each; i < (g+1)*each; i++ {
					n := 3
					if i%each == round%each {
						n = 800 // this one is for several workers
					}
					batch := styles[i%len(styles)].batch(rand.New(rand.NewSource(int64(i*rounds+round))), n)
					if err := block(tries[i], batch, contents[i]); err != nil {
						t.Error(err)
					}
				}
			})
		}
		runtime.GC()
		runtime.GC()
		wg.Wait()
		if err := a.Hash(tries); err != nil {
			t.Fatal(err)
		}
	}
	size := int64(0)
	for i, tr := range tries {
		want, _ := scratch(t, contents[i])
		if got, err := tr.Root(); err != nil || got != want {
			t.Errorf("trie %d has root %s, want %s (%v)", i, got, want, err)
		}
		size += tr.Size()
	}
	if size != a.Size() {
		t.Errorf("tries have %d bytes, the arena %d", size, a.Size())
	}
	if most := goroutines * 17; len(a.workers) > most { // one for each child of a branch
		t.Errorf("%d workers, %d can be busy at once", len(a.workers), most)
	}
	for _, w := range a.workers {
		if w.busy.Load() {
			t.Error("a worker is busy for ever")
		}
	}
}

// block is a trie's part of one, but for the final Hash and Collect.
func block(tr *Trie, batch []Item, content map[common.Hash][]byte) error {
	if err := tr.Resolve(batch); err != nil {
		return err
	}
	if err := tr.GetBatch(keysOf(batch), func(int, []byte) {}); err != nil {
		return err
	}
	for _, it := range batch {
		content[it.Key] = it.Value
		if len(it.Value) == 0 {
			delete(content, it.Key)
		}
	}
	if err := tr.Update(batch); err != nil {
		return err
	}
	return tr.HashEarly(keysOf(batch[:len(batch)/2]), 10)
}

// What the pool forgets is found again: a worker has memory of the arena.
func TestNoWorkerIsLost(t *testing.T) {
	w := newWorld(t, Config{})
	for range 20 {
		w.update(styles[0].batch(rand.New(rand.NewSource(1)), 10))
		runtime.GC()
		runtime.GC()
	}
	if n := len(w.arena.workers); n != 1 {
		t.Errorf("%d workers for one user", n)
	}
}
