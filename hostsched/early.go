package hostsched

import (
	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/gpuevm"
)

// Early is a Roots that works on a block's changes while the block still executes. Blocks
// before Byzantium, which want a root after every transaction, and small ones are not
// worth it.
type Early interface {
	Roots
	// Expect names cells that the block will change, as far as is known: what the commit
	// needs of the tries can be loaded meanwhile. Hints: keys may repeat or be wrong. Safe
	// for concurrent use; never waits. The slice is the caller's again afterwards.
	Expect(keys []gpuevm.Key)
	// Settled hands over the committed values of accounts that no later transaction is
	// known to change: Wiped, and Cells with absolute values (no Adds, no Codes). claimed
	// are accounts that will still be changed, later is about how many others will. It is
	// called in block order by one goroutine at a time, and never waits; what it is given is
	// the callee's. What changes all the same comes again, and everything that was
	// handed over or changed comes with Apply at the end.
	Settled(d *gpuevm.StateDiff, claimed []common.Address, later int)
}

// early tells a block's roots what it learns while the block executes.
type early struct {
	roots  Early
	claims *claims // nil, without Options.Settle: nothing is settled before the end
}

// earlyLeast is how many transactions a block has at least for its roots to be begun early.
const earlyLeast = 16

func newEarly(r *run) *early {
	roots, ok := r.block.Roots.(Early)
	n := len(r.txs)
	if !ok || !r.rules.IsByzantium || n < earlyLeast {
		return nil
	}
	e := &early{roots: roots}
	if r.options.Settle {
		e.claims = newClaims(r)
	}
	keys := make([]gpuevm.Key, 0, n)
	for _, tx := range r.block.Transactions() {
		if to := tx.To(); to != nil {
			keys = append(keys, gpuevm.Key{Addr: *to})
		}
		for _, a := range tx.AccessList() {
			for _, slot := range a.StorageKeys {
				keys = append(keys, gpuevm.Key{Addr: a.Address, Kind: gpuevm.Slot, Slot: slot})
			}
		}
	}
	e.roots.Expect(keys)
	return e
}

// recovered is told of transactions whose senders are known, and where the first of them is.
func (e *early) recovered(from int, txs []gpuevm.Tx) {
	if e == nil {
		return
	}
	e.claims.recovered(from, txs)
	keys := make([]gpuevm.Key, len(txs))
	for i := range txs {
		keys[i] = gpuevm.Key{Addr: txs[i].From}
	}
	e.roots.Expect(keys)
}

// admitted is told of a transaction whose accesses are predicted.
func (e *early) admitted(tx *gpuevm.Tx) {
	if e == nil || len(tx.Access.Writes) == 0 {
		return
	}
	e.claims.admitted(tx)
	e.roots.Expect(tx.Access.Writes)
}

// ran is told of a transaction that was executed.
func (e *early) ran(index int, r *gpuevm.Result) {
	if e == nil {
		return
	}
	e.claims.ran(index, r)
	keys := make([]gpuevm.Key, 0, len(r.Diff.Cells)+len(r.Diff.Adds))
	for _, list := range [2][]gpuevm.Cell{r.Diff.Cells, r.Diff.Adds} {
		for i := range list {
			keys = append(keys, list[i].Key)
		}
	}
	e.roots.Expect(keys)
}

// committed is told of a transaction that was committed: with which result, and whether that
// is the one which it was known by before.
func (e *early) committed(index int, result *gpuevm.Result, stood bool) {
	if e == nil {
		return
	}
	if hand, claimed, later := e.claims.committed(index, result, stood); hand != nil {
		e.roots.Settled(hand, claimed, later)
	}
}
