package mpt

import "math/bits"

// readRun is how many items a run has at least for its nodes to be asked for from
// several goroutines: a read that misses all caches takes longer than starting many.
const readRun = 2

// Resolve loads the nodes that an Update with this batch will touch, also those next to
// keys that are deleted where a branch will be left with one child. Only the keys and
// whether there is a value matter. It asks for up to Config.Readers nodes at once. It
// changes nothing, and after an error other than WrongNodeError the trie is as good as before.
func (t *Trie) Resolve(batch []Item) error {
	if err := t.ready(batch); err != nil || len(batch) == 0 {
		return err
	}
	w := t.arena.hire(t)
	defer w.dismiss()
	err := w.loadRoot()
	if err == nil && t.root != 0 {
		err = w.resolve(t.root, 0, batch)
	}
	return w.finish(err)
}

func (w *worker) resolve(r ref, depth int, items []Item) error {
	h := w.head(r)
	h.epoch = w.now
	switch h.kind {
	case leafNode:
		return nil
	case extNode:
		e := w.ext(r)
		end := int(e.end)
		items = within(items, &e.key, end)
		if len(items) == 0 {
			return nil
		}
		if err := w.loadChild(&e.child, &e.key, end, &e.slot); err != nil {
			return err
		}
		return w.resolve(e.child, end, items)
	}
	f := fan{parent: r}
	if err := w.fanReads(&f, depth, items); err != nil {
		return err
	}
	return w.resolveSibling(&f, depth, items)
}

func (w *worker) fanReads(f *fan, depth int, items []Item) error {
	if len(items) >= readRun && len(w.reads) < cap(w.reads) {
		return w.fork(f, depth, items, (*worker).resolvePart, w.reads, 1)
	}
	return w.fanOut(f, depth, items, (*worker).resolvePart)
}

func (w *worker) resolvePart(f *fan, n, depth int, items []Item) error {
	h := w.head(f.parent)
	if !h.has(n) {
		return nil
	}
	b := w.branch(f.parent)
	i := h.rank(n)
	if err := w.loadChild(&b.refs[i], &items[0].Key, depth+1, &b.slots[i]); err != nil {
		return err
	}
	f.hit[n] = !anyLiving(items) // perhaps nothing stays here
	return w.resolve(b.refs[i], depth+1, items)
}

func anyLiving(items []Item) bool {
	for i := range items {
		if len(items[i].Value) > 0 {
			return true
		}
	}
	return false
}

// resolveSibling loads the one child that no item goes to, when all others may vanish.
// That is a guess, made for speed: what a witness lacks here may not be needed.
func (w *worker) resolveSibling(f *fan, depth int, items []Item) error {
	b := w.branch(f.parent)
	left := b.mask &^ f.changed // f.changed: may vanish
	if f.changed == 0 || left == 0 || left&(left-1) != 0 || left&f.seen != 0 || f.seen&^b.mask != 0 {
		return nil
	}
	n := bits.TrailingZeros16(left)
	key := items[0].Key
	setNibble(&key, depth, n)
	if i := b.rank(n); b.refs[i] == 0 {
		c, err := w.load(&key, depth+1, &b.slots[i])
		if isWrong(err) {
			return err
		}
		b.refs[i] = c
	}
	return nil
}
