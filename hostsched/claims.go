package hostsched

import (
	"sync"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/params"
	"github.com/gpuevm/gpuevm/gpuevm"
)

// claims find out which accounts are settled: they guess when in-order commit has seen the
// last writer of an account. Every transaction that is not committed yet claims the accounts
// it is known to change: its recipient from the start, its sender once that is recovered,
// what it is predicted to write once it is admitted, what it wrote once it has been executed. With
// its commit a transaction gives its claims back; an account that is changed and unclaimed is
// settled. Transactions are executed ahead of their commit, so that most claims are facts by
// the time they matter.
//
// A wrong guess costs the trie a second update. The price of a right one is some memory and a
// map access or two a transaction; so blocks of few transactions do without. All methods may
// be called on nil, for which nothing ever is.
type claims struct {
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
	settled        // nobody did when it was looked at; it is in claims.settled
)

// known are the accounts that a transaction claims. They are found on the lanes that recover
// and execute, so that the one that commits, which all wait for, looks up no address: when it
// did, committing a transfer took twice as long.
type known struct {
	to, from         *account
	predicted, wrote []*account
}

// earlyGroup is how many accounts are worth a hand-over at least. A variable for tests.
var earlyGroup = 64

// changesPerTx is how many accounts a transaction changes that are not known before it is
// executed, about.
const changesPerTx = 2

func newClaims(r *run) *claims {
	n := len(r.txs)
	e := &claims{
		state: r.state, group: max(earlyGroup, n/8),
		accounts: make(map[common.Address]*account, 2*n), known: make([]known, n),
	}
	for i, tx := range r.block.Transactions() {
		if to := tx.To(); to != nil {
			e.known[i].to = e.claim(*to)
		}
	}
	e.pin(r)
	return e
}

// pin claims what changes after the last transaction.
func (e *claims) pin(r *run) {
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

func (e *claims) recovered(from int, txs []gpuevm.Tx) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range txs {
		e.known[from+i].from = e.claim(txs[i].From)
	}
}

func (e *claims) admitted(tx *gpuevm.Tx) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	k := &e.known[tx.Index]
	predictedOf(tx, func(addr common.Address) { k.predicted = append(k.predicted, e.claim(addr)) })
}

func (e *claims) ran(index int, r *gpuevm.Result) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.executed++
	k := &e.known[index]
	k.wrote = e.changedBy(k, r)
	for _, a := range k.wrote {
		e.add(a)
	}
}

// committed also says what is settled with it: as Early.Settled wants it; nil: nothing yet.
func (e *claims) committed(index int, result *gpuevm.Result, stood bool) (*gpuevm.StateDiff, []common.Address, int) {
	if e == nil {
		return nil, nil, 0
	}
	hand, claimed, later := e.commit(index, result, stood)
	if len(hand) == 0 {
		return nil, nil, 0
	}
	return e.state.give(hand), claimed, later
}

func (e *claims) commit(index int, result *gpuevm.Result, stood bool) (hand, claimed []common.Address, later int) {
	e.mu.Lock()
	defer e.mu.Unlock()
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
	return e.ready()
}

func (e *claims) giveBack(k *known) {
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
func (e *claims) account(addr common.Address) *account {
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

func (e *claims) claim(addr common.Address) *account {
	a := e.account(addr)
	e.add(a)
	return a
}

func (e *claims) add(a *account) {
	if a.claims++; a.claims == 1 {
		e.claimed++
	}
}

func (e *claims) release(a *account) {
	if a.claims--; a.claims == 0 {
		e.claimed--
		e.look(a)
	}
}

// look sees whether an account is settled.
func (e *claims) look(a *account) {
	if a.claims == 0 && a.change == open {
		a.change = settled
		e.settled = append(e.settled, a)
	}
}

// ready takes what is settled, once it is worth it. Those claimed are listed where they are
// most of what is still to come: then it is known exactly which nodes of the trie are final.
func (e *claims) ready() (hand, claimed []common.Address, later int) {
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
func (e *claims) changedBy(k *known, r *gpuevm.Result) (accounts []*account) {
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
