package forest

import (
	"fmt"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/statedb/keccak"
	"github.com/gpuevm/gpuevm/statedb/mpt"
)

// scratch is memory that one fold leaves to the next.
type scratch struct {
	batch   keccak.Batch
	ranks   []ranked
	spare   []ranked
	items   []mpt.Item
	keys    []common.Hash
	leaves  [][]byte
	values  []byte
	folds   []int32 // accounts at hand
	changed []bool  // dirty accounts that are not what they were
	tries   []*mpt.Trie
}

// Root is the state root after everything applied so far. An error names the account or
// node; then the forest is good for Undo.
func (f *Forest) Root() (common.Hash, error) {
	f.ahead.drop()
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.fold(nil); err != nil {
		return common.Hash{}, err
	}
	return f.accounts.Root()
}

// rest is what is still to come of a block: accounts that are known, and how many others.
type rest struct {
	known []common.Hash
	later int
}

// fold brings the tries up to what was applied. Where there is a rest, those nodes of the
// account trie that it will touch are left for later.
func (f *Forest) fold(rest *rest) error {
	if f.err != nil {
		return f.err
	}
	defer f.arena.Rest()
	f.err = f.steps(rest)
	return f.err
}

func (f *Forest) steps(rest *rest) error {
	start := time.Now()
	if err := f.load(); err != nil {
		return err
	}
	loaded := time.Now()
	if err := f.updateStorage(); err != nil {
		return err
	}
	updated := time.Now()
	if err := f.arena.Hash(f.scratch.tries); err != nil {
		return fmt.Errorf("storage: %w", err)
	}
	hashed := time.Now()
	if err := f.updateAccounts(); err != nil {
		return err
	}
	end := time.Now()
	f.stats.Load += loaded.Sub(start)
	f.stats.Update += updated.Sub(loaded) + end.Sub(hashed)
	err := f.hashAccounts(rest)
	f.stats.Hash += hashed.Sub(updated) + time.Since(end)
	if rest != nil {
		f.stats.Early += time.Since(start)
	}
	return err
}

func (f *Forest) hashAccounts(rest *rest) error {
	if rest != nil {
		return f.accounts.HashEarly(rest.known, rest.later)
	}
	_, err := f.accounts.Hash()
	return err
}

// load reads the changed accounts that are not known yet from their trie, and puts all
// changed ones in order.
func (f *Forest) load() error {
	c, s := &f.changes, &f.scratch
	s.folds, s.ranks = s.folds[:0], s.ranks[:0]
	for _, i := range c.dirty {
		if !c.accounts[i].loaded {
			s.folds = append(s.folds, i)
		}
		s.ranks = append(s.ranks, ranked{index: i})
	}
	f.hashNames(len(s.folds), func(k int) []byte { return c.accounts[s.folds[k]].addr[:] },
		func(k int, hash *common.Hash) { c.accounts[s.folds[k]].hash = *hash })
	s.ranks = s.order(s.ranks, f.opt.Workers, func(i int32) *common.Hash { return &c.accounts[i].hash })
	for k, r := range s.ranks {
		c.dirty[k] = r.index
	}
	if err := f.readAll(); err != nil {
		return err
	}
	return f.resolveGone()
}

