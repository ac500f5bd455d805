package mpt

import "math/bits"

// readRun is how many items a run has at least for its nodes to be asked for from
// several goroutines: a read that misses all caches takes longer than starting many.
const readRun = 2

// Resolve loads the nodes that an Update with this batch will touch, also those next to
// keys that are deleted where a branch will be left with one child. Only the keys and
// whether there is a value matter. It asks for up to Config.Readers nodes at once. It
// changes nothing, and after an error other than WrongNodeError the trie is as good as before.
func (t *Trie) Resolve(batch []Item) error { return t.visit(batch, toWrite) }

// errand is what nodes are loaded for.
type errand uint8

const (
	toWrite errand = iota // load what will be needed next to the items, too
	toRead                // fill in their values
	toGuess               // their values are what leaves may hold
)

// visit goes down to the items on an errand.
func (t *Trie) visit(batch []Item, what errand) error {
	if err := t.ready(batch); err != nil || len(batch) == 0 {
		return err
	}
	w := t.arena.hire(t)
	defer w.dismiss()
	err := w.loadRoot()
	if err == nil && t.root != 0 {
		err = w.descend(t.root, 0, batch, what)
	}
	return w.finish(err)
}

// descend loads what is on the way to the items below r.
func (w *worker) descend(r ref, depth int, items []Item, what errand) error {
	if len(items) <= warmRun && w.probe(r, depth, items, what) {
		return nil
	}
	h := w.head(r)
	h.epoch = w.now
	switch h.kind {
	case leafNode:
		if what == toRead {
			w.leaf(r).giveTo(items)
		}
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
		return w.descend(e.child, end, items, what)
	}
	f := w.fan(depth, r)
	switch what {
	case toRead:
		return w.fanReads(f, depth, items, (*worker).getPart)
	case toGuess:
		return w.fanReads(f, depth, items, (*worker).guessPart)
	}
	if err := w.fanReads(f, depth, items, (*worker).resolvePart); err != nil {
		return err
	}
	return w.resolveSibling(f, depth, items)
}

func (w *worker) fanReads(f *fan, depth int, items []Item, part step) error {
	if len(items) >= readRun && len(w.reads) < cap(w.reads) {
		return w.fork(f, depth, items, part, w.reads, 1)
	}
	return w.fanOut(f, depth, items, part)
}

// loadPart loads the child of a branch that items go to, 0 if there is none.
func (w *worker) loadPart(f *fan, n, depth int, items []Item) (ref, error) {
	h := w.head(f.parent)
	if !h.has(n) {
		return 0, nil
	}
	b := w.branch(f.parent)
	i := h.rank(n)
	err := w.loadChild(&b.refs[i], &items[0].Key, depth+1, &b.slots[i])
	return b.refs[i], err
}

func (w *worker) resolvePart(f *fan, n, depth int, items []Item) error {
	r, err := w.loadPart(f, n, depth, items)
	if err != nil || r == 0 {
		return err
	}
	f.hit[n] = !anyLiving(items) // perhaps nothing stays here
	return w.descend(r, depth+1, items, toWrite)
}

func anyLiving(items []Item) bool {
	for i := range items {
		if len(items[i].Value) > 0 {
			return true
		}
	}
	return false
}

// sibling is the one child of a branch that no item goes to, when all others may vanish.
// That is a guess, made for speed: what a witness lacks here may not be needed.
func sibling(mask, seen, vanish uint16) (n int, is bool) {
	left := mask &^ vanish
	if vanish == 0 || left == 0 || left&(left-1) != 0 || left&seen != 0 || seen&^mask != 0 {
		return 0, false
	}
	return bits.TrailingZeros16(left), true
}

// resolveSibling loads the sibling; f.changed are the children that may vanish.
func (w *worker) resolveSibling(f *fan, depth int, items []Item) error {
	b := w.branch(f.parent)
	n, is := sibling(b.mask, f.seen, f.changed)
	if !is {
		return nil
	}
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
