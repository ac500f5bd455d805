package store

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/holiman/uint256"
)

// changes are what a block did to the state: each key once, sorted, with its value before
// and after, and only where they differ. Wiped accounts have become slots that are zero
// by then, so that nothing else needs to know of them. (Marking the account instead was
// rejected: every read of a slot would have to ask for the mark, for the sake of
// contracts destroyed before Cancun.)
type changes struct {
	accounts []accountChange
	slots    []slotChange
	codes    []gpuevm.Code
}

type accountChange struct {
	addr          common.Address
	before, after account
}

type slotChange struct {
	key           slotKey
	before, after common.Hash
}

// resolution turns a diff into changes. Everything in it is in the order of the disk from
// the start, so that no map is needed: the same key is next to itself.
type resolution struct {
	s        *Store
	parent   *layer
	d        *gpuevm.StateDiff
	mentions []mention // by account, those of an account in the order of the diff
	accounts []accountChange
	groups   []group // of each account
	slots    []slotChange
	gone     []slotChange // slots that only a wipe changes
}

// mention is a run of cells of one account. They are numbered through: wiped accounts, cells,
// additions.
type mention struct {
	prefix   uint64 // of the address, for its order
	from, to uint32
}

// group is what a diff says of an account.
type group struct {
	from, to    uint32 // mentions
	first, last uint32 // slots
	wiped       bool
}

func (s *Store) resolve(parent *layer, d *gpuevm.StateDiff) (*changes, error) {
	if d == nil {
		return new(changes), nil
	}
	r := &resolution{s: s, parent: parent, d: d}
	r.mention()
	r.group()
	for _, step := range []func() error{r.accountsBefore, r.slotsBefore, r.apply, r.bury} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	c := &changes{r.accounts, r.slots, d.Codes}
	if len(r.gone) > 0 {
		c.slots = append(c.slots, r.gone...)
		slices.SortFunc(c.slots, func(a, b slotChange) int { return compareSlots(&a.key, &b.key) })
	}
	c.drop()
	return c, nil
}

// drop takes out what is as it was.
func (c *changes) drop() {
	c.accounts = slices.DeleteFunc(c.accounts, func(a accountChange) bool { return a.before == a.after })
	c.slots = slices.DeleteFunc(c.slots, func(s slotChange) bool { return s.before == s.after })
}

// mention lists which accounts the diff speaks of, and where.
func (r *resolution) mention() {
	n := uint32(0)
	add := func(addr *common.Address) {
		if k := len(r.mentions) - 1; k >= 0 && r.mentions[k].to == n && *r.addr(n - 1) == *addr {
			r.mentions[k].to++
		} else {
			r.mentions = append(r.mentions, mention{binary.BigEndian.Uint64(addr[:]), n, n + 1})
		}
		n++
	}
	r.mentions = make([]mention, 0, len(r.d.Wiped)+len(r.d.Cells)/2)
	for i := range r.d.Wiped {
		add(&r.d.Wiped[i])
	}
	for _, cells := range [2][]gpuevm.Cell{r.d.Cells, r.d.Adds} {
		for i := range cells {
			add(&cells[i].Key.Addr)
		}
	}
	slices.SortFunc(r.mentions, func(a, b mention) int {
		if c := cmp.Compare(a.prefix, b.prefix); c != 0 {
			return c
		}
		if c := bytes.Compare(r.addr(a.from)[:], r.addr(b.from)[:]); c != 0 {
			return c
		}
		return cmp.Compare(a.from, b.from)
	})
}

func (r *resolution) addr(n uint32) *common.Address {
	if n < uint32(len(r.d.Wiped)) {
		return &r.d.Wiped[n]
	}
	c, _ := r.cell(n)
	return &c.Key.Addr
}

// cell is a cell by its number; added is said of those that are added to.
func (r *resolution) cell(n uint32) (c *gpuevm.Cell, added bool) {
	n -= uint32(len(r.d.Wiped))
	if n < uint32(len(r.d.Cells)) {
		return &r.d.Cells[n], false
	}
	return &r.d.Adds[n-uint32(len(r.d.Cells))], true
}

// group makes an entry of each account and of each slot.
func (r *resolution) group() {
	ms := r.mentions
	r.accounts, r.groups = make([]accountChange, 0, len(ms)), make([]group, 0, len(ms))
	var slots []ranked
	for from := 0; from < len(ms); {
		addr := r.addr(ms[from].from)
		to := from + 1
		for to < len(ms) && *r.addr(ms[to].from) == *addr {
			to++
		}
		g := group{from: uint32(from), to: uint32(to), first: uint32(len(r.slots))}
		g.wiped = ms[from].from < uint32(len(r.d.Wiped))
		slots = r.slotsIn(slots[:0], ms[from:to])
		r.addSlots(slots)
		g.last = uint32(len(r.slots))
		r.accounts, r.groups = append(r.accounts, accountChange{addr: *addr}), append(r.groups, g)
		from = to
	}
}

// ranked is a slot of the account at hand.
type ranked struct {
	prefix uint64
	cell   uint32
}

