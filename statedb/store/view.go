package store

import (
	"bytes"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/gpuevm/gpuevm/gpuevm"
)

// View is one state of the window. It can be read until it is closed, or its block leaves
// the window: then reads are ErrStale, and never an answer from another state.
type View struct {
	s      *Store
	l      *layer
	closed atomic.Bool
}

var _ gpuevm.Tracked = (*View)(nil)

// View is the state with this root. Where blocks share a root, so do their states.
func (s *Store) View(root common.Hash) (*View, error) {
	s.tree.mu.RLock()
	defer s.tree.mu.RUnlock()
	ls := s.tree.byRoot[root]
	if len(ls) == 0 {
		return nil, fmt.Errorf("state root %s: %w", root.Hex(), ErrUnknown)
	}
	return &View{s: s, l: ls[len(ls)-1]}, nil
}

// ViewBlock is the state after a block, be its root known or not.
func (s *Store) ViewBlock(hash common.Hash) (*View, error) {
	l, err := s.tree.find(hash)
	if err != nil {
		return nil, err
	}
	return &View{s: s, l: l}, nil
}

// Close ends the view. It holds nothing that others wait for.
func (v *View) Close() { v.closed.Store(true) }

// Height is the number of the block after which the state is.
func (v *View) Height() uint64 { return v.l.block.height }

func (v *View) open() error {
	if v.closed.Load() {
		return fmt.Errorf("view of block %d: %w", v.l.block.height, ErrClosed)
	}
	return nil
}

// Read implements gpuevm.StateView.
func (v *View) Read(key gpuevm.Key) (common.Hash, error) {
	if err := v.open(); err != nil {
		return common.Hash{}, err
	}
	if key.Kind == gpuevm.Slot {
		return v.s.slot(v.l, slotKey{key.Addr, key.Slot})
	}
	a, err := v.s.account(v.l, key.Addr)
	return a.field(key.Kind), err
}

// Code implements gpuevm.StateView. A code is the same in every state that refers to it.
func (v *View) Code(hash common.Hash) ([]byte, error) {
	if err := v.open(); err != nil {
		return nil, err
	}
	blob, err := v.s.code(hash)
	if err != nil && v.l.err() != nil { // a code of a fork leaves with the fork
		return nil, v.l.err()
	}
	return blob, err
}

// viewMark is a state of a store: layers of two stores look alike.
type viewMark struct {
	s *Store
	l *layer
}

// Since implements gpuevm.Tracked: the keys that the blocks between the two states changed.
func (v *View) Since(mark gpuevm.Mark) (changed []gpuevm.Key, now gpuevm.Mark, ok bool) {
	here := viewMark{v.s, v.l}
	m, ok := mark.(viewMark)
	if !ok || m.s != v.s || m.l.dropped.Load() || v.l.dropped.Load() {
		return nil, here, false
	}
	down, up := v.s.tree.path(m.l, v.l)
	for _, l := range append(down, up...) {
		for _, addr := range l.accounts {
			for kind := gpuevm.Exists; kind < gpuevm.Slot; kind++ {
				changed = append(changed, gpuevm.Key{Addr: addr, Kind: kind})
			}
		}
		for _, k := range l.slots {
			changed = append(changed, gpuevm.Key{Addr: k.addr, Kind: gpuevm.Slot, Slot: k.slot})
		}
	}
	// A layer that left in the meantime took its lists along.
	if m.l.dropped.Load() || v.l.dropped.Load() {
		return nil, here, false
	}
	return changed, here, true
}

// account is an account in the state l. The order of the steps is what makes it right
// beside a disk that moves: a block's changes are in the index before epoch
// changes, and epoch changes before the disk does. So where epoch is the same after the
// disk was read as before the index was asked, nothing wrote over the value in between.
// Where it isn't, the index knows by now: either it has the key, or the write left the
// window again, and l with it.
func (s *Store) account(l *layer, addr common.Address) (account, error) {
	epoch := s.epoch.Load()
	a, ok := s.index.account(l, addr)
	if !ok {
		var err error
		if a, err = s.diskAccount(addr); err != nil {
			return account{}, err
		}
		if s.epoch.Load() != epoch {
			if b, ok := s.index.account(l, addr); ok {
				a = b
			}
		}
	}
	if err := l.err(); err != nil {
		return account{}, err
	}
	return a, nil
}

