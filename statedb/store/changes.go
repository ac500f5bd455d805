package store

import (
	"bytes"
	"fmt"
	"slices"

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

func (r *resolution) account(addr common.Address) (*accountChange, error) {
	if a := r.accounts[addr]; a != nil {
		return a, nil
	}
	v, err := r.s.account(r.parent, addr)
	if err != nil {
		return nil, err
	}
	a := &accountChange{addr: addr, before: v, after: v}
	r.accounts[addr] = a
	return a, nil
}

func (r *resolution) set(c *gpuevm.Cell) error {
	a, err := r.account(c.Key.Addr)
	if err != nil {
		return err
	}
	if c.Key.Kind != gpuevm.Slot {
		if err := a.after.set(c.Key.Kind, c.Value); err != nil {
			return fmt.Errorf("account %s: %w", c.Key.Addr.Hex(), err)
		}
		return nil
	}
	k := slotKey{c.Key.Addr, c.Key.Slot}
	if sc := r.slots[k]; sc != nil {
		sc.after = c.Value
		return nil
	}
	before := common.Hash{}
	if a.before.exists { // what does not exist has no storage
		if before, err = r.s.slot(r.parent, k); err != nil {
			return err
		}
	}
	r.slots[k] = &slotChange{k, before, c.Value}
	return nil
}

func (r *resolution) add(c *gpuevm.Cell) error {
	if c.Key.Kind != gpuevm.Balance {
		return fmt.Errorf("diff adds to %s", c.Key)
	}
	a, err := r.account(c.Key.Addr)
	if err != nil {
		return err
	}
	x, y := new(uint256.Int).SetBytes32(a.after.balance[:]), new(uint256.Int).SetBytes32(c.Value[:])
	a.after.balance = x.Add(x, y).Bytes32()
	return nil
}

// wipe zeroes the slots that an account has.
func (r *resolution) wipe(addr common.Address) error {
	a, err := r.account(addr)
	if err != nil || !a.before.exists {
		return err
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
