package mpt

import (
	"math/rand"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
)

// Many goroutines use tries of one arena, while the garbage collector runs and
// more workers are idle than the shelf has places for: no worker has two users, none is lost, and the books are right.
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

// What the shelf forgets is found again: a worker has memory of the arena.
func TestNoWorkerIsLost(t *testing.T) {
	w := newWorld(t, Config{})
	for range 20 {
		w.update(styles[0].batch(rand.New(rand.NewSource(1)), 10))
		for w.arena.idle.take() != nil {
		}
	}
	if n := len(w.arena.workers); n != 1 {
		t.Errorf("%d workers for one user", n)
	}
}

// An arena that nobody uses any more is garbage at once: with those that the runtime kept
// until the collection after, a program of many small arenas ran out of memory.
func TestArenaIsGarbage(t *testing.T) {
	var gone atomic.Int32
	const arenas = 5
	for i := range arenas {
		w := newWorld(t, Config{Workers: 2})
		w.update(styles[0].batch(rand.New(rand.NewSource(int64(i))), 2000))
		runtime.AddCleanup(w.arena, func(int) { gone.Add(1) }, 0)
	}
	runtime.GC() // one: at the second a pool would let go, too
	for range 100 {
		if gone.Load() == arenas {
			return
		}
		time.Sleep(20 * time.Millisecond) // cleanups run in the background
	}
	t.Errorf("%d of %d arenas are kept", arenas-gone.Load(), arenas)
}
