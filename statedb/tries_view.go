package statedb

import (
	"fmt"
	"sync"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/trie"
	"github.com/gpuevm/gpuevm/gpuevm"
)

// A StateTrie is for one goroutine, even to read: it resolves nodes on the way. So the
// view has several of them, accounts are spread over them by address, and what was read
// is kept, since the fields of an account are read one by one.
const viewShards = 16

type viewShard struct {
	mu       sync.RWMutex
	trie     *trie.StateTrie // nil until the first read
	accounts map[common.Address]*viewAccount
}

type viewAccount struct {
	state *types.StateAccount // nil: does not exist
	trie  *trie.StateTrie     // nil until the first slot is read
	slots map[common.Hash]common.Hash
}

// Read implements gpuevm.StateView.
func (t *Tries) Read(key gpuevm.Key) (common.Hash, error) {
	s := t.shard(key.Addr)
	s.mu.RLock()
	v, known := s.accounts[key.Addr].cached(&key)
	s.mu.RUnlock()
	if known {
		return v, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := t.account(s, key.Addr)
	if err != nil {
		return common.Hash{}, err
	}
	if v, known = a.cached(&key); known {
		return v, nil
	}
	return t.slot(a, &key)
}

func (t *Tries) shard(addr common.Address) *viewShard {
	return &t.view[(addr[0]^addr[19])%viewShards]
}

// cached answers from what was read before.
func (a *viewAccount) cached(key *gpuevm.Key) (value common.Hash, known bool) {
	switch {
	case a == nil:
		return common.Hash{}, false
	case a.state == nil:
		return common.Hash{}, true
	case key.Kind != gpuevm.Slot:
		return field(a.state, key.Kind), true
	case a.state.Root == types.EmptyRootHash:
		return common.Hash{}, true
	}
	value, known = a.slots[key.Slot]
	return value, known
}

func field(a *types.StateAccount, kind gpuevm.Kind) common.Hash {
	switch kind {
	case gpuevm.Exists:
		return one
	case gpuevm.Nonce:
		return word(a.Nonce)
	case gpuevm.Balance:
		return a.Balance.Bytes32()
	case gpuevm.CodeHash:
		if hash := common.BytesToHash(a.CodeHash); hash != types.EmptyCodeHash {
			return hash
		}
	}
	return common.Hash{}
}

// account reads an account from the trie once. The shard is locked.
func (t *Tries) account(s *viewShard, addr common.Address) (*viewAccount, error) {
	if a := s.accounts[addr]; a != nil {
		return a, nil
	}
	if s.trie == nil {
		tr, err := t.openAccounts()
		if err != nil {
			return nil, err
		}
		s.trie, s.accounts = tr, make(map[common.Address]*viewAccount)
	}
	state, err := s.trie.GetAccount(addr)
	if err != nil {
		return nil, fmt.Errorf("account %s: %w", addr.Hex(), err)
	}
	a := &viewAccount{state: state}
	s.accounts[addr] = a
	return a, nil
}

// slot reads a slot of an account that has storage. The shard is locked.
func (t *Tries) slot(a *viewAccount, key *gpuevm.Key) (common.Hash, error) {
	if a.trie == nil {
		tr, err := t.openStorage(key.Addr, a.state.Root)
		if err != nil {
			return common.Hash{}, err
		}
		a.trie, a.slots = tr, make(map[common.Hash]common.Hash)
	}
	enc, err := a.trie.GetStorage(key.Addr, key.Slot[:])
	if err != nil {
		return common.Hash{}, fmt.Errorf("account %s: %w", key, err)
	}
	v := common.BytesToHash(enc)
	a.slots[key.Slot] = v
	return v, nil
}
