package statedb

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/trie"
	"github.com/ethereum/go-ethereum/trie/trienode"
	"github.com/ethereum/go-ethereum/triedb"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/holiman/uint256"
	"golang.org/x/sync/errgroup"
)

// fold is what was applied. Apply only collects; Root moves what was collected into the
// tries. A cell that many transactions of a block write so reaches its trie once, and a
// slot or account that comes and goes within the block does not reach it at all.
type fold struct {
	trie      *trie.StateTrie // nil until it is needed
	accounts  map[common.Address]*foldAccount
	dirty     []*foldAccount // since the last Root
	committed bool
}

type foldAccount struct {
	addr   common.Address
	state  types.StateAccount
	exists bool
	inTrie bool                        // the account trie has it
	dirty  bool                        // in fold.dirty
	trie   *trie.StateTrie             // nil: as at state.Root
	slots  map[common.Hash]common.Hash // set since the last Root
}

var errCommitted = errors.New("tries are committed; go on with what Commit returned")

// Apply folds a diff in. After an error nothing but the view is of use.
func (t *Tries) Apply(d *gpuevm.StateDiff) error {
	if t.fold.committed {
		return errCommitted
	}
	for _, addr := range d.Wiped {
		a, err := t.folded(addr)
		if err != nil {
			return err
		}
		a.wipe()
	}
	for i := range d.Cells {
		a, err := t.folded(d.Cells[i].Key.Addr)
		if err != nil {
			return err
		}
		a.set(&d.Cells[i])
	}
	for i := range d.Adds {
		a, err := t.folded(d.Adds[i].Key.Addr)
		if err != nil {
			return err
		}
		a.state.Balance.Add(a.state.Balance, new(uint256.Int).SetBytes32(d.Adds[i].Value[:]))
	}
	if err := t.deploy(d.Codes); err != nil {
		return err
	}
	t.line.note(d)
	return t.bury(d)
}

func (t *Tries) deploy(codes []gpuevm.Code) error {
	if len(codes) == 0 {
		return nil
	}
	batch := t.codes.NewBatchWithSize(len(codes))
	for _, c := range codes {
		batch.Put(c.Hash, c.Blob)
	}
	return batch.Commit()
}

// folded is an account to be changed.
func (t *Tries) folded(addr common.Address) (*foldAccount, error) {
	a := t.fold.accounts[addr]
	if a == nil {
		base, err := t.foldBase(addr)
		if err != nil {
			return nil, err
		}
		a = &foldAccount{addr: addr, state: *types.NewEmptyStateAccount()}
		if base != nil {
			a.state = *base.Copy()
			a.exists, a.inTrie = true, true
		}
		if t.fold.accounts == nil {
			t.fold.accounts = make(map[common.Address]*foldAccount)
		}
		t.fold.accounts[addr] = a
	}
	if !a.dirty {
		a.dirty = true
		t.fold.dirty = append(t.fold.dirty, a)
	}
	return a, nil
}

// foldBase is an account before anything was applied: as the view has read it, else from
// the trie that is going to be changed, which must resolve the nodes on the way anyhow.
func (t *Tries) foldBase(addr common.Address) (*types.StateAccount, error) {
	s := t.shard(addr)
	s.mu.RLock()
	known := s.accounts[addr]
	s.mu.RUnlock()
	if known != nil {
		return known.state, nil
	}
	if err := t.openFold(); err != nil {
		return nil, err
	}
	state, err := t.fold.trie.GetAccount(addr)
	if err != nil {
		return nil, fmt.Errorf("account %s: %w", addr.Hex(), err)
	}
	return state, nil
}

func (t *Tries) openFold() (err error) {
	if t.fold.trie == nil {
		t.fold.trie, err = t.openAccounts()
	}
	return err
}

func (a *foldAccount) wipe() {
	a.state.Root, a.trie, a.slots = types.EmptyRootHash, nil, nil
}

func (a *foldAccount) set(c *gpuevm.Cell) {
	switch c.Key.Kind {
	case gpuevm.Exists:
		a.exists = c.Value != (common.Hash{})
	case gpuevm.Nonce:
		a.state.Nonce = new(uint256.Int).SetBytes32(c.Value[:]).Uint64()
	case gpuevm.Balance:
		a.state.Balance.SetBytes32(c.Value[:])
	case gpuevm.CodeHash:
		a.state.CodeHash = trieCodeHash(c.Value)
	case gpuevm.Slot:
		if a.slots == nil {
			a.slots = make(map[common.Hash]common.Hash)
		}
		a.slots[c.Key.Slot] = c.Value
	}
}

// bury takes the storage of accounts that this diff removed: one that a later diff
// creates again starts without.
func (t *Tries) bury(d *gpuevm.StateDiff) error {
	check := func(addr common.Address) error {
		a := t.fold.accounts[addr]
		if a.exists {
			return nil
		}
		a.wipe()
		for kind := gpuevm.Nonce; kind < gpuevm.Slot; kind++ {
			if field(&a.state, kind) != (common.Hash{}) {
				return errGhost(addr, kind)
			}
		}
		return nil
	}
	for _, list := range [2][]gpuevm.Cell{d.Cells, d.Adds} {
		for i := range list {
			if err := check(list[i].Key.Addr); err != nil {
				return err
			}
		}
	}
	return nil
}

