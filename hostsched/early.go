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
// A wrong guess costs the trie a second update. The price of a right one is some memory and a
// map access or two a transaction; so blocks of few transactions do without.
type early struct {
	roots Early
	state *overlay
	group int // accounts worth a hand-over

	mu       sync.Mutex
	accounts map[common.Address]*account
	slabs    [][]account // what accounts points to
	claimed  int         // accounts that somebody claims
	known    []known     // by transaction
	settled  []*account
	executed int
}

// account is one that somebody claimed or changed.
type account struct {
	addr   common.Address
	claims int32
	change change
}

// change is what is known of what committed transactions did to an account, and was not
// handed over since.
type change uint8

const (
	none    change = iota
	open           // changed, and somebody claims it
	settled        // nobody did when it was looked at; it is in early.settled
)

// known are the accounts that a transaction claims. They are found on the lanes that recover
// and execute, so that the one that commits, which all wait for, looks up no address: when it
// did, committing a transfer took twice as long.
type known struct {
	to, from         *account
	predicted, wrote []*account
}

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
		roots: roots, state: r.state, group: max(earlyGroup, n/8),
		accounts: make(map[common.Address]*account, 2*n), known: make([]known, n),
	}
	keys := make([]gpuevm.Key, 0, n)
	for i, tx := range r.block.Transactions() {
		if to := tx.To(); to != nil {
			e.known[i].to = e.claim(*to)
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
	e.claim(r.env.Coinbase)
	e.claim(params.WithdrawalQueueAddress)
	e.claim(params.ConsolidationQueueAddress)
	for _, w := range r.block.Withdrawals() {
		e.claim(w.Address)
	}
	for _, u := range r.block.Uncles() {
		e.claim(u.Coinbase)
	}
}

// recovered is told of transactions whose senders are known, and where the first of them is.
func (e *early) recovered(from int, txs []gpuevm.Tx) {
	if e == nil {
		return
	}
	keys := make([]gpuevm.Key, len(txs))
	e.mu.Lock()
	for i := range txs {
		e.known[from+i].from = e.claim(txs[i].From)
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
	k := &e.known[tx.Index]
	predictedOf(tx, func(addr common.Address) { k.predicted = append(k.predicted, e.claim(addr)) })
	e.mu.Unlock()
	e.roots.Expect(tx.Access.Writes)
}

// ran is told of a transaction that was executed.
func (e *early) ran(index int, r *gpuevm.Result) {
	if e == nil {
		return
	}
	keys := make([]gpuevm.Key, 0, len(r.Diff.Cells)+len(r.Diff.Adds))
	for _, list := range [2][]gpuevm.Cell{r.Diff.Cells, r.Diff.Adds} {
		for i := range list {
			keys = append(keys, list[i].Key)
		}
	}
	e.mu.Lock()
	e.executed++
	k := &e.known[index]
	k.wrote = e.changedBy(k, r)
	for _, a := range k.wrote {
		e.add(a)
	}
	e.mu.Unlock()
	e.roots.Expect(keys)
}

// committed is told of a transaction that was committed: with which result, and whether that
// is the one which it was known by before.
func (e *early) committed(index int, result *gpuevm.Result, stood bool) {
	if e == nil {
		return
	}
	e.mu.Lock()
	k := &e.known[index]
	changed := k.wrote
	if !stood {
		changed = e.changedBy(k, result)
	}
	for _, a := range changed {
		if a.change != settled { // else it is handed over as it is then
			a.change = open
		}
	}
	e.giveBack(k)
	for _, a := range changed {
		e.look(a) // where nobody claimed it
	}
	hand, claimed, later := e.ready()
	e.mu.Unlock()
	if len(hand) > 0 {
		e.roots.Settled(e.state.give(hand), claimed, later)
	}
}

func (e *early) giveBack(k *known) {
	if k.to != nil {
		e.release(k.to)
	}
	e.release(k.from)
	for _, a := range k.predicted {
		e.release(a)
	}
	for _, a := range k.wrote {
		e.release(a)
	}
	*k = known{}
}

// account finds an account, or begins to know it.
func (e *early) account(addr common.Address) *account {
	a := e.accounts[addr]
	if a != nil {
		return a
	}
	last := len(e.slabs) - 1
	if last < 0 || len(e.slabs[last]) == cap(e.slabs[last]) {
		e.slabs = append(e.slabs, make([]account, 0, slabAccounts))
		last++
	}
	s := append(e.slabs[last], account{addr: addr})
	e.slabs[last] = s
	a = &s[len(s)-1]
	e.accounts[addr] = a
	return a
}

const slabAccounts = 256

func (e *early) claim(addr common.Address) *account {
	a := e.account(addr)
	e.add(a)
	return a
}

func (e *early) add(a *account) {
	if a.claims++; a.claims == 1 {
		e.claimed++
	}
}

func (e *early) release(a *account) {
	if a.claims--; a.claims == 0 {
		e.claimed--
		e.look(a)
	}
}

// look sees whether an account is settled.
func (e *early) look(a *account) {
	if a.claims == 0 && a.change == open {
		a.change = settled
		e.settled = append(e.settled, a)
	}
}

// ready takes what is settled, once it is worth it. Those claimed are listed where they are
// most of what is still to come: then it is known exactly which nodes of the trie are final.
func (e *early) ready() (hand, claimed []common.Address, later int) {
	if len(e.settled) < e.group {
		return nil, nil, 0
	}
	hand = make([]common.Address, 0, len(e.settled))
	for _, a := range e.settled {
		if a.claims > 0 { // since it was looked at
			a.change = open
			continue
		}
		a.change = none
		hand = append(hand, a.addr)
	}
	e.settled = e.settled[:0]
	later = changesPerTx * (len(e.known) - e.executed)
	if later > e.claimed {
		return hand, nil, later + e.claimed
	}
	claimed = make([]common.Address, 0, e.claimed)
	for _, slab := range e.slabs {
		for i := range slab {
			if slab[i].claims > 0 {
				claimed = append(claimed, slab[i].addr)
			}
		}
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

// changedBy lists the accounts that a result changes, some twice. Sender and recipient, which
// are most of them, are known.
func (e *early) changedBy(k *known, r *gpuevm.Result) (accounts []*account) {
	if r.Status >= gpuevm.Invalid {
		return nil
	}
	accounts = make([]*account, 0, 4)
	one := func(addr common.Address) {
		switch {
		case len(accounts) > 0 && accounts[len(accounts)-1].addr == addr:
		case k.to != nil && k.to.addr == addr:
			accounts = append(accounts, k.to)
		case k.from.addr == addr:
			accounts = append(accounts, k.from)
		default:
			accounts = append(accounts, e.account(addr))
		}
	}
	for _, addr := range r.Diff.Wiped {
		one(addr)
	}
	for _, list := range [2][]gpuevm.Cell{r.Diff.Cells, r.Diff.Adds} {
		for i := range list {
			one(list[i].Key.Addr)
		}
	}
	return accounts
}

// give lists what was committed to some accounts, and marks it: should it become again what
// it was before the block, those who have it must be told.
func (o *overlay) give(addrs []common.Address) *gpuevm.StateDiff {
	d := &gpuevm.StateDiff{Cells: make([]gpuevm.Cell, 0, 2*len(addrs))}
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
