package forest

import (
	"fmt"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"
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
	names   []int32 // which writes the items of slots are
	keys    []common.Hash
	leaves  [][]byte
	values  []byte
	folds   []int32 // accounts at hand
	lack    []int32 // those of them whose storage tries lack nodes
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
	last := time.Now()
	start := last
	lap := func(sum *time.Duration) {
		now := time.Now()
		*sum += now.Sub(last)
		last = now
	}
	if err := f.load(); err != nil {
		return err
	}
	lap(&f.stats.Load)
	f.listStorage()
	lap(&f.stats.Update)
	if err := f.loadStorage(); err != nil {
		return err
	}
	lap(&f.stats.Load)
	if err := f.eachOf(f.scratch.folds, f.opt.Workers, f.updateSlots); err != nil {
		return err
	}
	lap(&f.stats.Update)
	if err := f.arena.Hash(f.scratch.tries); err != nil {
		return fmt.Errorf("storage: %w", err)
	}
	lap(&f.stats.Hash)
	if err := f.updateAccounts(); err != nil {
		return err
	}
	lap(&f.stats.Update)
	err := f.hashAccounts(rest)
	lap(&f.stats.Hash)
	if rest != nil {
		f.stats.Early += last.Sub(start)
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
	err := f.guessAccounts()
	if err == nil {
		err = f.accounts.GetBatch(s.keys, func(_ int, leaf []byte) { s.leaves = append(s.leaves, leaf) })
	}
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
	c.dirty, c.slots, c.last = c.dirty[:0], c.slots[:0], -1
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
