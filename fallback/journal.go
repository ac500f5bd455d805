package fallback

import (
	"github.com/ethereum/go-ethereum/common"
)

// change is a kind of journal entry.
type change uint8

const (
	accountCreated change = iota
	accountTouched
	contractCreated
	selfDestructed
	nonceChanged
	balanceChanged
	codeChanged
	slotChanged
	transientChanged
	accountWarmed
	slotWarmed
	refundChanged
	logAdded
)

// entry undoes one change. Observations are never undone: what a reverted call saw
// still decided that it reverted.
type entry struct {
	kind    change
	flag    bool // the field had been set before (nonce, code, alive)
	here    bool
	alive   bool
	account *account
	slot    *slot
	number  uint64
	a, b    common.Hash // previous values
	code    []byte
}

type journal []entry

func (j *journal) add(e entry) { *j = append(*j, e) }

// revert undoes everything after the first n entries, last first.
func (j *journal) revert(s *txState, n int) {
	for i := len(*j) - 1; i >= n; i-- {
		(*j)[i].undo(s)
	}
	*j = (*j)[:n]
}

// ripemd is the precompile whose touch survives a revert: a consensus exception of
// mainnet block 1714175, kept by go-ethereum for every chain.
var ripemd = common.BytesToAddress([]byte{3})

func (e *entry) undo(s *txState) {
	a := e.account
	switch e.kind {
	case accountCreated, accountTouched:
		a.alive = e.flag
		if e.kind == accountTouched && a.addr == ripemd {
			return // stays dirty
		}
	case contractCreated:
		a.newContract = false
		return
	case selfDestructed:
		a.selfDestructed = false
	case nonceChanged:
		a.nonce, a.nonceSet, a.alive = e.number, e.flag, e.alive
		if !a.nonceSet && (a.nonceLoaded || a.nonceSeen) {
			a.nonce = a.baseNonce
		}
	case balanceChanged:
		a.plus.SetBytes32(e.a[:])
		a.minus.SetBytes32(e.b[:])
		a.alive = e.alive
	case codeChanged:
		a.codeHash, a.code, a.codeSet, a.codeHere, a.alive = e.a, e.code, e.flag, e.here, e.alive
		if !a.codeSet && a.codeSeen && a.codeHash != a.baseCode {
			a.codeHash, a.codeHere, a.code = a.baseCode, false, nil
		}
	case slotChanged:
		e.slot.value = e.a
		a.alive = e.alive
	case transientChanged:
		s.transient[slotKey{a.index, e.a}] = e.b
		return
	case accountWarmed:
		a.warm = false
		return
	case slotWarmed:
		e.slot.warm = false
		return
	case refundChanged:
		s.refund = e.number
		return
	case logAdded:
		if s.logs = s.logs[:len(s.logs)-1]; len(s.logs) == 0 {
			s.logs = nil // as in a receipt that never had any
		}
		return
	}
	a.dirty--
}
