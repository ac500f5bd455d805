package fallback

import (
	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/gpuevm"
)

type slotKey struct {
	account int32
	key     common.Hash
}

// slot is what a transaction knows of one storage word.
type slot struct {
	account *account
	key     common.Hash
	seen    bool // base was observed
	base    common.Hash
	value   common.Hash
	warm    bool // EIP-2929
}

func (s *txState) slot(a *account, key common.Hash) *slot {
	if l := s.lastSlot; l != nil && l.account == a && l.key == key {
		return l
	}
	k := slotKey{a.index, key}
	sl := s.slotOf[k]
	if sl == nil {
		n := len(s.slots)
		if n < cap(s.slots) {
			s.slots = s.slots[:n+1]
		} else {
			s.slots = append(s.slots, nil)
		}
		if s.slots[n] == nil {
			s.slots[n] = new(slot)
		}
		sl = s.slots[n]
		*sl = slot{account: a, key: key}
		s.slotOf[k] = sl
	}
	s.lastSlot = sl
	return sl
}

func (s *txState) seenSlot(addr common.Address, key common.Hash) *slot {
	sl := s.slot(s.account(addr), key)
	if !sl.seen {
		sl.seen = true
		sl.base = s.read(addr, gpuevm.Slot, key)
		sl.value = sl.base
	}
	return sl
}

// GetState implements vm.StateDB.
func (s *txState) GetState(addr common.Address, key common.Hash) common.Hash {
	return s.seenSlot(addr, key).value
}

// GetStateAndCommittedState implements vm.StateDB: the value now, and the one before the
// transaction (EIP-2200).
func (s *txState) GetStateAndCommittedState(addr common.Address, key common.Hash) (common.Hash, common.Hash) {
	sl := s.seenSlot(addr, key)
	return sl.value, sl.base
}

// SetState implements vm.StateDB.
func (s *txState) SetState(addr common.Address, key, value common.Hash) common.Hash {
	sl := s.seenSlot(addr, key)
	prev := sl.value
	if prev == value {
		return prev
	}
	s.journal.add(entry{kind: slotChanged, account: sl.account, slot: sl, a: prev, alive: sl.account.alive})
	sl.value = value
	sl.account.alive = true
	sl.account.dirty++
	return prev
}

// SlotInAccessList implements vm.StateDB.
func (s *txState) SlotInAccessList(addr common.Address, key common.Hash) (bool, bool) {
	a := s.account(addr)
	return a.warm, s.slot(a, key).warm
}

// AddSlotToAccessList implements vm.StateDB.
func (s *txState) AddSlotToAccessList(addr common.Address, key common.Hash) {
	s.AddAddressToAccessList(addr)
	if sl := s.slot(s.account(addr), key); !sl.warm {
		sl.warm = true
		s.journal.add(entry{kind: slotWarmed, slot: sl})
	}
}

// GetTransientState implements vm.StateDB (EIP-1153).
func (s *txState) GetTransientState(addr common.Address, key common.Hash) common.Hash {
	if len(s.transient) == 0 {
		return common.Hash{}
	}
	return s.transient[slotKey{s.account(addr).index, key}]
}

// SetTransientState implements vm.StateDB (EIP-1153).
func (s *txState) SetTransientState(addr common.Address, key, value common.Hash) {
	a := s.account(addr)
	k := slotKey{a.index, key}
	prev := s.transient[k]
	if prev == value {
		return
	}
	s.journal.add(entry{kind: transientChanged, account: a, a: key, b: prev})
	s.transient[k] = value
}
