package store

import "github.com/ethereum/go-ethereum/common"

// What a view remembers: cells that need no disk. Unlike Read, these may be of another state
// where the disk moves on meanwhile, and are hints.

// RecallAccount is an account that exists, if it is in memory.
func (v *View) RecallAccount(addr common.Address) (nonce uint64, balance, code common.Hash, ok bool) {
	if v.closed.Load() {
		return
	}
	a, ok := v.s.index.account(v.l, addr)
	if !ok {
		a, ok = v.s.accounts.peek(addr)
	}
	return a.nonce, a.balance, a.codeHash, ok && a.exists
}

// RecallSlot is a storage slot, if it is in memory.
func (v *View) RecallSlot(addr common.Address, slot common.Hash) (value common.Hash, ok bool) {
	if v.closed.Load() {
		return
	}
	k := slotKey{addr, slot}
	if value, ok = v.s.index.slot(v.l, k); !ok {
		value, ok = v.s.slots.peek(k)
	}
	return value, ok
}
