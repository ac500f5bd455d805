package enginetest

import (
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/holiman/uint256"
)

// cells is a state as one map, as plain as a state can be: the twin of every cleverer one.
type cells struct {
	values map[gpuevm.Key]common.Hash // no zeros
	codes  map[common.Hash][]byte
}

func fromAlloc(alloc types.GenesisAlloc) *cells {
	s := &cells{make(map[gpuevm.Key]common.Hash), make(map[common.Hash][]byte)}
	for addr, a := range alloc {
		s.put(addr, gpuevm.Exists, common.Hash{31: 1})
		s.put(addr, gpuevm.Nonce, uint256.NewInt(a.Nonce).Bytes32())
		s.put(addr, gpuevm.Balance, common.BigToHash(a.Balance))
		if len(a.Code) > 0 {
			hash := crypto.Keccak256Hash(a.Code)
			s.codes[hash] = a.Code
			s.put(addr, gpuevm.CodeHash, hash)
		}
		for k, v := range a.Storage {
			s.set(gpuevm.Key{Addr: addr, Kind: gpuevm.Slot, Slot: k}, v)
		}
	}
	return s
}

func (s *cells) clone() *cells {
	return &cells{maps.Clone(s.values), maps.Clone(s.codes)}
}

func (s *cells) put(addr common.Address, kind gpuevm.Kind, v common.Hash) {
	s.set(gpuevm.Key{Addr: addr, Kind: kind}, v)
}

func (s *cells) set(k gpuevm.Key, v common.Hash) {
	if v == (common.Hash{}) {
		delete(s.values, k)
	} else {
		s.values[k] = v
	}
}

func (s *cells) get(addr common.Address, kind gpuevm.Kind) common.Hash {
	return s.values[gpuevm.Key{Addr: addr, Kind: kind}]
}

// Read implements gpuevm.StateView.
func (s *cells) Read(k gpuevm.Key) (common.Hash, error) { return s.values[k], nil }

// Code implements gpuevm.StateView.
func (s *cells) Code(hash common.Hash) ([]byte, error) {
	if code, ok := s.codes[hash]; ok {
		return code, nil
	}
	return nil, fmt.Errorf("no code %s", hash)
}

var errMalformed = errors.New("malformed diff")

// apply applies a diff as gpuevm.StateDiff defines it, and checks that it is well formed.
func (s *cells) apply(d *gpuevm.StateDiff) error {
	for _, addr := range d.Wiped {
		maps.DeleteFunc(s.values, func(k gpuevm.Key, _ common.Hash) bool { return k.Addr == addr && k.Kind == gpuevm.Slot })
	}
	seen := make(map[gpuevm.Key]bool)
	for _, c := range d.Cells {
		if seen[c.Key] {
			return fmt.Errorf("%w: cell %v twice", errMalformed, c.Key)
		}
		seen[c.Key] = true
		s.set(c.Key, c.Value)
	}
	for _, c := range d.Adds {
		if c.Key.Kind != gpuevm.Balance {
			return fmt.Errorf("%w: addition to %v", errMalformed, c.Key)
		}
		s.add(c.Key, new(uint256.Int).SetBytes32(c.Value[:]))
	}
	for _, c := range d.Codes {
		if crypto.Keccak256Hash(c.Blob) != c.Hash {
			return fmt.Errorf("%w: code under another hash", errMalformed)
		}
		s.codes[c.Hash] = c.Blob
	}
	for k := range s.values {
		if s.get(k.Addr, gpuevm.Exists) == (common.Hash{}) {
			return fmt.Errorf("%w: %v without existence", errMalformed, k)
		}
		if k.Kind == gpuevm.CodeHash && s.codes[s.values[k]] == nil {
			return fmt.Errorf("%w: code of %v is missing", errMalformed, k)
		}
	}
	return nil
}

func (s *cells) add(k gpuevm.Key, amount *uint256.Int) {
	v := s.values[k]
	s.set(k, new(uint256.Int).Add(new(uint256.Int).SetBytes32(v[:]), amount).Bytes32())
}

// pay credits a fee, as the law of commit does: the coinbase is touched even by nothing.
func (s *cells) pay(coinbase common.Address, r *gpuevm.Result, eip158 bool) {
	if !r.PaysFee {
		return
	}
	s.put(coinbase, gpuevm.Exists, common.Hash{31: 1})
	s.add(gpuevm.Key{Addr: coinbase, Kind: gpuevm.Balance}, &r.Fee)
	if eip158 && s.empty(coinbase) {
		maps.DeleteFunc(s.values, func(k gpuevm.Key, _ common.Hash) bool { return k.Addr == coinbase })
	}
}

func (s *cells) empty(addr common.Address) bool {
	return s.get(addr, gpuevm.Nonce) == common.Hash{} && s.get(addr, gpuevm.Balance) == common.Hash{} && s.get(addr, gpuevm.CodeHash) == common.Hash{}
}

// alloc lists the accounts.
func (s *cells) alloc() types.GenesisAlloc {
	alloc := make(types.GenesisAlloc)
	for k := range s.values {
		if k.Kind == gpuevm.Exists {
			alloc[k.Addr] = types.Account{
				Nonce:   s.get(k.Addr, gpuevm.Nonce).Big().Uint64(),
				Balance: new(big.Int).Set(s.get(k.Addr, gpuevm.Balance).Big()),
				Code:    s.codes[s.get(k.Addr, gpuevm.CodeHash)],
				Storage: make(map[common.Hash]common.Hash),
			}
		}
	}
	for k, v := range s.values {
		if k.Kind == gpuevm.Slot {
			alloc[k.Addr].Storage[k.Slot] = v
		}
	}
	return alloc
}

// keys lists the keys of both states, in order.
func keys(states ...*cells) []gpuevm.Key {
	all := make(map[gpuevm.Key]bool)
	for _, s := range states {
		for k := range s.values {
			all[k] = true
		}
	}
	return slices.SortedFunc(maps.Keys(all), compareKeys)
}

func compareKeys(a, b gpuevm.Key) int {
	if c := a.Addr.Cmp(b.Addr); c != 0 {
		return c
	}
	if a.Kind != b.Kind {
		return int(a.Kind) - int(b.Kind)
	}
	return a.Slot.Cmp(b.Slot)
}
