package forest

import (
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/gpuevm/gpuevm/statedb/mpt"
	"github.com/holiman/uint256"
)

// Recaller remembers cells of the state before the block: those that execution has read,
// mostly. Then the leaves that hold them need not be read; see mpt.Trie.Guess, which finds out
// what is wrong. Neither method waits for a disk. Safe for concurrent use.
type Recaller interface {
	// RecallAccount is an account that exists. The code hash of one without code is zero.
	RecallAccount(addr common.Address) (nonce uint64, balance, code common.Hash, ok bool)
	RecallSlot(addr common.Address, slot common.Hash) (value common.Hash, ok bool)
}

// Recall says who remembers cells of the state that the next block changes. It holds until
// Collect or Undo.
func (f *Forest) Recall(from Recaller) { f.recaller.Store(&from) }

func (f *Forest) recall() Recaller {
	if from := f.recaller.Load(); from != nil && !f.opt.Partial {
		return *from
	}
	return nil
}

// recallAccount is what an account's leaf may hold, appended to room: nil if that is not known.
// What storage a contract has, only its leaf says.
func recallAccount(from Recaller, addr common.Address, room []byte) []byte {
	nonce, balance, code, ok := from.RecallAccount(addr)
	if !ok || code != (common.Hash{}) {
		return nil
	}
	b := body{nonce: nonce, root: types.EmptyRootHash, code: types.EmptyCodeHash}
	b.balance = *new(uint256.Int).SetBytes32(balance[:])
	return b.append(room)
}

func recallSlot(from Recaller, addr common.Address, slot common.Hash, room []byte) []byte {
	value, ok := from.RecallSlot(addr, slot)
	if !ok || value == (common.Hash{}) {
		return nil
	}
	return appendSlot(room, &value)
}

// guessAccounts loads what is on the way to the changed accounts in scratch.folds.
func (f *Forest) guessAccounts() error {
	from := f.recall()
	if from == nil || !f.accounts.Lacks(len(f.scratch.folds)) {
		return nil
	}
	c, folds := &f.changes, f.scratch.folds
	items := make([]mpt.Item, len(folds))
	room := make([]byte, bodySize*len(folds))
	_ = f.parts(len(folds), func(lo, hi int) error {
		for k := lo; k < hi; k++ {
			a := &c.accounts[folds[k]]
			items[k] = mpt.Item{Key: a.hash, Value: recallAccount(from, a.addr, room[k*bodySize:k*bodySize:(k+1)*bodySize])}
		}
		return nil
	})
	return f.accounts.Guess(items)
}

// guessSlots loads what is on the way to an account's changed slots.
func (f *Forest) guessSlots(a *account) error {
	from := f.recall()
	if from == nil {
		return nil
	}
	const most = 33
	n := int(a.to - a.from)
	items := make([]mpt.Item, n)
	room := make([]byte, most*n)
	_ = f.parts(n, func(lo, hi int) error {
		for k := lo; k < hi; k++ {
			w := &f.changes.slots[f.scratch.names[int(a.from)+k]]
			items[k] = mpt.Item{Key: w.hash, Value: recallSlot(from, a.addr, w.slot, room[k*most:k*most:(k+1)*most])}
		}
		return nil
	})
	return a.trie.Guess(items)
}
