package mpt

import (
	"math/bits"
	"unsafe"
)

// A trie in memory is bound by the memory's latency: on its way down, a key waits for
// three or four nodes that no cache has, one after the other. So the nodes of a group of
// keys are brought in level by level, all of a level at once, before the group is worked
// on. That made updates of 10,000 in a million keys 2.5 times as fast, hashing and
// collecting twice.

// warmRun is how many items make a group: enough to keep the memory busy, little enough
// for their nodes to stay in the second-level cache until they are needed.
const (
	warmRun   = 256
	warmLeast = 4
)

// front is a node to be visited, and the items that go there.
type front struct {
	node     ref
	from, to uint32
	depth    uint8
}

// warm brings in the nodes that the items will touch.
func (w *worker) warm(r ref, depth int, items []Item) {
	now := append(w.fronts[0][:0], front{r, 0, uint32(len(items)), uint8(depth)})
	next := w.fronts[1][:0]
	for len(now) > 0 {
		for i := range now {
			next = w.warmBelow(next, &now[i], items)
		}
		now, next = next, now[:0]
	}
	w.fronts[0], w.fronts[1] = now, next
}

func (w *worker) warmBelow(next []front, f *front, items []Item) []front {
	h := w.head(f.node)
	depth := int(f.depth)
	switch h.kind {
	case extNode:
		if c := w.ext(f.node).child; c != 0 {
			prefetch(w.at(c), 3)
			next = append(next, front{c, f.from, f.to, h.end})
		}
	case branchNode:
		b := w.branch(f.node)
		for i := f.from; i < f.to; {
			n := nibble(&items[i].Key, depth)
			end := i + uint32(runOf(items[i:f.to], depth, n))
			prefetch(unsafe.Pointer(unsafe.SliceData(items[i].Value)), 2)
			if h.has(n) {
				if c := b.refs[h.rank(n)]; c != 0 {
					prefetch(w.at(c), 3)
					next = append(next, front{c, i, end, f.depth + 1})
				}
			}
			i = end
		}
	}
	return next
}

// warm brings in the nodes below r that are to be collected.
func (c *collecting) warm(r ref) {
	now, next := append(c.fronts[0][:0], r), c.fronts[1][:0]
	for len(now) > 0 {
		for _, r := range now {
			next = c.warmBelow(next, r)
		}
		now, next = next, now[:0]
	}
	c.fronts[0], c.fronts[1] = now, next
}

func (c *collecting) warmBelow(next []ref, r ref) []ref {
	h := c.a.head(r)
	switch {
	case h.unsent == 0:
	case h.kind == extNode:
		next = append(next, c.a.ext(r).child)
	default:
		b := c.a.branch(r)
		prefetch(unsafe.Pointer(&b.slots[0]), uintptr(len(b.slots)+1)/2)
		for m := b.unsent; m != 0; m &= m - 1 {
			child := b.refs[b.rank(bits.TrailingZeros16(m))]
			prefetch(c.a.at(child), 3)
			next = append(next, child)
		}
	}
	return next
}
