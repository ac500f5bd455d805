package mpt

import "math/bits"

const ages = 256

// Prune replaces sub-tries by their hashes that no block touched for olderThan blocks.
// If the arena is larger than limit bytes then (0: no limit), younger ones go too, the
// oldest first, until it is not. Changes that are not collected stay in any case. The
// tries are all that share the arena, or some of them. It visits all their nodes: call
// it every few blocks. The result is how many bytes it freed.
func (a *Arena) Prune(tries []*Trie, olderThan uint32, limit int64) int64 {
	before := a.Size()
	now := a.epoch.Load()
	a.pruneTo(tries, now-min(olderThan, now))
	if limit > 0 && a.Size() > limit {
		a.pruneTo(tries, a.cutoff(tries, now, a.Size()-limit))
	}
	return before - a.Size()
}

// cutoff is the epoch before which nodes have as many bytes as are too many.
func (a *Arena) cutoff(tries []*Trie, now uint32, excess int64) uint32 {
	var bytes [ages]int64
	for _, t := range tries {
		a.weigh(t.root, now, &bytes)
	}
	for age := ages - 1; age >= 0; age-- {
		if excess -= bytes[age]; excess <= 0 {
			return now - min(uint32(age), now) + 1
		}
	}
	return now + 1
}

func (a *Arena) weigh(r ref, now uint32, bytes *[ages]int64) {
	if r == 0 {
		return
	}
	h := a.head(r)
	bytes[min(now-min(h.epoch, now), ages-1)] += int64(classUnits(classOf(a.sizeOf(r)))) * unit
	switch h.kind {
	case extNode:
		a.weigh(a.ext(r).child, now, bytes)
	case branchNode:
		for _, c := range a.branch(r).refs {
			a.weigh(c, now, bytes)
		}
	}
}

// pruneTo frees what was last touched before an epoch.
func (a *Arena) pruneTo(tries []*Trie, epoch uint32) {
	for _, t := range tries {
		if t.root == 0 || t.err != nil || t.source == nil {
			continue
		}
		w := a.hire(t)
		w.pruneChild(&t.root, t.stale || t.unsent, epoch)
		w.dismiss()
	}
}

func (w *worker) pruneChild(child *ref, keep bool, epoch uint32) {
	r := *child
	if r == 0 {
		return
	}
	h := w.head(r)
	if !keep && h.epoch < epoch {
		w.dropTree(r)
		*child = 0
		return
	}
	// An embedded node is part of its parent, and has no children but embedded ones.
	keeps := h.stale | h.unsent
	switch h.kind {
	case extNode:
		if e := w.ext(r); e.embed == 0 {
			w.pruneChild(&e.child, keeps != 0, epoch)
		}
	case branchNode:
		b := w.branch(r)
		for m := b.mask &^ b.embed; m != 0; m &= m - 1 {
			n := bits.TrailingZeros16(m)
			w.pruneChild(&b.refs[b.rank(n)], keeps>>n&1 != 0, epoch)
		}
	}
}
