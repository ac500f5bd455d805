package forest

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/statedb/mpt"
)

// Collect hands over the nodes that changed since the last Collect, in the order of
// owners and paths, those of the account trie first. What it handed over, the source must have before the
// next change; then Trim may be called.
func (f *Forest) Collect(emit func(*mpt.Change) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	start := time.Now()
	if f.err = f.collect(emit); f.err != nil {
		return f.err
	}
	f.root, f.err = f.accounts.Root()
	f.block++
	f.arena.SetEpoch(f.block)
	f.changes.reset()
	f.recaller.Store(nil)
	f.stats.Collect += time.Since(start)
	return f.err
}

func (f *Forest) collect(emit func(*mpt.Change) error) error {
	if len(f.changes.dirty) > 0 {
		return fmt.Errorf("collect: %d accounts were changed since Root", len(f.changes.dirty))
	}
	if err := f.accounts.Collect(emit); err != nil {
		return fmt.Errorf("accounts: %w", err)
	}
	owners := slices.SortedFunc(maps.Keys(f.changes.touched), func(a, b common.Hash) int { return bytes.Compare(a[:], b[:]) })
	for _, owner := range owners {
		if err := f.changes.touched[owner].Collect(emit); err != nil {
			return fmt.Errorf("storage %x: %w", owner, err)
		}
	}
	return nil
}

// Undo takes back everything since the last Collect, errors included. Storage tries that were
// changed are read again when they are needed.
func (f *Forest) Undo() error {
	f.ahead.drop()
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.arena.Rest()
	c := &f.changes
	for hash, t := range c.touched {
		t.Reset(common.Hash{})
		delete(f.storage, hash)
	}
	if f.restore() != nil {
		f.accounts.Reset(f.root)
	}
	f.err = nil
	f.recaller.Store(nil)
	c.reset()
	return nil
}

// restore puts the accounts back that were changed, so that the trie of all accounts need
// not be read again.
func (f *Forest) restore() error {
	c, s := &f.changes, &f.scratch
	s.items = s.items[:0]
	for i := range c.accounts {
		a := &c.accounts[i]
		if !a.loaded || a.is == a.was {
			continue
		}
		it := mpt.Item{Key: a.hash}
		if a.was.exists {
			it.Value = a.was.append(nil)
		}
		s.items = append(s.items, it)
	}
	slices.SortFunc(s.items, func(a, b mpt.Item) int { return bytes.Compare(a.Key[:], b.Key[:]) })
	if err := f.accounts.Update(s.items); err != nil {
		return err
	}
	root, err := f.accounts.Hash()
	if err == nil && root != f.root {
		err = fmt.Errorf("root %x after going back, want %x", root, f.root)
	}
	return err
}

// trimEvery is how many blocks pass between two looks at all nodes, unless they are too
// many.
const trimEvery = 64

// Trim forgets nodes that no block needed for long, if there are too many of them. Call it
// when the source has what was collected.
func (f *Forest) Trim() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.arena.Size() <= f.opt.Limit && (f.block%trimEvery != 0 || len(f.storage) < trimEvery) {
		return
	}
	tries := make([]*mpt.Trie, 0, len(f.storage)+1)
	for _, t := range f.storage {
		tries = append(tries, t)
	}
	tries = append(tries, f.accounts) // goes last among those as old: every block needs it
	if f.arena.Size() > f.opt.Limit {
		f.arena.Prune(tries, 1<<31, f.opt.Limit/4*3)
	}
	for hash, t := range f.storage {
		if t.Size() == 0 && t.Err() == nil {
			delete(f.storage, hash)
		}
	}
}
