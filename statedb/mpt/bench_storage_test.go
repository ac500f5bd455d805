package mpt

import (
	"fmt"
	"math/rand"
	"sync"
	"testing"

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
