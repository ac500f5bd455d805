package hostsched

import (
	"sync"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/params"
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

// early finds out which accounts are settled: it guesses when in-order commit has seen the
// last writer of an account. Every transaction that is not committed yet claims the accounts
// it is known to change: its recipient from the start, its sender once that is recovered,
// what it is predicted to write once it is admitted, what it wrote once it has been executed. With
// its commit a transaction gives its claims back; an account that is changed and unclaimed is
// settled. Transactions are executed ahead of their commit, so that most claims are facts by
// the time they matter.
//
// A wrong guess costs the trie a second update. The price of a right one is some map
// accesses a transaction; so blocks of few transactions do without.
type early struct {
	roots Early
	state *overlay
	group int // accounts worth a hand-over

	mu       sync.Mutex
	claims   map[common.Address]int
	changed  map[common.Address]change // by committed transactions, and not handed over since
	settled  []common.Address
	executed int
	txs      int
}

// change is what is known of an account that changed.
type change uint8

const (
	open    change = iota + 1 // somebody claims it
	settled                   // nobody did when it was looked at; it is in early.settled
)

// earlyLeast is how many transactions a block has at least for its roots to be begun early.
const earlyLeast = 16

// earlyGroup is how many accounts are worth a hand-over at least. A variable for tests.
var earlyGroup = 64

// changesPerTx is how many accounts a transaction changes that are not known before it is
// executed, about.
const changesPerTx = 2

func newEarly(r *run) *early {
	roots, ok := r.block.Roots.(Early)
	n := len(r.txs)
	if !ok || !r.rules.IsByzantium || n < earlyLeast {
		return nil
	}
	e := &early{
		roots: roots, state: r.state, group: max(earlyGroup, n/8), txs: n,
		claims: make(map[common.Address]int, 2*n), changed: make(map[common.Address]change),
	}
	keys := make([]gpuevm.Key, 0, n)
	for _, tx := range r.block.Transactions() {
		if to := tx.To(); to != nil {
			e.claims[*to]++
			keys = append(keys, gpuevm.Key{Addr: *to})
		}
		for _, a := range tx.AccessList() {
			for _, slot := range a.StorageKeys {
				keys = append(keys, gpuevm.Key{Addr: a.Address, Kind: gpuevm.Slot, Slot: slot})
			}
		}
	}
	e.pin(r)
	e.roots.Expect(keys)
	return e
}

// pin claims what changes after the last transaction.
func (e *early) pin(r *run) {
	pinned := []common.Address{r.env.Coinbase, params.WithdrawalQueueAddress, params.ConsolidationQueueAddress}
	for _, w := range r.block.Withdrawals() {
		pinned = append(pinned, w.Address)
	}
	for _, u := range r.block.Uncles() {
		pinned = append(pinned, u.Coinbase)
	}
	for _, addr := range pinned {
		e.claims[addr]++
	}
}

// recovered is told of transactions whose senders are known.
func (e *early) recovered(txs []gpuevm.Tx) {
	if e == nil {
		return
	}
	keys := make([]gpuevm.Key, len(txs))
	e.mu.Lock()
	for i := range txs {
		e.claims[txs[i].From]++
		keys[i] = gpuevm.Key{Addr: txs[i].From}
	}
	e.mu.Unlock()
	e.roots.Expect(keys)
}

// admitted is told of a transaction whose accesses are predicted.
func (e *early) admitted(tx *gpuevm.Tx) {
	if e == nil || len(tx.Access.Writes) == 0 {
		return
	}
	e.mu.Lock()
	predictedOf(tx, e.claim)
	e.mu.Unlock()
	e.roots.Expect(tx.Access.Writes)
}

// ran is told of a transaction that was executed.
func (e *early) ran(r *gpuevm.Result) {
	if e == nil {
		return
	}
	e.mu.Lock()
	e.executed++
	changedBy(r, e.claim)
	e.mu.Unlock()
	keys := make([]gpuevm.Key, 0, len(r.Diff.Cells)+len(r.Diff.Adds))
	for _, list := range [2][]gpuevm.Cell{r.Diff.Cells, r.Diff.Adds} {
		for i := range list {
			keys = append(keys, list[i].Key)
		}
	}
	e.roots.Expect(keys)
}

// committed is told of a transaction that was committed: what it was known by before, and
// with which result.
func (e *early) committed(tx *gpuevm.Tx, before, result *gpuevm.Result) {
	if e == nil {
		return
	}
	e.mu.Lock()
	changedBy(result, e.change)
	if tx.To != nil {
		e.release(*tx.To)
	}
	e.release(tx.From)
	predictedOf(tx, e.release)
	changedBy(before, e.release)
	changedBy(result, e.look) // where nobody claimed it
	hand, claimed, later := e.ready()
	e.mu.Unlock()
	if len(hand) > 0 {
		e.roots.Settled(e.state.give(hand), claimed, later)
	}
}

func (e *early) change(addr common.Address) {
	if e.changed[addr] != settled { // else it is handed over as it is then
		e.changed[addr] = open
	}
}

func (e *early) claim(addr common.Address) { e.claims[addr]++ }

func (e *early) release(addr common.Address) {
	if n := e.claims[addr]; n > 1 {
		e.claims[addr] = n - 1
		return
	}
	delete(e.claims, addr)
	e.look(addr)
}

// look sees whether an account is settled.
func (e *early) look(addr common.Address) {
	if e.claims[addr] == 0 && e.changed[addr] == open {
		e.changed[addr] = settled
		e.settled = append(e.settled, addr)
	}
}

// ready takes what is settled, once it is worth it. Those claimed are listed where they are
// most of what is still to come: then it is known exactly which nodes of the trie are final.
func (e *early) ready() (hand, claimed []common.Address, later int) {
	if len(e.settled) < e.group {
		return nil, nil, 0
	}
	for _, addr := range e.settled {
		if e.claims[addr] > 0 { // since it was looked at
			e.changed[addr] = open
			continue
		}
		delete(e.changed, addr)
		hand = append(hand, addr)
	}
	e.settled = e.settled[:0]
	later = changesPerTx * (e.txs - e.executed)
	if later > len(e.claims) {
		return hand, nil, later + len(e.claims)
	}
	claimed = make([]common.Address, 0, len(e.claims))
	for addr := range e.claims {
		claimed = append(claimed, addr)
	}
	return hand, claimed, later
}

// predictedOf lists the accounts that a transaction is predicted to write, some twice.
func predictedOf(tx *gpuevm.Tx, do func(common.Address)) {
	for i := range tx.Access.Writes {
		if addr := tx.Access.Writes[i].Addr; i == 0 || addr != tx.Access.Writes[i-1].Addr {
			do(addr)
		}
	}
}

// changedBy lists the accounts that a result changes, some twice.
func changedBy(r *gpuevm.Result, do func(common.Address)) {
	if r == nil || r.Status >= gpuevm.Invalid {
		return
	}
	for _, addr := range r.Diff.Wiped {
		do(addr)
	}
	for _, list := range [2][]gpuevm.Cell{r.Diff.Cells, r.Diff.Adds} {
		for i := range list {
			if addr := list[i].Key.Addr; i == 0 || addr != list[i-1].Key.Addr {
				do(addr)
			}
		}
	}
}

// give lists what was committed to some accounts, and marks it: should it become again what
// it was before the block, those who have it must be told.
func (o *overlay) give(addrs []common.Address) *gpuevm.StateDiff {
	d := new(gpuevm.StateDiff)
	for _, addr := range addrs {
		a := o.account(addr)
		a.mu.Lock()
		if a.wiped {
			d.Wiped = append(d.Wiped, addr)
		}
		a.each(func(key gpuevm.Key, c *cell) {
			if c.value != c.base || c.given {
				c.given = true
				key.Addr = addr
				d.Cells = append(d.Cells, gpuevm.Cell{Key: key, Value: c.value})
			}
		})
		a.mu.Unlock()
	}
	return d
}