// Root is the state root after everything applied so far.
func (t *Tries) Root() (common.Hash, error) {
	if t.fold.committed {
		return common.Hash{}, errCommitted
	}
	if err := t.openFold(); err != nil {
		return common.Hash{}, err
	}
	if err := t.foldStorage(); err != nil {
		return common.Hash{}, err
	}
	if err := t.foldAccounts(); err != nil {
		return common.Hash{}, err
	}
	return t.fold.trie.Hash(), nil
}

// foldStorage brings the storage tries of all changed accounts up to date, on all cores.
func (t *Tries) foldStorage() error {
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, a := range t.fold.dirty {
		if len(a.slots) > 0 && a.exists {
			g.Go(func() error { return t.foldSlots(a) })
		}
	}
	return g.Wait()
}

func (t *Tries) foldSlots(a *foldAccount) error {
	if a.trie == nil {
		tr, err := t.openStorage(a.addr, a.state.Root)
		if err != nil {
			return err
		}
		a.trie = tr
	}
	keys, values := make([][]byte, 0, len(a.slots)), make([][]byte, 0, len(a.slots))
	for slot, value := range a.slots {
		if value != (common.Hash{}) {
			keys, values = append(keys, slot.Bytes()), append(values, common.TrimLeftZeroes(value.Bytes()))
		}
	}
	// Deletions come last: one that leaves a branch with a single child needs the
	// child's node, which a witness lacks if an insertion was to save the branch.
	if err := a.trie.UpdateStorageBatch(a.addr, keys, values); err != nil {
		for i := range keys { // which one was it?
			if err := a.trie.UpdateStorage(a.addr, keys[i], values[i]); err != nil {
				return a.slotError(common.Hash(keys[i]), err)
			}
		}
		return fmt.Errorf("storage of account %s: %w", a.addr.Hex(), err)
	}
	for slot, value := range a.slots {
		if value == (common.Hash{}) {
			if err := a.trie.DeleteStorage(a.addr, slot[:]); err != nil {
				return a.slotError(slot, err)
			}
		}
	}
	clear(a.slots)
	a.state.Root = a.trie.Hash()
	return nil
}

func (a *foldAccount) slotError(slot common.Hash, err error) error {
	return fmt.Errorf("account %s slot %s: %w", a.addr.Hex(), slot.Hex(), err)
}

// foldAccounts brings the account trie up to date, deletions last as above.
func (t *Tries) foldAccounts() error {
	var (
		addrs   []common.Address
		states  []*types.StateAccount
		removed []*foldAccount
	)
	for _, a := range t.fold.dirty {
		a.dirty = false
		switch {
		case a.exists:
			a.inTrie = true
			addrs, states = append(addrs, a.addr), append(states, &a.state)
		case a.inTrie:
			a.inTrie = false
			removed = append(removed, a)
		}
	}
	t.fold.dirty = t.fold.dirty[:0]
	if err := t.fold.trie.UpdateAccountBatch(addrs, states, nil); err != nil {
		for i := range addrs {
			if err := t.fold.trie.UpdateAccount(addrs[i], states[i], 0); err != nil {
				return fmt.Errorf("account %s: %w", addrs[i].Hex(), err)
			}
		}
		return err
	}
	for _, a := range removed {
		if err := t.fold.trie.DeleteAccount(a.addr); err != nil {
			return fmt.Errorf("account %s: %w", a.addr.Hex(), err)
		}
	}
	return nil
}

// Commit writes what was applied to the database and returns the state at its root. The
// receiver remains a view of the state before.
func (t *Tries) Commit() (*Tries, error) {
	root, err := t.Root()
	if err != nil {
		return nil, err
	}
	t.fold.committed = true
	if root == t.root {
		return t.next(root)
	}
	nodes := trienode.NewMergedNodeSet()
	for _, a := range t.fold.accounts {
		if a.trie == nil {
			continue
		}
		if _, set := a.trie.Commit(false); set != nil {
			if err := nodes.Merge(set); err != nil {
				return nil, err
			}
		}
	}
	if _, set := t.fold.trie.Commit(true); set != nil {
		if err := nodes.Merge(set); err != nil {
			return nil, err
		}
	}
	if err := t.db.Update(root, t.root, 0, nodes, triedb.NewStateSet()); err != nil {
		return nil, err
	}
	t.fold = fold{committed: true}
	return t.next(root)
}

// next is the state at root, which comes after this one.
func (t *Tries) next(root common.Hash) (*Tries, error) {
	n, err := NewTries(t.db, t.codes, root)
	if err == nil {
		n.line, n.pos = t.line, t.line.turn()
	}
	return n, err
}
