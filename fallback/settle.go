package fallback

import (
	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/holiman/uint256"
)

// settle ends the transaction as go-ethereum's Finalise does, into a diff: accounts that
// self-destructed, and from EIP-158 on touched accounts that are empty, are deleted;
// the rest is updated. It may observe more (whether a touched account is empty), so
// reads comes after it.
func (s *txState) settle(r *gpuevm.Result) {
	s.takeFee(r)
	start := len(s.cellSlab)
	for _, a := range s.accounts {
		if a.dirty == 0 {
			continue
		}
		switch {
		case a.selfDestructed && s.rules.IsAmsterdam && !s.endsEmpty(a):
			s.strip(a, r)
		case a.selfDestructed:
			s.remove(a, r)
		case s.rules.IsEIP158 && !s.feeDecides(a) && s.empty(a):
			s.seeExists(a)
			s.remove(a, r)
		default:
			s.update(a, r)
		}
	}
	for _, sl := range s.slots {
		if sl.value != sl.base && sl.account.dirty > 0 && !sl.account.selfDestructed && !sl.account.removed {
			s.cell(sl.account.addr, gpuevm.Slot, sl.key, sl.value)
		}
	}
	r.Diff.Cells = s.cellSlab[start:len(s.cellSlab):len(s.cellSlab)]
	s.settleAdds(r)
	s.trimSlabs()
}

// takeFee moves the fee into the result. A coinbase that destroyed itself takes the fee
// with it (before EIP-8246).
func (s *txState) takeFee(r *gpuevm.Result) {
	if !s.paysFee {
		return
	}
	r.Fee, r.PaysFee = s.fee, true
	if a := s.accountOf[s.coinbase]; a != nil && a.selfDestructed && !s.rules.IsAmsterdam {
		r.PaysFee = false
	}
}

// feeDecides reports whether an account is the coinbase, which is not empty or is, once
// the fee is paid: commit sees to that.
func (s *txState) feeDecides(a *account) bool { return s.paysFee && a.addr == s.coinbase }

// endsEmpty reports whether a self-destructed account's balance is zero, fee included.
func (s *txState) endsEmpty(a *account) bool {
	if s.feeDecides(a) && !s.fee.IsZero() {
		return false
	}
	return s.balanceZero(a)
}

// strip leaves a self-destructed account its balance and nothing else (EIP-8246).
func (s *txState) strip(a *account, r *gpuevm.Result) {
	r.Diff.Wiped = append(r.Diff.Wiped, a.addr)
	s.cell(a.addr, gpuevm.Exists, common.Hash{}, one)
	s.cell(a.addr, gpuevm.Nonce, common.Hash{}, common.Hash{})
	s.cell(a.addr, gpuevm.CodeHash, common.Hash{}, common.Hash{})
}

// remove deletes an account and its storage.
func (s *txState) remove(a *account, r *gpuevm.Result) {
	a.removed = true
	if a.existsSeen && !a.baseExists {
		return // it came and went
	}
	r.Diff.Wiped = append(r.Diff.Wiped, a.addr)
	for kind := gpuevm.Exists; kind < gpuevm.Slot; kind++ {
		s.cell(a.addr, kind, common.Hash{}, common.Hash{})
	}
}

func (s *txState) update(a *account, r *gpuevm.Result) {
	if a.alive && !a.surelyExisted() {
		s.cell(a.addr, gpuevm.Exists, common.Hash{}, one)
	}
	if a.nonceSet && !(a.nonceSeen && a.nonce == a.baseNonce) {
		s.cell(a.addr, gpuevm.Nonce, common.Hash{}, uint256.NewInt(a.nonce).Bytes32())
	}
	if a.codeSet && !(a.codeSeen && a.codeHash == a.baseCode) {
		s.cell(a.addr, gpuevm.CodeHash, common.Hash{}, a.codeHash)
		if len(a.code) > 0 {
			r.Diff.Codes = append(r.Diff.Codes, gpuevm.Code{Hash: a.codeHash, Blob: a.code})
		}
	}
}

// settleAdds lists the balances that changed, of all accounts that were not removed.
func (s *txState) settleAdds(r *gpuevm.Result) {
	start := len(s.cellSlab)
	for _, a := range s.accounts {
		if a.dirty == 0 || a.removed || a.plus == a.minus {
			continue
		}
		var d uint256.Int
		d.Sub(&a.plus, &a.minus)
		s.cell(a.addr, gpuevm.Balance, common.Hash{}, d.Bytes32())
	}
	r.Diff.Adds = s.cellSlab[start:len(s.cellSlab):len(s.cellSlab)]
}

var one = common.BytesToHash([]byte{1})

// surelyExisted reports whether what was observed implies that the account existed
// before: it is empty accounts alone whose existence is a fact of its own.
func (a *account) surelyExisted() bool {
	return a.existsSeen && a.baseExists ||
		a.nonceSeen && a.baseNonce != 0 || a.nonceNonzero ||
		a.codeSeen && a.baseCode != (common.Hash{}) ||
		a.balanceExact && !a.baseBalance.IsZero() || !a.atLeast.IsZero()
}

// reads lists what was observed of the state before the transaction.
func (s *txState) reads() []gpuevm.Read {
	start := len(s.readSlab)
	for _, a := range s.accounts {
		if a.existsSeen {
			v := common.Hash{}
			if a.baseExists {
				v = one
			}
			s.saw(a.addr, gpuevm.Exists, common.Hash{}, v, gpuevm.Equal)
		}
		if a.nonceSeen {
			s.saw(a.addr, gpuevm.Nonce, common.Hash{}, uint256.NewInt(a.baseNonce).Bytes32(), gpuevm.Equal)
		} else if a.nonceNonzero {
			s.saw(a.addr, gpuevm.Nonce, common.Hash{}, one, gpuevm.AtLeast)
		}
		if a.balanceExact {
			s.saw(a.addr, gpuevm.Balance, common.Hash{}, a.baseBalance.Bytes32(), gpuevm.Equal)
		} else if !a.atLeast.IsZero() {
			s.saw(a.addr, gpuevm.Balance, common.Hash{}, a.atLeast.Bytes32(), gpuevm.AtLeast)
		}
		if a.codeSeen {
			s.saw(a.addr, gpuevm.CodeHash, common.Hash{}, a.baseCode, gpuevm.Equal)
		}
	}
	for _, sl := range s.slots {
		if sl.seen {
			s.saw(sl.account.addr, gpuevm.Slot, sl.key, sl.base, gpuevm.Equal)
		}
	}
	return s.readSlab[start:len(s.readSlab):len(s.readSlab)]
}
