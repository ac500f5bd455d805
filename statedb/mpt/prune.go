package mpt

import "math/bits"

const (
	ages = 4096
	// leafAges says how much sooner a leaf goes than another node. Most of an arena is leaves, and
	// few of those that are wanted have to be read again: a block that changes one has read its
	// content, mostly (see Trie.Guess), while what leads there can only come from the disk.
	leafAges = 8
)

// ageOf is how many blocks ago a node was last touched; a leaf counts as leafAges times as old.
func ageOf(h *head, now uint32) int {
	age := int(now - min(h.epoch, now))
	if h.kind == leafNode {
		age *= leafAges
	}
	return age
}

// Prune replaces sub-tries by their hashes whose age is more than olderThan: that many blocks
// have not touched them, of leaves an eighth as many. If the arena is larger than limit bytes
// then (0: no limit), younger ones go too, the oldest first, until it is not. Changes that are
// not collected stay in any case. The tries are all that share the arena, or some of them; among
// nodes as old, those of the first go first. It visits all their nodes: call it every few blocks. The
// result is how many bytes it freed.
func (a *Arena) Prune(tries []*Trie, olderThan uint32, limit int64) int64 {
	before, now := a.Size(), a.epoch.Load()
	a.prune(tries, &pruning{now: now, age: int(olderThan)})
	if limit > 0 && a.Size() > limit {
		a.prune(tries, a.cut(tries, now, a.Size()-limit))
	}
	return before - a.Size()
}

// pruning is what is to go: all that is older than an age, and of that age so many bytes.
type pruning struct {
	now  uint32
	age  int
	some int64
}

// cut is what makes so many bytes.
func (a *Arena) cut(tries []*Trie, now uint32, excess int64) *pruning {
	var bytes [ages]int64
	for _, t := range tries {
		a.weigh(t.root, now, &bytes)
	}
	age := ages - 1
	for ; age > 0 && bytes[age] < excess; age-- {
		excess -= bytes[age]
	}
	return &pruning{now, age, excess}
}

func (a *Arena) weigh(r ref, now uint32, bytes *[ages]int64) {
	if r == 0 {
		return
	}
	h := a.head(r)
	bytes[min(ageOf(h, now), ages-1)] += a.weightOf(r)
	switch h.kind {
	case extNode:
		a.weigh(a.ext(r).child, now, bytes)
	case branchNode:
		for _, c := range a.branch(r).refs {
			a.weigh(c, now, bytes)
		}
	}
}

// weightOf is what a node takes up.
func (a *Arena) weightOf(r ref) int64 { return int64(classUnits(classOf(a.sizeOf(r)))) * unit }

func (a *Arena) prune(tries []*Trie, p *pruning) {
	for _, t := range tries {
		if t.root == 0 || t.err != nil || t.source == nil {
			continue
		}
		w := a.hire(t)
		w.pruneChild(&t.root, t.stale || t.unsent, p)
		w.dismiss()
	}
}

// pruneChild frees the child, or some of what is below it. It returns whether the child is gone.
func (w *worker) pruneChild(child *ref, keep bool, p *pruning) bool {
	r := *child
	if r == 0 {
		return true
	}
	age := ageOf(w.head(r), p.now)
	if keep || age <= p.age {
		bare := w.pruneBelow(r, p)
		if keep || !bare || age < p.age || p.some <= 0 {
			return false
		}
		p.some -= w.weightOf(r)
	}
	w.dropTree(r)
	*child = 0
	return true
}

// pruneBelow returns whether nothing is left below a node.
func (w *worker) pruneBelow(r ref, p *pruning) (bare bool) {
	bare = true
	// An embedded node is part of its parent, and has no children but embedded ones.
	h := w.head(r)
	keeps := h.stale | h.unsent
	switch h.kind {
	case extNode:
		if e := w.ext(r); e.embed == 0 {
			bare = w.pruneChild(&e.child, keeps != 0, p)
		}
	case branchNode:
		b := w.branch(r)
		for m := b.mask &^ b.embed; m != 0; m &= m - 1 {
			n := bits.TrailingZeros16(m)
			if !w.pruneChild(&b.refs[b.rank(n)], keeps>>n&1 != 0, p) {
				bare = false
			}
		}
	}
	return bare
}
