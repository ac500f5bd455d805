package forest

import (
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/statedb/mpt"
	"github.com/holiman/uint256"
)

// changes are what was applied since the last Collect.
type changes struct {
	index    map[common.Address]int32
	accounts []account
	dirty    []int32 // accounts changed since the last fold
	slots    []write // since the last fold
	last     int32   // where the last cell went: an account's cells come together
	touched  map[common.Hash]*mpt.Trie
}

// account is what is known of an account that changed.
type account struct {
	addr   common.Address
	hash   common.Hash // of addr, once loaded
	fields fields      // since the last fold
	was    body        // as of the last Collect
	is     body        // as of the last fold
	trie   *mpt.Trie   // its storage; nil: not opened since the last Collect

	loaded bool // was and is are known
	dirty  bool
	wiped  bool  // since the last fold
	since  int32 // slots written before this one are void
	from   int32 // its part of the sorted slots
	to     int32
	// given are the slots that Settled handed over: Apply brings them again.
	given map[common.Hash]common.Hash
}

// write is a slot that was set.
type write struct {
	account int32
	slot    common.Hash
	value   common.Hash
	hash    common.Hash // of slot, once it is folded
}

func (c *changes) reset() {
	if len(c.index) > 1<<16 {
		c.index = nil // clearing it would cost every small block to come
	}
	clear(c.index)
	clear(c.accounts) // tries
	c.accounts, c.dirty, c.slots, c.last = c.accounts[:0], c.dirty[:0], c.slots[:0], -1
	c.touched = make(map[common.Hash]*mpt.Trie)
}

// at is the account, to be changed.
func (c *changes) at(addr common.Address) *account {
	if c.last < 0 || c.accounts[c.last].addr != addr {
		i, known := c.index[addr]
		if !known {
			i = int32(len(c.accounts))
			c.index[addr] = i
			c.accounts = append(c.accounts, account{addr: addr})
		}
		c.last = i
	}
	a := &c.accounts[c.last]
	if !a.dirty {
		a.dirty = true
		c.dirty = append(c.dirty, c.last)
	}
	return a
}

// Apply notes a diff. Nothing is looked up, so that what the diff has wrong (a nonce of
// more than 64 bits, an account that has a balance and does not exist) may be an error of
// Root only. After an error the forest is good for Undo.
func (f *Forest) Apply(d *gpuevm.StateDiff) error {
	f.ahead.drop()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = f.changes.apply(d, false)
	}
	return f.err
}

// apply notes a diff; early says that it is one of Settled.
func (c *changes) apply(d *gpuevm.StateDiff, early bool) error {
	if c.index == nil {
		c.index = make(map[common.Address]int32, runs(d.Cells))
	}
	for _, addr := range d.Wiped {
		c.at(addr).wipe(int32(len(c.slots)))
	}
	for i := range d.Cells {
		if err := c.set(&d.Cells[i], early); err != nil {
			return err
		}
	}
	for i := range d.Adds {
		if kind := d.Adds[i].Key.Kind; kind != gpuevm.Balance {
			return fmt.Errorf("diff adds to %s", d.Adds[i].Key)
		}
		a := c.at(d.Adds[i].Key.Addr)
		a.fields.add.Add(&a.fields.add, new(uint256.Int).SetBytes32(d.Adds[i].Value[:]))
	}
	return nil
}

// runs is how many accounts there are at most: the cells of one mostly come together.
func runs(cells []gpuevm.Cell) (n int) {
	for i := range cells {
		if i == 0 || cells[i].Key.Addr != cells[i-1].Key.Addr {
			n++
		}
	}
	return n
}

// wipe voids all storage, as of now.
func (a *account) wipe(now int32) {
	a.wiped, a.since, a.given = true, now, nil
}

func (c *changes) set(cell *gpuevm.Cell, early bool) error {
	a := c.at(cell.Key.Addr)
	if cell.Key.Kind != gpuevm.Slot {
		if err := a.fields.cell(cell.Key.Kind, &cell.Value); err != nil {
			return fmt.Errorf("account %s: %w", a.addr.Hex(), err)
		}
		if cell.Key.Kind == gpuevm.Exists && !a.fields.exists {
			a.wipe(int32(len(c.slots))) // one that a later diff creates starts without
		}
		return nil
	}
	if early {
		if a.given == nil {
			a.given = make(map[common.Hash]common.Hash)
		}
		a.given[cell.Key.Slot] = cell.Value
	} else if v, ok := a.given[cell.Key.Slot]; ok {
		if v == cell.Value {
			return nil
		}
		delete(a.given, cell.Key.Slot) // it changed after all
	}
	c.slots = append(c.slots, write{account: c.last, slot: cell.Key.Slot, value: cell.Value})
	return nil
}