// readAll reads the accounts that are not known yet.
func (f *Forest) readAll() error {
	c, s := &f.changes, &f.scratch
	s.keys, s.folds, s.leaves = s.keys[:0], s.folds[:0], s.leaves[:0]
	for _, i := range c.dirty {
		if a := &c.accounts[i]; !a.loaded {
			s.keys, s.folds = append(s.keys, a.hash), append(s.folds, i)
		}
	}
	err := f.accounts.GetBatch(s.keys, func(_ int, leaf []byte) { s.leaves = append(s.leaves, leaf) })
	for k := 0; err != nil && k < len(s.folds); k++ { // which one was it?
		a := &c.accounts[s.folds[k]]
		if _, e := f.accounts.Get(a.hash); e != nil {
			return fmt.Errorf("account %s: %w", a.addr.Hex(), e)
		}
	}
	if err != nil {
		return err
	}
	return f.parts(len(s.folds), func(from, to int) error {
		for k := from; k < to; k++ {
			if err := c.accounts[s.folds[k]].load(s.leaves[k]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (a *account) load(leaf []byte) (err error) {
	if leaf != nil {
		if a.was, err = decodeBody(leaf); err != nil {
			return fmt.Errorf("account %s: %w", a.addr.Hex(), err)
		}
	}
	a.is, a.loaded = a.was, true
	return nil
}

// resolveGone loads what it takes to delete accounts: where a branch is left with one child,
// that child. A witness has it if it is needed, which is not known here.
func (f *Forest) resolveGone() error {
	c, s := &f.changes, &f.scratch
	s.items = s.items[:0]
	for _, i := range c.dirty {
		if a := &c.accounts[i]; a.fields.set[gpuevm.Exists] && !a.fields.exists {
			s.items = append(s.items, mpt.Item{Key: a.hash})
		}
	}
	if len(s.items) == 0 || f.opt.Partial {
		return nil
	}
	if err := f.accounts.Resolve(s.items); err != nil {
		return fmt.Errorf("accounts: %w", err)
	}
	return nil
}

var present = []byte{1}

// updateStorage brings the storage tries of changed accounts up to date, and lists them.
func (f *Forest) updateStorage() error {
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
	errs := make([]error, len(s.folds))
	each(f.opt.Workers, len(s.folds), func(k int) {
		a := &c.accounts[s.folds[k]]
		if err := a.updateSlots(s.items[a.from:a.to], !f.opt.Partial); err != nil {
			errs[k] = fmt.Errorf("storage of account %s: %w", a.addr.Hex(), err)
		}
	})
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	f.stats.Slots += len(s.items)
	c.slots = c.slots[:0]
	return nil
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

// updateSlots brings an account's storage up to date. ahead says that what is to be loaded
// may be guessed.
func (a *account) updateSlots(items []mpt.Item, ahead bool) error {
	if a.wiped {
		if err := a.trie.Clear(); err != nil {
			return err
		}
	}
	exists := a.is.exists
	if a.fields.set[gpuevm.Exists] {
		exists = a.fields.exists
	}
	if !exists {
		return nil
	}
	if ahead && len(items) > 1 && a.trie.Lacks() {
		if err := a.trie.Resolve(items); err != nil {
			return err
		}
	}
	return a.trie.Update(items)
}

// sortSlots makes items of the slots that were written: account by account in the order of
// the dirty ones, each in the order of its trie, a slot once, with its last value.
func (f *Forest) sortSlots() {
	c, s := &f.changes, &f.scratch
	s.items, s.values = s.items[:0], s.values[:0]
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

// updateAccounts brings the account trie up to date, and makes the dirty accounts clean.
func (f *Forest) updateAccounts() error {
	c, s := &f.changes, &f.scratch
	n := len(c.dirty)
	s.values = slices.Grow(s.values[:0], bodySize*n)[:bodySize*n]
	s.items = slices.Grow(s.items[:0], n)[:n]
	s.changed = slices.Grow(s.changed[:0], n)[:n]
	err := f.parts(n, func(from, to int) error {
		for k := from; k < to; k++ {
			a := &c.accounts[c.dirty[k]]
			var err error
			room := s.values[k*bodySize : k*bodySize : (k+1)*bodySize]
			if s.items[k].Value, s.changed[k], err = a.settle(room); err != nil {
				return err
			}
			s.items[k].Key = a.hash
		}
		return nil
	})
	if err != nil {
		return err
	}
	items := s.items[:0]
	for k, changed := range s.changed {
		if changed {
			items = append(items, s.items[k])
		}
	}
	s.items = items
	f.stats.Accounts += len(items)
	c.dirty, c.last = c.dirty[:0], -1
	if err := f.accounts.Update(items); err != nil {
		return fmt.Errorf("accounts: %w", err)
	}
	return nil
}

// settle makes a dirty account clean. Where that changes it, leaf is what its trie gets,
// appended to room, or nil where it is gone.
func (a *account) settle(room []byte) (leaf []byte, changed bool, err error) {
	next, err := a.next()
	if err != nil {
		return nil, false, err
	}
	if changed = next != a.is; changed && next.exists {
		leaf = next.append(room)
	}
	a.is, a.fields, a.dirty, a.wiped, a.since = next, fields{}, false, false, 0
	return leaf, changed, nil
}

// next is the account with all that was applied, its storage being up to date.
func (a *account) next() (body, error) {
	b := a.fields.on(a.is)
	if !b.exists {
		if kind, ghost := b.ghost(); ghost {
			return b, fmt.Errorf("diff leaves account %s with a %s but without existence", a.addr.Hex(), kind)
		}
		return body{}, nil
	}
	if a.trie != nil {
		root, err := a.trie.Root()
		if err != nil {
			return b, fmt.Errorf("storage of account %s: %w", a.addr.Hex(), err)
		}
		b.root = root
	}
	return b, nil
}
