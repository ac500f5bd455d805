package mpt

import (
	"fmt"
	"math/rand"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/trie"
)

func slotValue(r *rand.Rand) []byte { return bytesOf(r, 1+r.Intn(32)) }

// BenchmarkStorage is a block that changes many storage tries by a few slots each, which
// is what blocks are like. Ours are updated one after the other, then hashed together;
// go-ethereum's each on its own, on all cores.
func BenchmarkStorage(b *testing.B) {
	const tries, slots = 2000, 200
	arena := NewArena(config(b))
	r := rand.New(rand.NewSource(1))
	ours, theirs := make([]*Trie, tries), make([]*trie.Trie, tries)
	keys := make([][]common.Hash, tries)
	for i := range tries {
		items := make([]Item, slots)
		for j := range items {
			r.Read(items[j].Key[:])
			items[j].Value = slotValue(r)
		}
		items = sorted(items)
		keys[i] = keysOf(items)
		ours[i], theirs[i] = arena.New(common.Hash{byte(i)}, common.Hash{}, nil), trie.NewEmpty(nil)
		must(b, ours[i].Update(items))
		must(b, theirs[i].UpdateBatch(split(items)))
		theirs[i].Hash()
	}
	must(b, arena.Hash(ours))
	for _, n := range []int{1, 5, 20} {
		b.Run(fmt.Sprintf("%dx%d", tries, n), func(b *testing.B) {
			var s stages
			for b.Loop() {
				batches := make([][]Item, tries)
				for i := range batches {
					for range n {
						batches[i] = append(batches[i], Item{keys[i][r.Intn(slots)], slotValue(r)})
					}
					batches[i] = sorted(batches[i])
				}
				s.time("update", func() {
					for i, t := range ours {
						must(b, t.Update(batches[i]))
					}
				})
				s.time("hash", func() { must(b, arena.Hash(ours)) })
				s.time("geth", func() {
					each(theirs, func(i int) { must(b, theirs[i].UpdateBatch(split(batches[i]))); theirs[i].Hash() })
				})
				for i := range ours {
					if got, _ := ours[i].Root(); got != theirs[i].Hash() {
						b.Fatalf("trie %d: root %s, go-ethereum has %s", i, got, theirs[i].Hash())
					}
				}
			}
			s.report(b)
			b.ReportMetric(s.median("geth")/s.median("update", "hash"), "ratio")
		})
	}
}

// each runs f for all indices, on all cores.
func each(tries []*trie.Trie, f func(i int)) {
	var wg sync.WaitGroup
	for worker := range *workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := worker; i < len(tries); i += *workers {
				f(i)
			}
		}()
	}
	wg.Wait()
}

// small are storage tries of all sizes, hashed and collected, and blocks that change the
// same one to three slots of each, in turns.
func small(n int, a *Arena) (tries []*Trie, blocks [2][][]Item) {
	r := rand.New(rand.NewSource(1))
	for i := range n {
		items := make([]Item, 1+r.Intn(1<<r.Intn(11)))
		for j := range items {
			r.Read(items[j].Key[:])
			items[j].Value = slotValue(r)
		}
		t := a.New(common.Hash{byte(i), byte(i >> 8)}, common.Hash{}, blobs{})
		_ = t.Update(sorted(items))
		tries = append(tries, t)
		var keys []common.Hash
		for range 1 + r.Intn(3) {
			keys = append(keys, items[r.Intn(len(items))].Key)
		}
		for b := range blocks {
			var batch []Item
			for _, key := range keys {
				batch = append(batch, Item{key, append(bytesOf(r, 31), byte(b))})
			}
			blocks[b] = append(blocks[b], sorted(batch))
		}
	}
	_ = a.Hash(tries)
	for _, t := range tries {
		_ = t.Collect(func(*Change) error { return nil })
	}
	return tries, blocks
}

// BenchmarkSmall says what a storage trie with one to three changed slots costs, apart
// from its nodes. Update runs on one core, and then on several goroutines at once, as the
// store has it.
func BenchmarkSmall(b *testing.B) {
	const n = 10_000
	tries, blocks := small(n, NewArena(config(b)))
	keys := make([][]common.Hash, n)
	for i, batch := range blocks[0] {
		keys[i] = keysOf(batch)
	}
	steps := []struct {
		name string
		do   func(i int, batch []Item) error
	}{
		{"resolve", func(i int, batch []Item) error { return tries[i].Resolve(batch) }},
		{"get", func(i int, _ []Item) error { return tries[i].GetBatch(keys[i], func(int, []byte) {}) }},
		{"update", func(i int, batch []Item) error { return tries[i].Update(batch) }},
		{"hash", nil},
		{"collect", func(i int, _ []Item) error { return tries[i].Collect(func(*Change) error { return nil }) }},
	}
	for _, at := range []int{1, 8} {
		b.Run(fmt.Sprintf("goroutines=%d", at), func(b *testing.B) {
			times, allocs := make([]float64, len(steps)), make([]float64, len(steps))
			rounds := 0
			for b.Loop() {
				rounds++
				for k, step := range steps {
					var before, after runtime.MemStats
					runtime.ReadMemStats(&before)
					start := time.Now()
					if step.do == nil {
						must(b, tries[0].arena.Hash(tries))
					} else {
						shared(at, n, func(i int) { must(b, step.do(i, blocks[rounds%2][i])) })
					}
					times[k] += float64(time.Since(start).Nanoseconds()) / n
					runtime.ReadMemStats(&after)
					allocs[k] += float64(after.Mallocs-before.Mallocs) / n
				}
			}
			b.ReportMetric(0, "ns/op")
			for k, step := range steps {
				b.ReportMetric(times[k]/float64(rounds), step.name+"-ns")
				b.ReportMetric(allocs[k]/float64(rounds), step.name+"-allocs")
			}
		})
	}
}

// shared runs f for all indices, in several goroutines, each with every so-manieth.
func shared(goroutines, n int, f func(i int)) {
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			for i := g; i < n; i += goroutines {
				f(i)
			}
		})
	}
	wg.Wait()
}