// slotsIn lists the slots that some mentions set.
func (r *resolution) slotsIn(list []ranked, ms []mention) []ranked {
	for _, m := range ms {
		for n := max(m.from, uint32(len(r.d.Wiped))); n < m.to; n++ {
			if c, added := r.cell(n); c.Key.Kind == gpuevm.Slot && !added {
				list = append(list, ranked{binary.BigEndian.Uint64(c.Key.Slot[:]), n})
			}
		}
	}
	return list
}

// addSlots puts the slots of an account in order, each once with the value set last.
func (r *resolution) addSlots(list []ranked) {
	slot := func(x *ranked) *gpuevm.Cell { c, _ := r.cell(x.cell); return c }
	slices.SortFunc(list, func(a, b ranked) int {
		if c := cmp.Compare(a.prefix, b.prefix); c != 0 {
			return c
		}
		if c := bytes.Compare(slot(&a).Key.Slot[:], slot(&b).Key.Slot[:]); c != 0 {
			return c
		}
		return cmp.Compare(a.cell, b.cell)
	})
	for i := range list {
		c := slot(&list[i])
		if i+1 < len(list) && slot(&list[i+1]).Key.Slot == c.Key.Slot {
			continue
		}
		r.slots = append(r.slots, slotChange{key: slotKey{c.Key.Addr, c.Key.Slot}, after: c.Value})
	}
}

// accountsBefore reads the accounts first, as what does not exist has no storage to be read.
func (r *resolution) accountsBefore() error {
	return spread(len(r.accounts), r.s.opt.Readers, func(i int) (err error) {
		a := &r.accounts[i]
		a.before, err = r.s.account(r.parent, a.addr)
		a.after = a.before
		return err
	})
}

func (r *resolution) slotsBefore() error {
	there := make([]*slotChange, 0, len(r.slots))
	for i := range r.groups {
		if g := &r.groups[i]; r.accounts[i].before.exists {
			for k := g.first; k < g.last; k++ {
				there = append(there, &r.slots[k])
			}
		}
	}
	return spread(len(there), r.s.opt.Readers, func(i int) (err error) {
		there[i].before, err = r.s.slot(r.parent, there[i].key)
		return err
	})
}

// spread does n reads. Those of a large block are shared out, as each may wait for the
// disk; those of a small one cost no goroutine.
func spread(n, workers int, read func(i int) error) error {
	const few = 128 // reads that a goroutine takes at a time
	if n <= 2*few || workers < 2 {
		for i := range n {
			if err := read(i); err != nil {
				return err
			}
		}
		return nil
	}
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	for range min(workers, (n+few-1)/few) {
		wg.Go(func() {
			for failed.Load() == nil {
				from := int(next.Add(few)) - few
				for i := from; i < min(from+few, n); i++ {
					if err := read(i); err != nil {
						failed.CompareAndSwap(nil, &err)
						return
					}
				}
				if from >= n {
					return
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// apply sets the fields of accounts.
func (r *resolution) apply() error {
	for i := range r.groups {
		g := &r.groups[i]
		for _, m := range r.mentions[g.from:g.to] {
			for n := max(m.from, uint32(len(r.d.Wiped))); n < m.to; n++ {
				if err := r.set(&r.accounts[i], n); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (r *resolution) set(a *accountChange, n uint32) error {
	switch c, added := r.cell(n); {
	case added && c.Key.Kind != gpuevm.Balance:
		return fmt.Errorf("diff adds to %s", c.Key)
	case added:
		x, y := new(uint256.Int).SetBytes32(a.after.balance[:]), new(uint256.Int).SetBytes32(c.Value[:])
		a.after.balance = x.Add(x, y).Bytes32()
	case c.Key.Kind != gpuevm.Slot:
		if err := a.after.set(c.Key.Kind, c.Value); err != nil {
			return fmt.Errorf("account %s: %w", a.addr.Hex(), err)
		}
	}
	return nil
}

// bury takes the storage of accounts that were wiped, or are no more.
func (r *resolution) bury() error {
	for i := range r.groups {
		a, g := &r.accounts[i], &r.groups[i]
		slots := r.slots[g.first:g.last]
		if !a.after.exists {
			if a.after != (account{}) {
				return fmt.Errorf("diff leaves account %s with fields but without existence", a.addr.Hex())
			}
			for k := range slots {
				slots[k].after = common.Hash{}
			}
		}
		if !a.before.exists || a.after.exists && !g.wiped {
			continue
		}
		err := r.s.slotsOf(r.parent, a.addr, func(k slotKey, v common.Hash) {
			_, set := slices.BinarySearchFunc(slots, k, func(c slotChange, k slotKey) int { return compareSlots(&c.key, &k) })
			if !set {
				r.gone = append(r.gone, slotChange{key: k, before: v})
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func compareSlots(a, b *slotKey) int {
	if c := bytes.Compare(a.addr[:], b.addr[:]); c != 0 {
		return c
	}
	return bytes.Compare(a.slot[:], b.slot[:])
}