// slot is a storage slot in the state l; see account.
func (s *Store) slot(l *layer, k slotKey) (common.Hash, error) {
	epoch := s.epoch.Load()
	v, ok := s.index.slot(l, k)
	if !ok {
		var err error
		if v, err = s.diskSlot(k); err != nil {
			return common.Hash{}, err
		}
		if s.epoch.Load() != epoch {
			if w, ok := s.index.slot(l, k); ok {
				v = w
			}
		}
	}
	if err := l.err(); err != nil {
		return common.Hash{}, err
	}
	return v, nil
}

// slotsOf visits the slots of an account that are not zero in the state l.
func (s *Store) slotsOf(l *layer, addr common.Address, visit func(slotKey, common.Hash)) error {
	// The floor stays where it is, so that a key which the disk has lost or gained since
	// the iterator was made is still in the index.
	s.tree.mu.RLock()
	defer s.tree.mu.RUnlock()
	keys := make(map[slotKey]struct{})
	if err := s.diskSlotsOf(addr, func(k slotKey) { keys[k] = struct{}{} }); err != nil {
		return err
	}
	s.index.slotsOf(addr, func(k slotKey) { keys[k] = struct{}{} })
	for k := range keys {
		v, err := s.slot(l, k)
		if err != nil {
			return err
		}
		if v != (common.Hash{}) {
			visit(k, v)
		}
	}
	return nil
}

func (s *Store) code(hash common.Hash) ([]byte, error) {
	if hash == types.EmptyCodeHash {
		return nil, nil
	}
	if blob, ok := s.pendingCodes.get(hash); ok {
		return blob, nil
	}
	return s.diskCode(hash)
}

// Delta is the diff that leads from one state of the window to another, by block hash:
// what a trie that stands at the one needs to follow a reorganization to the other.
func (s *Store) Delta(from, to common.Hash) (*gpuevm.StateDiff, error) {
	a, err := s.tree.find(from)
	if err != nil {
		return nil, err
	}
	b, err := s.tree.find(to)
	if err != nil {
		return nil, err
	}
	d := new(gpuevm.StateDiff)
	c, err := s.between(a, b)
	if err != nil {
		return nil, err
	}
	for i := range c.accounts {
		ch := &c.accounts[i]
		for kind := gpuevm.Exists; kind < gpuevm.Slot; kind++ {
			if v := ch.after.field(kind); v != ch.before.field(kind) {
				d.Cells = append(d.Cells, gpuevm.Cell{Key: gpuevm.Key{Addr: ch.addr, Kind: kind}, Value: v})
			}
		}
	}
	for _, ch := range c.slots {
		key := gpuevm.Key{Addr: ch.key.addr, Kind: gpuevm.Slot, Slot: ch.key.slot}
		d.Cells = append(d.Cells, gpuevm.Cell{Key: key, Value: ch.after})
	}
	return d, nil
}

// between is what differs between two states, over whatever way leads there.
func (s *Store) between(from, to *layer) (*changes, error) {
	down, up := s.tree.path(from, to)
	return s.changed(from, to, append(down, up...))
}

// changed looks at the keys of some layers in two states.
func (s *Store) changed(from, to *layer, of []*layer) (*changes, error) {
	if c := to.changes.Load(); c != nil && to.depth == from.depth+1 && to.holds(from) {
		return c, nil
	}
	var accounts []common.Address
	var slots []slotKey
	for _, l := range of {
		accounts, slots = append(accounts, l.accounts...), append(slots, l.slots...)
	}
	slices.SortFunc(accounts, func(a, b common.Address) int { return bytes.Compare(a[:], b[:]) })
	slices.SortFunc(slots, func(a, b slotKey) int { return compareSlots(&a, &b) })
	accounts, slots = slices.Compact(accounts), slices.Compact(slots)
	c := &changes{accounts: make([]accountChange, len(accounts)), slots: make([]slotChange, len(slots))}
	err := spread(len(c.accounts), s.opt.Readers, func(i int) error {
		a := &c.accounts[i]
		a.addr = accounts[i]
		return both(&a.before, &a.after, func(l *layer) (account, error) { return s.account(l, a.addr) }, from, to)
	})
	if err != nil {
		return nil, err
	}
	err = spread(len(c.slots), s.opt.Readers, func(i int) error {
		k := &c.slots[i]
		k.key = slots[i]
		return both(&k.before, &k.after, func(l *layer) (common.Hash, error) { return s.slot(l, k.key) }, from, to)
	})
	c.drop()
	return c, err
}

func both[T any](before, after *T, read func(*layer) (T, error), from, to *layer) (err error) {
	if *before, err = read(from); err == nil {
		*after, err = read(to)
	}
	return err
}
