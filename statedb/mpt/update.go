package mpt

import (
	"bytes"
	"math/bits"

	"github.com/ethereum/go-ethereum/common"
)

// The functions here take the node at a path (the first depth nibbles of the items'
// keys) and return the one that is there afterwards, 0 for none, and whether anything
// changed. They own the node: what they return holds all that is still of use, after an
// error too, so that it can be freed.

// apply makes a run of items part of the sub-trie r.
func (w *worker) apply(r ref, depth int, items []Item) (out ref, changed bool, err error) {
	if r == 0 {
		out = w.build(w.living(items), depth)
		return out, out != 0, nil
	}
	if !w.warmed && len(items) <= warmRun && len(items) >= warmLeast {
		w.warm(r, depth, items)
		w.warmed = true
		out, changed, err = w.applyNode(r, depth, items)
		w.warmed = false
		return out, changed, err
	}
	return w.applyNode(r, depth, items)
}

func (w *worker) applyNode(r ref, depth int, items []Item) (out ref, changed bool, err error) {
	h := w.head(r)
	h.epoch, h.waits = w.now, false
	stored := h.stored
	switch h.kind {
	case leafNode:
		out, changed = w.applyLeaf(r, depth, items)
	case extNode:
		out, changed, err = w.applyExt(r, depth, items)
	default:
		out, changed, err = w.applyBranch(r, depth, items)
	}
	if out != 0 {
		w.head(out).stored = stored // by whichever node
	} else if stored {
		w.lose(&items[0].Key, depth)
	}
	return out, changed, err
}

// lose notes that the store has a record at a path where no node is now.
func (w *worker) lose(key *common.Hash, depth int) {
	w.gone = append(w.gone, place{*key, uint8(depth)})
}

// living are the items that are not deletions.
func (w *worker) living(items []Item) []Item {
	for i := range items {
		if len(items[i].Value) == 0 {
			w.list = append(w.list[:0], items[:i]...)
			for _, it := range items[i:] {
				if len(it.Value) > 0 {
					w.list = append(w.list, it)
				}
			}
			return w.list
		}
	}
	return items
}

// build makes a sub-trie of nothing but items to be set.
func (w *worker) build(items []Item, depth int) ref {
	switch len(items) {
	case 0:
		return 0
	case 1:
		return w.newLeaf(&items[0].Key, items[0].Value)
	}
	key := &items[0].Key
	at := prefix(key, &items[len(items)-1].Key)
	f := w.fan(at, 0)
	if err := w.fanOut(f, at, items, (*worker).buildPart); err != nil {
		return 0 // not reached: building reads nothing
	}
	r := w.newBranch(f.seen)
	b := w.branch(r)
	b.stale, b.unsent = f.seen, f.seen
	for m := f.seen; m != 0; m &= m - 1 {
		n := bits.TrailingZeros16(m)
		b.refs[b.rank(n)] = f.refs[n]
	}
	return w.hang(r, key, depth, at)
}

func (w *worker) buildPart(f *fan, n, depth int, items []Item) error {
	f.refs[n] = w.build(items, depth+1)
	return nil
}

// hang puts the node r, made for depth at, at the lesser depth: a branch needs an
// extension for that, others just move.
func (w *worker) hang(r ref, key *common.Hash, depth, at int) ref {
	if r == 0 || depth == at {
		return r
	}
	h := w.head(r)
	if h.kind != branchNode {
		w.moved(h, key, at)
		return r
	}
	e := w.newExt(key, at)
	x := w.ext(e)
	x.child, x.stale, x.unsent = r, 1, 1
	return e
}

// moved notes that the node h leaves its path, key[:depth].
func (w *worker) moved(h *head, key *common.Hash, depth int) {
	if h.stored {
		h.stored = false
		w.lose(key, depth)
	}
}

func (w *worker) applyLeaf(r ref, depth int, items []Item) (ref, bool) {
	l := w.leaf(r)
	var match *Item
	living := 0
	for i := range items {
		if items[i].Key == l.key {
			match = &items[i]
		} else if len(items[i].Value) > 0 {
			living++
		}
	}
	switch {
	case living == 0 && match == nil:
		return r, false
	case living == 0:
		return w.setLeaf(r, match.Value)
	}
	return w.splitLeaf(r, depth, items, match), true
}

func (w *worker) setLeaf(r ref, value []byte) (ref, bool) {
	l := w.leaf(r)
	switch {
	case len(value) == 0:
		w.drop(r)
		return 0, true
	case bytes.Equal(l.value(), value):
		return r, false
	case classOf(leafSize+len(value)) == classOf(leafSize+int(l.mask)):
		l.mask = uint16(len(value))
		copy(l.value(), value)
		return r, true
	}
	to := w.newLeaf(&l.key, value)
	w.drop(r)
	return to, true
}

// splitLeaf takes a leaf that is in the way out, and puts it back with the others.
func (w *worker) splitLeaf(r ref, depth int, items []Item, match *Item) ref {
	l := w.leaf(r)
	list := w.list[:0]
	old := Item{Key: l.key}
	if match == nil {
		w.value = append(w.value[:0], l.value()...)
		old.Value = w.value
	}
	for _, it := range items {
		if old.Value != nil && bytes.Compare(old.Key[:], it.Key[:]) < 0 {
			list = append(list, old)
			old.Value = nil
		}
		if len(it.Value) > 0 {
			list = append(list, it)
		}
	}
	if old.Value != nil {
		list = append(list, old)
	}
	w.list = list
	w.drop(r)
	return w.build(list, depth)
}

