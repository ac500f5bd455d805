package mpt

import (
	"bytes"
	"math/bits"
	"slices"

	"github.com/ethereum/go-ethereum/common"
)

// Change is one node to be written to the store, which has nodes by owner and path.
type Change struct {
	Owner common.Hash
	Path  []byte      // nibbles; valid during the call
	Blob  []byte      // nil: there is no node at this path any more. Valid during the call
	Hash  common.Hash // of Blob
	All   bool        // every node of this owner is void. Comes first, alone
}

// Collect hands over what changed since the last Collect, in the order of paths, parents
// before what is below them. The trie must be hashed. What emit was given counts as
// stored: the trie must not be pruned, nor its Source asked, before the Source has it.
func (t *Trie) Collect(emit func(*Change) error) error {
	if _, err := t.Root(); err != nil {
		return err
	}
	if !t.unsent {
		return nil
	}
	w := t.arena.hire(t)
	defer w.dismiss()
	c := &w.collecting
	*c = collecting{
		t: t, a: t.arena, emit: emit, change: Change{Owner: t.owner},
		path: c.path[:0], blob: c.blob, gone: c.gone, fronts: c.fronts,
	}
	err := c.run()
	c.t, c.emit = nil, nil // holds on to the caller's things
	return t.fail(err)
}

type collecting struct {
	t      *Trie
	a      *Arena
	emit   func(*Change) error
	change Change
	path   []byte
	blob   []byte
	gone   []byte // path of the first of t.gone
	warmed bool   // the sub-trie at hand has been to warm
	fronts [2][]ref
}

func (c *collecting) run() error {
	t := c.t
	if t.wiped {
		c.change.All = true
		if err := c.emit(&c.change); err != nil {
			return err
		}
		c.change.All = false
	}
	c.sortGone()
	if t.root != 0 {
		if err := c.node(t.root, 0, (*slot)(&t.hash), false, t.unwritten); err != nil {
			return err
		}
	}
	for len(t.gone) > 0 {
		if err := c.delete(c.gone); err != nil {
			return err
		}
		c.nextGone()
	}
	t.unsent, t.wiped, t.unwritten = false, false, 0
	return nil
}

// sortGone puts the paths without nodes in order. Some may have one again; then there is
// nothing to delete.
func (c *collecting) sortGone() {
	for i := range c.t.gone { // what follows the path must not count
		p := &c.t.gone[i]
		for n := int(p.depth); n < 64; n++ {
			setNibble(&p.key, n, 0)
		}
	}
	slices.SortFunc(c.t.gone, func(a, b place) int {
		if d := bytes.Compare(a.key[:], b.key[:]); d != 0 {
			return d
		}
		return int(a.depth) - int(b.depth)
	})
	c.t.gone = slices.Compact(c.t.gone)
	c.showGone()
}

func (c *collecting) nextGone() {
	c.t.gone = c.t.gone[1:]
	c.showGone()
}

func (c *collecting) showGone() {
	if len(c.t.gone) > 0 {
		p := &c.t.gone[0]
		c.gone = appendPath(c.gone[:0], &p.key, int(p.depth))
	}
}

func (c *collecting) delete(path []byte) error {
	c.change.Path, c.change.Blob, c.change.Hash = path, nil, common.Hash{}
	return c.emit(&c.change)
}

// node emits the changes from the path of the node r on, to the end of its sub-trie.
// About so many items changed that.
func (c *collecting) node(r ref, depth int, hash *slot, embedded bool, work int) error {
	if !c.warmed && work <= sweepWork {
		c.warm(r)
		c.warmed = true
		defer func() { c.warmed = false }()
	}
	h := c.a.head(r)
	if err := c.goneBefore(h); err != nil {
		return err
	}
	switch {
	case !embedded:
		h.stored = true
		c.blob = c.a.encode(c.blob[:0], r, depth)
		c.change.Path, c.change.Blob, c.change.Hash = c.path, c.blob, common.Hash(*hash)
		if err := c.emit(&c.change); err != nil {
			return err
		}
	case h.stored:
		h.stored = false
		if err := c.delete(c.path); err != nil {
			return err
		}
	}
	return c.children(r, h, depth, work)
}

// goneBefore emits what is gone up to the path of the node h.
func (c *collecting) goneBefore(h *head) error {
	for len(c.t.gone) > 0 {
		order := bytes.Compare(c.gone, c.path)
		if order > 0 {
			break
		}
		if order < 0 {
			if err := c.delete(c.gone); err != nil {
				return err
			}
		} else {
			h.stored = true
		}
		c.nextGone()
	}
	return nil
}

func (c *collecting) children(r ref, h *head, depth, work int) error {
	unsent := h.unsent
	h.unsent = 0
	switch {
	case unsent == 0:
		return nil
	case h.kind == extNode:
		e := c.a.ext(r)
		c.path = appendNibbles(c.path, &e.key, depth, int(e.end))
		err := c.node(e.child, int(e.end), &e.slot, e.embed != 0, work)
		c.path = c.path[:depth]
		return err
	}
	b := c.a.branch(r)
	work /= bits.OnesCount16(unsent)
	for m := unsent; m != 0; m &= m - 1 {
		n := bits.TrailingZeros16(m)
		i := b.rank(n)
		c.path = append(c.path, byte(n))
		err := c.node(b.refs[i], depth+1, &b.slots[i], b.embed>>n&1 != 0, work)
		c.path = c.path[:depth]
		if err != nil {
			return err
		}
	}
	return nil
}

func appendNibbles(to []byte, key *common.Hash, from, end int) []byte {
	for i := from; i < end; i++ {
		to = append(to, byte(nibble(key, i)))
	}
	return to
}
