package mpt

import (
	"fmt"
	"math"
	"math/rand"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/statedb/keccak"
)

// staleNodes are the places of all nodes that are not hashed.
func (w *world) staleNodes() map[place]bool {
	found := make(map[place]bool)
	if w.trie.stale {
		w.arena.staleNodes(w.trie.root, place{}, found)
	}
	return found
}

func (a *Arena) staleNodes(r ref, at place, found map[place]bool) {
	found[at] = true
	h := a.head(r)
	switch {
	case h.stale == 0:
	case h.kind == extNode:
		e := a.ext(r)
		for i := int(at.depth); i < int(e.end); i++ {
			setNibble(&at.key, i, nibble(&e.key, i))
		}
		at.depth = e.end
		a.staleNodes(e.child, at, found)
	default:
		b := a.branch(r)
		for n := range 16 {
			if b.stale>>n&1 != 0 {
				c := place{at.key, at.depth + 1}
				setNibble(&c.key, int(at.depth), n)
				a.staleNodes(b.refs[b.rank(n)], c, found)
			}
		}
	}
}

// final is the rule, word for word.
func final(at place, known []common.Hash, unknown int) bool {
	for i := range known {
		if prefix(&known[i], &at.key) >= int(at.depth) {
			return false
		}
	}
	return at.depth > 1 && math.Exp(-float64(unknown)/math.Pow(16, float64(at.depth))) >= 0.9
}

// early hashes early, and checks that what is stale then is what must be.
func (w *world) early(known []common.Hash, unknown int) {
	w.t.Helper()
	want := w.staleNodes()
	for at := range want {
		if final(at, known, unknown) {
			delete(want, at)
		}
	}
	if err := w.trie.HashEarly(known, unknown); err != nil {
		w.t.Fatal(err)
	}
	got := w.staleNodes()
	for at := range got {
		if !want[at] {
			w.t.Fatalf("%d known, %d unknown: node at %x is past its commit point and not hashed", len(known), unknown, appendPath(nil, &at.key, int(at.depth)))
		}
	}
	if len(got) != len(want) {
		w.t.Fatalf("%d known, %d unknown: %d nodes are left, %d are not past their commit point", len(known), unknown, len(got), len(want))
	}
}

// anyEarly hashes early with promises that nobody keeps.
func (w *world) anyEarly(r *rand.Rand, s *style) {
	w.t.Helper()
	var known []common.Hash
	if r.Intn(2) == 0 {
		known = keysOf(s.batch(r, 1+r.Intn(1<<r.Intn(8))))
	}
	w.early(known, r.Intn(2)*r.Intn(1<<r.Intn(16)))
}

// counter counts the hashes that a hasher makes.
type counter struct {
	keccak.Hasher
	n atomic.Int64
}

func (c *counter) Hash(b *keccak.Batch) {
	c.n.Add(int64(b.Len()))
	c.Hasher.Hash(b)
}

// A block in parts, each followed by HashEarly. Kept promises make no node hashed twice,
// and leave to Hash what is above the commit floor.
func TestPromisesKept(t *testing.T) {
	const parts = 7
	for i := range styles {
		s := styles[i]
		s.delete = 0 // a deletion may move a node that is hashed already
		t.Run(s.name, func(t *testing.T) {
			for seed := range int64(10) {
				r := rand.New(rand.NewSource(seed))
				early, late := &counter{Hasher: keccak.Best()}, &counter{Hasher: keccak.Best()}
				w, twin := newWorld(t, Config{Hasher: early}), newWorld(t, Config{Hasher: late})
				first, block := s.batch(r, 300), s.batch(r, 1+r.Intn(300))
				for _, v := range []*world{w, twin} {
					v.update(first)
					v.hash()
				}
				early.n.Store(0)
				late.n.Store(0)
				order := r.Perm(len(block))
				for part := range parts {
					var batch, rest []Item
					for i, it := range block {
						if order[i]%parts == part {
							batch = append(batch, it)
						} else if order[i]%parts > part {
							rest = append(rest, it)
						}
					}
					w.update(batch)
					twin.update(batch)
					w.early(keysOf(rest), 0)
				}
				before := early.n.Load()
				w.hash()
				twin.hash()
				all, want := early.n.Load(), late.n.Load()
				if all != want {
					t.Fatalf("%d nodes hashed, %d without hashing early", all, want)
				}
				if all-before > 17 {
					t.Errorf("%d nodes are left to Hash", all-before)
				}
			}
		})
	}
}