// within are the items whose keys begin with the first n nibbles of key.
func within(items []Item, key *common.Hash, n int) []Item {
	for len(items) > 0 && prefix(&items[0].Key, key) < n {
		items = items[1:]
	}
	for len(items) > 0 && prefix(&items[len(items)-1].Key, key) < n {
		items = items[:len(items)-1]
	}
	return items
}

func (w *worker) applyExt(r ref, depth int, items []Item) (ref, bool, error) {
	e := w.ext(r)
	end := int(e.end)
	at := end
	for i := range items {
		if len(items[i].Value) > 0 {
			at = min(at, prefix(&items[i].Key, &e.key))
		}
	}
	inside := within(items, &e.key, at)
	if at < end {
		return w.splitExt(r, depth, at, inside)
	}
	if len(inside) == 0 {
		return r, false, nil
	}
	if err := w.loadChild(&e.child, &e.key, end, &e.slot); err != nil {
		return r, false, err
	}
	child, changed, err := w.apply(e.child, end, inside)
	e.child = child
	if !changed || err != nil {
		return r, changed, err
	}
	e.stale, e.unsent = 1, 1
	if child != 0 && w.head(child).kind == branchNode {
		return r, true, nil
	}
	key := e.key
	w.drop(r)
	return w.hang(child, &key, depth, end), true, nil
}

// splitExt puts a branch in the midst of an extension, which items leave at depth at.
func (w *worker) splitExt(r ref, depth, at int, items []Item) (ref, bool, error) {
	e := w.ext(r)
	key := e.key
	n := nibble(&key, at)
	to := w.newBranch(1 << n)
	b := w.branch(to)
	if at+1 < int(e.end) {
		e.stored = false // apply has seen to it: the record at depth gets another node
		b.refs[0], b.stale, b.unsent = r, 1<<n, 1<<n
	} else {
		b.refs[0], b.slots[0] = e.child, e.slot
		b.embed, b.stale, b.unsent = e.embed<<n, e.stale<<n, e.unsent<<n
		w.drop(r)
	}
	out, _, err := w.applyBranch(to, at, items)
	if err != nil {
		return out, true, err
	}
	return w.hang(out, &key, depth, at), true, nil
}

func (w *worker) loadChild(child *ref, key *common.Hash, depth int, hash *slot) (err error) {
	if *child == 0 {
		*child, err = w.load(key, depth, hash)
	}
	return err
}

func (w *worker) applyBranch(r ref, depth int, items []Item) (ref, bool, error) {
	f := w.fan(depth, r)
	err := w.fanOut(f, depth, items, (*worker).applyPart)
	if f.changed == 0 {
		return r, false, err
	}
	b := w.branch(r)
	mask := b.mask
	for m := f.changed; m != 0; m &= m - 1 {
		n := bits.TrailingZeros16(m)
		if f.refs[n] != 0 {
			mask |= 1 << n
		} else {
			mask &^= 1 << n
		}
	}
	r = w.reshape(r, mask)
	b = w.branch(r)
	here := f.changed & mask
	b.epoch = w.now
	b.stale |= here
	b.unsent |= here
	for m := here; m != 0; m &= m - 1 {
		n := bits.TrailingZeros16(m)
		b.refs[b.rank(n)] = f.refs[n]
	}
	if err != nil || mask&(mask-1) != 0 {
		return r, true, err
	}
	return w.collapse(r, depth, &items[0].Key)
}

// applyPart applies the items below one child of a branch.
func (w *worker) applyPart(f *fan, n, depth int, items []Item) (err error) {
	var child ref
	if h := w.head(f.parent); h.has(n) {
		b := w.branch(f.parent)
		i := h.rank(n)
		if err := w.loadChild(&b.refs[i], &items[0].Key, depth+1, &b.slots[i]); err != nil {
			return err
		}
		child = b.refs[i]
	}
	f.refs[n], f.hit[n], err = w.apply(child, depth+1, items)
	return err
}

// collapse does away with a branch that has one child left, or none.
func (w *worker) collapse(r ref, depth int, path *common.Hash) (ref, bool, error) {
	b := w.branch(r)
	if b.mask == 0 {
		w.drop(r)
		return 0, true, nil
	}
	n := bits.TrailingZeros16(b.mask)
	key := *path
	setNibble(&key, depth, n)
	if err := w.loadChild(&b.refs[0], &key, depth+1, &b.slots[0]); err != nil {
		return r, true, err
	}
	child := b.refs[0]
	out := w.hang(child, &key, depth, depth+1)
	if out != child { // an extension now: what the branch knew of the child holds still
		x := w.ext(out)
		x.slot = b.slots[0]
		x.embed, x.stale, x.unsent = b.embed>>n, b.stale>>n, b.unsent>>n
	}
	w.drop(r)
	return out, true, nil
}
