package statebench

import (
	"cmp"
	"context"
	"fmt"
	"math/big"
	"runtime"
	"sync"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/trie"
)

// rules are those of Prague.
var rules = params.MainnetChainConfig.Rules(big.NewInt(23_000_000), true, 1_750_000_000)

func (g *geth) run(_ context.Context, b *block, o how) (*Sample, error) {
	s := &Sample{Mode: o.mode}
	written := g.kv.bytes.Load()
	watch := newWatch()
	sdb, err := state.New(g.root, state.NewMPTDatabase(g.trie, nil))
	if err != nil {
		return nil, err
	}
	readAll(sdb, b)
	var old []types.StateAccount
	if o.mode == "trie" {
		if old, err = g.oldAccounts(b); err != nil {
			return nil, err
		}
	}
	s.Load = watch.lap()
	var want common.Hash
	if o.mode == "trie" {
		watch.restart()
		if want, err = g.trieRoot(b, old); err != nil {
			return nil, err
		}
		s.ToRoot, s.Cores = watch.lap(), watch.cores()
	}
	sdb.StartPrefetcher("statebench", nil)
	defer sdb.StopPrefetcher()
	watch.restart()
	mutate(sdb, b)
	mutated := watch.lap()
	root := sdb.IntermediateRoot(rules)
	if hashed := watch.lap(); o.mode == "statedb" {
		s.Mutate, s.ToRoot, s.Cores = mutated, mutated+hashed, watch.cores()
	} else if root != want {
		return nil, fmt.Errorf("block %d: go-ethereum's tries have root %s, its StateDB %s", b.Height, want.Hex(), root.Hex())
	}
	watch.restart()
	if err := g.commit(sdb, b, s, o, watch); err != nil {
		return nil, err
	}
	s.Root, s.Durable = g.root.Hex(), s.ToRoot+s.Commit+s.Flush
	s.Batch = g.kv.bytes.Load() - written
	return s, nil
}

func (g *geth) commit(sdb *state.StateDB, b *block, s *Sample, o how, watch *watch) (err error) {
	if g.root, err = sdb.Commit(rules, b.Height); err != nil {
		return err
	}
	s.Commit = watch.lap()
	if !o.keep {
		err = g.flush()
		s.Flush = watch.lap()
	}
	return err
}

// readAll is what execution reads of what it will write.
func readAll(sdb *state.StateDB, b *block) {
	for i := range b.accounts {
		sdb.GetBalance(b.accounts[i].addr)
	}
	for i := range b.slots {
		sdb.GetState(b.slots[i].addr, b.slots[i].slot)
	}
}

// mutate is what execution does to a StateDB, ten keys a transaction.
func mutate(sdb *state.StateDB, b *block) {
	const perTx = 10
	n := 0
	next := func() {
		if n++; n%perTx == 0 {
			sdb.Finalise(rules)
		}
	}
	for i := range b.accounts {
		a := &b.accounts[i]
		sdb.SetBalance(a.addr, &a.balance, tracing.BalanceChangeUnspecified)
		sdb.SetNonce(a.addr, a.nonce, tracing.NonceChangeUnspecified)
		next()
	}
	for i := range b.slots {
		w := &b.slots[i]
		sdb.SetState(w.addr, w.slot, w.value)
		next()
	}
	sdb.Finalise(rules)
}

// oldAccounts are the accounts of a block before it, those that it sets first, then those
// of which it only sets slots.
func (g *geth) oldAccounts(b *block) ([]types.StateAccount, error) {
	flat, err := g.trie.StateReader(g.root)
	if err != nil {
		return nil, err
	}
	read := func(addr common.Address) (types.StateAccount, error) {
		a := types.StateAccount{Root: types.EmptyRootHash, CodeHash: types.EmptyCodeHash[:]}
		slim, err := flat.Account(hashOf(addr))
		if slim == nil || err != nil {
			return a, err
		}
		if len(slim.Root) > 0 {
			a.Root = common.BytesToHash(slim.Root)
		}
		if len(slim.CodeHash) > 0 {
			a.CodeHash = slim.CodeHash
		}
		a.Nonce, a.Balance = slim.Nonce, slim.Balance
		return a, nil
	}
	addrs := b.addresses()
	list := make([]types.StateAccount, len(addrs))
	for i, addr := range addrs {
		if list[i], err = read(addr); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// addresses are those of the block, each once.
func (b *block) addresses() []common.Address {
	list := make([]common.Address, 0, len(b.accounts))
	seen := make(map[common.Address]bool, len(b.accounts))
	for i := range b.accounts {
		seen[b.accounts[i].addr] = true
		list = append(list, b.accounts[i].addr)
	}
	for i := range b.slots {
		if addr := b.slots[i].addr; !seen[addr] {
			seen[addr] = true
			list = append(list, addr)
		}
	}
	return list
}

// trieRoot computes the root with go-ethereum's tries alone.
func (g *geth) trieRoot(b *block, old []types.StateAccount) (common.Hash, error) {
	addrs := b.addresses()
	next := make([]*types.StateAccount, len(addrs))
	at := make(map[common.Address]*types.StateAccount, len(addrs))
	for i := range addrs {
		a := &old[i]
		if i < len(b.accounts) {
			a.Nonce, a.Balance = b.accounts[i].nonce, &b.accounts[i].balance
		}
		next[i], at[addrs[i]] = a, a
	}
	if err := g.storageRoots(b, at); err != nil {
		return common.Hash{}, err
	}
	top, err := trie.NewStateTrie(trie.StateTrieID(g.root), g.trie)
	if err != nil {
		return common.Hash{}, err
	}
	if err := top.UpdateAccountBatch(addrs, next, make([]int, len(next))); err != nil {
		return common.Hash{}, err
	}
	return top.Hash(), nil
}

// storageRoots updates the storage tries, on all cores.
func (g *geth) storageRoots(b *block, accounts map[common.Address]*types.StateAccount) error {
	of := make(map[common.Address][]*setSlot)
	for i := range b.slots {
		of[b.slots[i].addr] = append(of[b.slots[i].addr], &b.slots[i])
	}
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		first error
		cores = make(chan struct{}, runtime.GOMAXPROCS(0))
	)
	for addr, slots := range of {
		cores <- struct{}{}
		wg.Go(func() {
			defer func() { <-cores }()
			root, err := g.storageRoot(addr, accounts[addr].Root, slots)
			if err != nil {
				mu.Lock()
				first = cmp.Or(first, err)
				mu.Unlock()
			}
			accounts[addr].Root = root
		})
	}
	wg.Wait()
	return first
}

func (g *geth) storageRoot(addr common.Address, root common.Hash, slots []*setSlot) (common.Hash, error) {
	t, err := trie.NewStateTrie(trie.StorageTrieID(g.root, hashOf(addr), root), g.trie)
	if err != nil {
		return root, err
	}
	var keys, values, cleared [][]byte
	for _, w := range slots {
		if w.value == (common.Hash{}) {
			cleared = append(cleared, w.slot[:])
			continue
		}
		keys, values = append(keys, w.slot[:]), append(values, common.TrimLeftZeroes(w.value[:]))
	}
	if err := t.UpdateStorageBatch(addr, keys, values); err != nil {
		return root, err
	}
	for _, key := range cleared {
		if err := t.DeleteStorage(addr, key); err != nil {
			return root, err
		}
	}
	return t.Hash(), nil
}