// With nothing but the number of updates to come, about one node in ten that is hashed
// early is hashed again, at most.
func TestPromisedNumber(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	early, late := &counter{Hasher: keccak.Best()}, &counter{Hasher: keccak.Best()}
	w, twin := newWorld(t, Config{Hasher: early, Workers: 2}), newWorld(t, Config{Hasher: late})
	draw := func(n int) []Item {
		items := make([]Item, n)
		for i := range items {
			r.Read(items[i].Key[:])
			items[i].Value = bytesOf(r, 40)
		}
		return sorted(items)
	}
	first := draw(20_000)
	for _, v := range []*world{w, twin} {
		v.update(first)
		v.hash()
	}
	early.n.Store(0)
	late.n.Store(0)
	const parts, size = 20, 100
	for part := range parts {
		batch := draw(size)
		w.update(batch)
		twin.update(batch)
		w.early(nil, size*(parts-1-part))
	}
	before := early.n.Load()
	w.hash()
	twin.hash()
	all, want := early.n.Load(), late.n.Load()
	extra, left := all-want, all-before
	t.Logf("%d nodes hashed early, %d of them again, %d by Hash; %d in all without", before, extra, left, want)
	if extra*10 > before || left > 17 || before < want/2 {
		t.Errorf("%d nodes hashed early, %d of them again, %d by Hash", before, extra, left)
	}
}

func TestCommitDepth(t *testing.T) {
	for _, c := range []struct{ unknown, depth int }{
		{math.MinInt, 2}, {-1, 2}, {0, 2}, {26, 2}, {27, 3}, {431, 3}, {432, 4}, {6904, 4}, {6905, 5}, {math.MaxInt, 17},
	} {
		if got := commitDepth(c.unknown); got != c.depth {
			t.Errorf("%d updates to come: nodes are final from depth %d on, want %d", c.unknown, got, c.depth)
		}
	}
}

// Many items at once, so that several goroutines hash early: their masks and hashes are
// those of one.
func TestEarlyOnManyCores(t *testing.T) {
	configs(t, func(name string, c Config) {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c)
			r := rand.New(rand.NewSource(5))
			for _, n := range []int{6000, 3000, 500, 4000} {
				items := make([]Item, n)
				for i := range items {
					r.Read(items[i].Key[:])
					items[i].Key[0] &= 0x1f // two children of the root: forks go on below
					items[i].Value = bytesOf(r, 33)
				}
				w.update(sorted(items))
				var known []common.Hash
				if n < 4000 {
					known = keysOf(sorted(items[:n/20]))
				}
				w.early(known, n/3)
			}
			w.early(nil, 100)
			w.hash()
			w.collect()
		})
	})
}

func TestEarlyRefuses(t *testing.T) {
	w := newWorld(t, Config{})
	w.update(styles[0].batch(rand.New(rand.NewSource(1)), 50))
	if w.trie.HashEarly([]common.Hash{{2}, {1}}, 0) == nil {
		t.Error("known keys in no order")
	}
	if err := w.trie.Err(); err != nil {
		t.Error(err)
	}
	w.early(nil, 0)
	if _, err := w.trie.Root(); err != errUnhashed {
		t.Errorf("root after HashEarly: %v", err)
	}
	w.hash()
	w.early([]common.Hash{{1}, {2}}, 5) // nothing to do
	w.collect()
}

func TestBelow(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	for range 2000 {
		keys := keysOf(styles[r.Intn(len(styles))].batch(r, r.Intn(40)))
		key := styles[r.Intn(len(styles))].key(r)
		depth := r.Intn(65)
		var want []common.Hash
		for _, k := range keys {
			if prefix(&k, &key) >= depth {
				want = append(want, k)
			}
		}
		got := below(keys, &key, depth)
		if !slices.Equal(got, want) {
			t.Fatalf("below %d nibbles of %s: %v, want %v", depth, key, got, want)
		}
		if depth == 64 {
			continue
		}
		for n := range 16 {
			next := key
			setNibble(&next, depth, n)
			if a, b := belowNibble(got, depth, n), below(got, &next, depth+1); !slices.Equal(a, b) {
				t.Fatalf("below nibble %d at %d: %v, want %v", n, depth, a, b)
			}
		}
	}
}

// BenchmarkEarly is a block in parts: what is left for the end, and what it cost before.
func BenchmarkEarly(b *testing.B) {
	g := theGround()
	arena := NewArena(config(b))
	ours := arena.New(common.Hash{}, common.Hash{}, nil)
	must(b, ours.Update(g.items()))
	_, err := ours.Hash()
	must(b, err)
	r := rand.New(rand.NewSource(1))
	for _, c := range []struct{ n, parts int }{{10_000, 1}, {10_000, 10}, {10_000, 100}, {1000, 10}, {1000, 100}} {
		b.Run(fmt.Sprintf("%d/%d", c.n, c.parts), func(b *testing.B) {
			var s stages
			for b.Loop() {
				draw := func() []Item { return g.dirty(r, c.n/c.parts) }
				for range c.parts {
					must(b, ours.Update(draw()))
				}
				s.time("alone", func() { _, err = ours.Hash() })
				must(b, err)
				all := 0.0
				for i := range c.parts {
					must(b, ours.Update(draw()))
					s.time("early", func() { must(b, ours.HashEarly(nil, c.n/c.parts*(c.parts-1-i))) })
					all += s.times["early"][len(s.times["early"])-1]
				}
				s.times["early-all"] = append(s.times["early-all"], all)
				s.time("final", func() { _, err = ours.Hash() })
				must(b, err)
			}
			s.names = append(s.names, "early-all")
			s.report(b)
		})
	}
}
