package mpt

import (
	"bytes"
	"math/rand"
	"testing"
)

// guesses are what the content has of some keys, and of one in lies something else.
func (w *world) guesses(r *rand.Rand, s *style, n, lies int) []Item {
	batch := s.batch(r, n)
	for i := range batch {
		batch[i].Value = w.content[batch[i].Key]
		if r.Intn(lies) == 0 {
			batch[i].Value = bytes.Repeat([]byte{byte(r.Intn(256))}, 1+r.Intn(50))
		}
	}
	return batch
}

// Right guesses save reads, and wrong ones change nothing: afterwards the trie has its
// content, root and records, and the nodes on the way need not be asked for again.
func TestGuess(t *testing.T) {
	configs(t, func(name string, c Config) {
		saved := int64(0)
		for i := range styles {
			s := &styles[i]
			t.Run(name+"/"+s.name, func(t *testing.T) {
				r := rand.New(rand.NewSource(int64(i)))
				w := newWorld(t, c)
				for range 12 {
					w.tick()
					w.update(s.batch(r, 1+r.Intn(1500)))
					w.hash()
					w.collect()
					if r.Intn(3) > 0 {
						w.reopen()
					} else {
						w.arena.Prune([]*Trie{w.trie}, 0, w.arena.Size()*int64(1+r.Intn(9))/10)
					}
					before := w.arena.Guessed()
					batch := w.guesses(r, s, 1+r.Intn(500), 1+r.Intn(4))
					if err := w.trie.Guess(batch); err != nil {
						t.Fatal(err)
					}
					w.audit()
					saved += w.arena.Guessed() - before
					reads := w.store.reads
					w.getBatch(keysOf(batch))
					if w.store.reads != reads {
						t.Errorf("%d nodes read again", w.store.reads-reads)
					}
					w.update(s.batch(r, 1+r.Intn(300))) // and the records of guessed leaves come and go
					w.hash()
					w.collect()
				}
			})
		}
		if saved == 0 {
			t.Errorf("%s: no guess was right", name)
		}
	})
}

// With all of the content known no leaf below a branch is read.
func TestGuessesSaveReads(t *testing.T) {
	s := &styles[0]
	r := rand.New(rand.NewSource(1))
	w := newWorld(t, Config{})
	w.update(s.batch(r, 3000))
	w.hash()
	w.collect()
	w.reopen()
	var batch []Item
	for _, it := range s.batch(r, 1000) {
		if v := w.content[it.Key]; v != nil {
			batch = append(batch, Item{it.Key, v})
		}
	}
	keys := keysOf(batch)
	before := w.store.reads
	w.getBatch(keys)
	plain := w.store.reads - before
	w.reopen()
	before = w.store.reads
	if err := w.trie.Guess(batch); err != nil {
		t.Fatal(err)
	}
	guessed := w.store.reads - before
	if leaves := int(w.arena.Guessed()); plain-guessed != leaves || leaves < len(keys)/2 {
		t.Errorf("%d keys: %d reads, with guesses %d, %d leaves guessed", len(keys), plain, guessed, leaves)
	}
}
