package forest

import (
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/statedb/mpt"
)

// listStorage lists the accounts whose storage changed, and their storage tries.
func (f *Forest) listStorage() {
	c, s := &f.changes, &f.scratch
	f.sortSlots()
	s.folds, s.tries = s.folds[:0], s.tries[:0]
	for _, i := range c.dirty {
		if a := &c.accounts[i]; a.wiped || a.from < a.to {
			s.folds = append(s.folds, i)
			f.open(a)
			s.tries = append(s.tries, a.trie)
		}
	}
	f.stats.Slots += len(s.items)
}

// loadStorage loads what the updates of storage will need. What that is, is a guess, which a
// witness may not have foreseen.
func (f *Forest) loadStorage() error {
	s := &f.scratch
	if f.opt.Partial {
		return nil
	}
	s.lack = s.lack[:0]
	for _, i := range s.folds {
		if a := &f.changes.accounts[i]; a.from < a.to && !a.wiped && a.lives() && a.trie.Lacks(int(a.to-a.from)) {
			s.lack = append(s.lack, i)
		}
	}
	return f.eachOf(s.lack, f.opt.Readers, func(a *account) error {
		if err := f.guessSlots(a); err != nil {
			return err
		}
		return a.trie.Resolve(s.items[a.from:a.to])
	})
}

// open finds an account's storage trie.
func (f *Forest) open(a *account) {
	if a.trie == nil {
		t := f.storage[a.hash]
		if t == nil {
			root := a.is.root
			if !a.is.exists {
				root = types.EmptyRootHash
			}
			t = f.arena.New(a.hash, root, f.source)
			f.storage[a.hash] = t
		}
		a.trie = t
		f.changes.touched[a.hash] = t
	}
}

// eachOf does something with the storage of some accounts.
func (f *Forest) eachOf(accounts []int32, workers int, do func(*account) error) error {
	errs := make([]error, len(accounts))
	each(workers, len(accounts), func(k int) {
		a := &f.changes.accounts[accounts[k]]
		if err := do(a); err != nil {
			errs[k] = fmt.Errorf("storage of account %s: %w", a.addr.Hex(), err)
		}
	})
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// updateSlots brings an account's storage up to date.
func (f *Forest) updateSlots(a *account) error {
	if a.wiped {
		if err := a.trie.Clear(); err != nil {
			return err
		}
	}
	if !a.lives() {
		return nil
	}
	return a.trie.Update(f.scratch.items[a.from:a.to])
}

// lives says whether the account exists with what was applied.
func (a *account) lives() bool {
	if a.fields.set[gpuevm.Exists] {
		return a.fields.exists
	}
	return a.is.exists
}

// sortSlots makes items of the slots that were written: account by account in the order of
// the dirty ones, each in the order of its trie, a slot once, with its last value.
func (f *Forest) sortSlots() {
	c, s := &f.changes, &f.scratch
	s.items, s.names, s.values = s.items[:0], s.names[:0], s.values[:0]
	for _, i := range c.dirty {
		c.accounts[i].from, c.accounts[i].to = 0, 0
	}
	if len(c.slots) == 0 {
		return
	}
	f.hashSlots()
	f.groupSlots()
	s.values = slices.Grow(s.values, 33*len(s.ranks)) // must not move any more
	for _, i := range c.dirty {
		a := &c.accounts[i]
		group := s.ranks[a.from:a.to]
		a.from = int32(len(s.items))
		if len(group) > bucketed {
			copy(group, s.order(slices.Clone(group), f.opt.Workers, func(k int32) *common.Hash { return &c.slots[k].hash }))
		} else {
			group = s.order(group, 1, func(k int32) *common.Hash { return &c.slots[k].hash })
		}
		for k, r := range group {
			w := &c.slots[r.index]
			if k+1 < len(group) && c.slots[group[k+1].index].hash == w.hash {
				continue // written again
			}
			s.items = append(s.items, mpt.Item{Key: w.hash, Value: f.slotValue(&w.value)})
			s.names = append(s.names, r.index)
		}
		a.to = int32(len(s.items))
	}
}

func (f *Forest) slotValue(v *common.Hash) []byte {
	if *v == (common.Hash{}) {
		return nil
	}
	start := len(f.scratch.values)
	f.scratch.values = appendSlot(f.scratch.values, v)
	return f.scratch.values[start:]
}

// hashSlots hashes the names of all slots that were written.
func (f *Forest) hashSlots() {
	slots := f.changes.slots
	f.hashNames(len(slots), func(k int) []byte { return slots[k].slot[:] },
		func(k int, hash *common.Hash) { slots[k].hash = *hash })
}

// groupSlots lists the writes of each dirty account in scratch.ranks[from:to], but those
// that a wipe came after.
func (f *Forest) groupSlots() {
	c, s := &f.changes, &f.scratch
	valid := func(k int) *account {
		if a := &c.accounts[c.slots[k].account]; int32(k) >= a.since {
			return a
		}
		return nil
	}
	n := int32(0)
	for k := range c.slots {
		if a := valid(k); a != nil {
			a.to++
			n++
		}
	}
	at := int32(0)
	for _, i := range c.dirty {
		a := &c.accounts[i]
		a.from, a.to, at = at, at, at+a.to
	}
	s.ranks = slices.Grow(s.ranks[:0], int(n))[:n]
	for k := range c.slots {
		if a := valid(k); a != nil {
			s.ranks[a.to] = ranked{index: int32(k)}
			a.to++
		}
	}
}
