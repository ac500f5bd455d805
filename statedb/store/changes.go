package store

import (
	"bytes"
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

// resolution turns a diff into changes.
type resolution struct {
	s        *Store
	parent   *layer
	accounts map[common.Address]*accountChange
	slots    map[slotKey]*slotChange
}

func (s *Store) resolve(parent *layer, d *gpuevm.StateDiff) (*changes, error) {
	if d == nil {
		return new(changes), nil
	}
	r := &resolution{
		s: s, parent: parent,
		accounts: make(map[common.Address]*accountChange, len(d.Cells)/2),
		slots:    make(map[slotKey]*slotChange, len(d.Cells)),
	}
	if err := r.before(d); err != nil {
		return nil, err
	}
	for _, addr := range d.Wiped {
		if err := r.wipe(addr); err != nil {
			return nil, err
		}
	}
	for i := range d.Cells {
		if err := r.set(&d.Cells[i]); err != nil {
			return nil, err
		}
	}
	for i := range d.Adds {
		if err := r.add(&d.Adds[i]); err != nil {
			return nil, err
		}
	}
	if err := r.bury(); err != nil {
		return nil, err
	}
	return r.changes(d.Codes), nil
}

// before reads what a diff is going to change: accounts first, as what does not exist has no
// storage to be read.
func (r *resolution) before(d *gpuevm.StateDiff) error {
	accounts := make([]*accountChange, 0, len(d.Cells)/2)
	name := func(addr common.Address) {
		if r.accounts[addr] == nil {
			a := &accountChange{addr: addr}
			r.accounts[addr] = a
			accounts = append(accounts, a)
		}
	}
	for _, addr := range d.Wiped {
		name(addr)
	}
	for _, cells := range [2][]gpuevm.Cell{d.Cells, d.Adds} {
		for i := range cells {
			if addr := &cells[i].Key.Addr; i == 0 || *addr != cells[i-1].Key.Addr {
				name(*addr)
			}
		}
	}
	err := spread(len(accounts), r.s.opt.RetrievalWorkers, func(i int) (err error) {
		a := accounts[i]
		a.before, err = r.s.account(r.parent, a.addr)
		a.after = a.before
		return err
	})
	if err != nil {
		return err
	}
	return r.slotsBefore(d.Cells)
}

func (r *resolution) slotsBefore(cells []gpuevm.Cell) error {
	var slots []*slotChange
	for i := range cells {
		c := &cells[i].Key
		k := slotKey{c.Addr, c.Slot}
		if c.Kind != gpuevm.Slot || r.slots[k] != nil {
			continue
		}
		s := &slotChange{key: k}
		r.slots[k] = s
		if r.accounts[c.Addr].before.exists {
			slots = append(slots, s)
		}
	}
	return spread(len(slots), r.s.opt.RetrievalWorkers, func(i int) (err error) {
		slots[i].before, err = r.s.slot(r.parent, slots[i].key)
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

func (r *resolution) set(c *gpuevm.Cell) error {
	if c.Key.Kind == gpuevm.Slot {
		r.slots[slotKey{c.Key.Addr, c.Key.Slot}].after = c.Value
		return nil
	}
	if err := r.accounts[c.Key.Addr].after.set(c.Key.Kind, c.Value); err != nil {
		return fmt.Errorf("account %s: %w", c.Key.Addr.Hex(), err)
	}
	return nil
}

func (r *resolution) add(c *gpuevm.Cell) error {
	if c.Key.Kind != gpuevm.Balance {
		return fmt.Errorf("diff adds to %s", c.Key)
	}
	a := r.accounts[c.Key.Addr]
	x, y := new(uint256.Int).SetBytes32(a.after.balance[:]), new(uint256.Int).SetBytes32(c.Value[:])
	a.after.balance = x.Add(x, y).Bytes32()
	return nil
}

// wipe zeroes the slots that an account has.
func (r *resolution) wipe(addr common.Address) error {
	if !r.accounts[addr].before.exists {
		return nil
	}
	return r.s.slotsOf(r.parent, addr, func(k slotKey, v common.Hash) {
		if r.slots[k] == nil {
			r.slots[k] = &slotChange{key: k, before: v}
		}
	})
}

// bury takes the storage of accounts that are no more.
func (r *resolution) bury() error {
	for addr, a := range r.accounts {
		if a.after.exists {
			continue
		}
		if a.after != (account{}) {
			return fmt.Errorf("diff leaves account %s with fields but without existence", addr.Hex())
		}
		if err := r.wipe(addr); err != nil {
			return err
		}
	}
	for k, c := range r.slots {
		if !r.accounts[k.addr].after.exists {
			c.after = common.Hash{}
		}
	}
	return nil
}

// changes are sorted as the disk sorts them: a batch in order goes into Pebble's memtable
// faster, and the same block gives the same bytes.
func (r *resolution) changes(codes []gpuevm.Code) *changes {
	c := &changes{codes: codes}
	for _, a := range r.accounts {
		if a.before != a.after {
			c.accounts = append(c.accounts, *a)
		}
	}
	for _, sc := range r.slots {
		if sc.before != sc.after {
			c.slots = append(c.slots, *sc)
		}
	}
	slices.SortFunc(c.accounts, func(a, b accountChange) int { return bytes.Compare(a.addr[:], b.addr[:]) })
	slices.SortFunc(c.slots, func(a, b slotChange) int { return compareSlots(a.key, b.key) })
	return c
}

func compareSlots(a, b slotKey) int {
	if c := bytes.Compare(a.addr[:], b.addr[:]); c != 0 {
		return c
	}
	return bytes.Compare(a.slot[:], b.slot[:])
}
