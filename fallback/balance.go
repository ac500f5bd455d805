package fallback

import (
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/holiman/uint256"
)

// A balance is kept as what was added to and taken from a base that may never be read.
// A credit observes nothing; a check that it covers an amount observes a lower bound;
// only code that sees the number observes the number. All arithmetic is modulo 2^256
// as in go-ethereum. Lower bounds assume that nothing overflows: where this transaction
// adds 2^255 or more the base is observed exactly, and commit refuses speculative changes
// of a balance of that size (see hostsched).

func (s *txState) loadBalance(a *account) {
	if !a.balanceLoaded {
		a.balanceLoaded = true
		h := s.read(a.addr, gpuevm.Balance, common.Hash{})
		a.baseBalance.SetBytes32(h[:])
	}
}

// current is the balance now, without observing anything. The base must be loaded.
func (a *account) current() (v uint256.Int) {
	v.Add(&a.baseBalance, &a.plus)
	v.Sub(&v, &a.minus)
	return v
}

// observeAtLeast notes that the balance now was found to be no less than amount, if a
// lower bound on the base can say that; otherwise it is observed exactly.
func (a *account) observeAtLeast(amount *uint256.Int) {
	if a.balanceExact {
		return
	}
	var need uint256.Int
	_, over := need.AddOverflow(amount, &a.minus)
	if over || a.wrapped {
		a.balanceExact = true
		return
	}
	if _, over = new(uint256.Int).AddOverflow(&a.baseBalance, &a.plus); over {
		a.balanceExact = true
		return
	}
	if _, under := need.SubOverflow(&need, &a.plus); under {
		return // its own credits cover it
	}
	if need.Gt(&a.atLeast) {
		a.atLeast = need
	}
}

// covers is core.CanTransfer, observing no more than it must.
func (s *txState) covers(addr common.Address, amount *uint256.Int) bool {
	if amount.IsZero() {
		return true // a creation asks even then
	}
	a := s.account(addr)
	s.loadBalance(a)
	if v := a.current(); v.Lt(amount) {
		a.balanceExact = true
		return false
	}
	a.observeAtLeast(amount)
	return true
}

// balanceZero reports whether the balance is zero now.
func (s *txState) balanceZero(a *account) bool {
	s.loadBalance(a)
	if v := a.current(); v.IsZero() {
		a.balanceExact = true
		return true
	}
	a.observeAtLeast(uint256.NewInt(1))
	return false
}

// GetBalance implements vm.StateDB. Before execution core asks for the sender's balance
// just to see whether it covers the upfront cost.
func (s *txState) GetBalance(addr common.Address) *uint256.Int {
	a := s.account(addr)
	s.loadBalance(a)
	a.balance = a.current()
	if !s.prepared && !s.tx.System && addr == s.tx.From && !a.balance.Lt(&s.upfront) {
		a.observeAtLeast(&s.upfront)
	} else {
		a.balanceExact = true
	}
	return &a.balance
}

// AddBalance implements vm.StateDB but for the result, which only tracers use. Adding
// nothing touches an empty account (EIP-161); whether it is empty is seen in settle,
// where it matters.
func (s *txState) AddBalance(addr common.Address, amount *uint256.Int, reason tracing.BalanceChangeReason) uint256.Int {
	if reason == feeReason {
		s.fee, s.paysFee = *amount, true
		return uint256.Int{}
	}
	a := s.account(addr)
	if amount.IsZero() {
		kind := accountTouched
		if addr == ripemd && !s.empty(a) {
			kind = accountCreated // no touch, so none that outlives a revert
		}
		s.revive(a, kind)
		return uint256.Int{}
	}
	s.balanceChange(a)
	if _, over := a.plus.AddOverflow(&a.plus, amount); over || a.plus.Sign() < 0 { // 2^255 or more
		a.wrapped, a.balanceExact = true, true
		s.loadBalance(a)
	}
	a.alive = true
	return uint256.Int{}
}

// SubBalance implements vm.StateDB but for the result, which only tracers use. Whoever
// takes something away has checked that it is there.
func (s *txState) SubBalance(addr common.Address, amount *uint256.Int, _ tracing.BalanceChangeReason) uint256.Int {
	if amount.IsZero() {
		return uint256.Int{}
	}
	a := s.account(addr)
	s.balanceChange(a)
	if _, over := a.minus.AddOverflow(&a.minus, amount); over {
		a.wrapped, a.balanceExact = true, true
		s.loadBalance(a)
	}
	a.alive = true
	return uint256.Int{}
}

func (s *txState) balanceChange(a *account) {
	s.journal.add(entry{kind: balanceChanged, account: a, a: a.plus.Bytes32(), b: a.minus.Bytes32(), alive: a.alive})
	a.dirty++
}
