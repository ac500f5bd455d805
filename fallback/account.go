package fallback

import (
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/holiman/uint256"
)

// account is what a transaction knows of one account. For each field there is the base
// (the value before the transaction, once loaded), the value now, and what was observed
// of the base. Fields are loaded when they are first needed.
type account struct {
	addr  common.Address
	index int32

	existsSeen, baseExists bool // Exists was observed
	alive                  bool // created, credited or written by this transaction

	nonceSeen        bool // observed, exactly
	nonceSet         bool
	nonceLoaded      bool
	baseNonce, nonce uint64
	nonceNonzero     bool // observed: at least 1

	balanceLoaded bool // baseBalance is valid, whether observed or not
	balanceExact  bool // observed, exactly
	wrapped       bool // plus or minus overflowed: only exact observation is sound
	baseBalance   uint256.Int
	plus, minus   uint256.Int // the balance is base + plus - minus, modulo 2^256
	atLeast       uint256.Int // observed where not exact; 0: nothing
	balance       uint256.Int // what GetBalance last returned

	codeSeen bool
	codeSet  bool
	baseCode common.Hash
	codeHash common.Hash // zero: no code
	code     []byte
	codeHere bool // code belongs to codeHash

	warm           bool // EIP-2929
	newContract    bool // EIP-6780
	selfDestructed bool
	dirty          int  // changes in the journal; 0: nothing to settle
	removed        bool // settled as deleted
}

// account returns the record of an account, a new one where it is not known yet.
func (s *txState) account(addr common.Address) *account {
	if s.last != nil && s.last.addr == addr {
		return s.last
	}
	a := s.accountOf[addr]
	if a == nil {
		n := len(s.accounts)
		if n < cap(s.accounts) {
			s.accounts = s.accounts[:n+1]
		} else {
			s.accounts = append(s.accounts, nil)
		}
		if s.accounts[n] == nil {
			s.accounts[n] = new(account)
		}
		a = s.accounts[n]
		*a = account{addr: addr, index: int32(n)}
		s.accountOf[addr] = a
	}
	s.last = a
	return a
}

func (s *txState) seeExists(a *account) bool {
	if !a.existsSeen {
		a.existsSeen = true
		a.baseExists = s.read(a.addr, gpuevm.Exists, common.Hash{}) != (common.Hash{})
	}
	return a.baseExists
}

func (s *txState) loadNonce(a *account) {
	if !a.nonceLoaded && !a.nonceSeen {
		h := s.read(a.addr, gpuevm.Nonce, common.Hash{})
		a.baseNonce = new(uint256.Int).SetBytes32(h[:]).Uint64()
		if !a.nonceSet {
			a.nonce = a.baseNonce
		}
	}
	a.nonceLoaded = true
}

func (s *txState) seeCode(a *account) {
	if !a.codeSeen {
		a.codeSeen = true
		a.baseCode = s.read(a.addr, gpuevm.CodeHash, common.Hash{})
		if !a.codeSet {
			a.codeHash = a.baseCode
		}
	}
}

// Exist implements vm.StateDB.
//
// The top call of a transaction that transfers value asks whether its recipient exists
// just to create it where not, which the credit does anyway; 'yes' leads to the same
// state and observes nothing, so that transfers to one new account stay independent.
func (s *txState) Exist(addr common.Address) bool {
	if s.topCall && s.prepared && addr == *s.tx.To {
		s.topCall = false
		return true
	}
	a := s.account(addr)
	return a.alive || s.seeExists(a)
}

// Empty implements vm.StateDB (EIP-161). It observes just what decides: a code hash, or
// that the balance or the nonce is at least 1, or that all three are zero.
func (s *txState) Empty(addr common.Address) bool { return s.empty(s.account(addr)) }

func (s *txState) empty(a *account) bool {
	if a.codeSet {
		if a.codeHash != (common.Hash{}) {
			return false
		}
	} else if s.seeCode(a); a.codeHash != (common.Hash{}) {
		return false
	}
	if a.nonceSet && a.nonce != 0 {
		return false
	}
	if !s.balanceZero(a) {
		return false
	}
	if a.nonceSet {
		return true // set to 0, which only a new account's can be
	}
	s.loadNonce(a)
	if a.nonce != 0 {
		a.nonceNonzero = true
		return false
	}
	a.nonceSeen = true
	return true
}

// CreateAccount implements vm.StateDB. It is called where Exist said no.
func (s *txState) CreateAccount(addr common.Address) {
	s.revive(s.account(addr), accountCreated)
}

// revive marks an account as existing from now on, whether or not it did.
func (s *txState) revive(a *account, kind change) {
	s.journal.add(entry{kind: kind, account: a, flag: a.alive})
	a.alive = true
	a.dirty++
}

// CreateContract implements vm.StateDB.
func (s *txState) CreateContract(addr common.Address) {
	if a := s.account(addr); !a.newContract {
		a.newContract = true
		s.journal.add(entry{kind: contractCreated, account: a})
	}
}

// IsNewContract implements vm.StateDB.
func (s *txState) IsNewContract(addr common.Address) bool { return s.account(addr).newContract }

// SelfDestruct implements vm.StateDB. Code is running at the address, so it exists.
func (s *txState) SelfDestruct(addr common.Address) {
	if a := s.account(addr); !a.selfDestructed {
		s.journal.add(entry{kind: selfDestructed, account: a})
		a.selfDestructed = true
		a.dirty++
	}
}

// HasSelfDestructed implements vm.StateDB.
func (s *txState) HasSelfDestructed(addr common.Address) bool {
	return s.account(addr).selfDestructed
}

// GetNonce implements vm.StateDB.
func (s *txState) GetNonce(addr common.Address) uint64 {
	a := s.account(addr)
	if !a.nonceSet && !a.nonceSeen {
		s.loadNonce(a)
		a.nonceSeen = true
	}
	return a.nonce
}

// SetNonce implements vm.StateDB.
func (s *txState) SetNonce(addr common.Address, nonce uint64, _ tracing.NonceChangeReason) {
	a := s.account(addr)
	s.journal.add(entry{kind: nonceChanged, account: a, number: a.nonce, flag: a.nonceSet, alive: a.alive})
	a.nonce, a.nonceSet, a.alive = nonce, true, true
	a.dirty++
}

// GetCodeHash implements vm.StateDB. For an account without code it is the hash of
// empty code whether or not the account exists: no caller tells the two apart
// (EXTCODEHASH asks Empty first), so existence is not observed.
func (s *txState) GetCodeHash(addr common.Address) common.Hash {
	a := s.account(addr)
	if !a.codeSet {
		s.seeCode(a)
	}
	if a.codeHash == (common.Hash{}) {
		return types.EmptyCodeHash
	}
	return a.codeHash
}

// GetCode implements vm.StateDB.
func (s *txState) GetCode(addr common.Address) []byte {
	a := s.account(addr)
	if !a.codeSet {
		s.seeCode(a)
	}
	if !a.codeHere {
		a.codeHere = true
		if a.codeHash != (common.Hash{}) {
			code, err := s.pre.Code(a.codeHash)
			if err != nil && s.err == nil {
				s.err = err
			}
			a.code = code
		}
	}
	return a.code
}

// GetCodeSize implements vm.StateDB.
func (s *txState) GetCodeSize(addr common.Address) int { return len(s.GetCode(addr)) }

// SetCode implements vm.StateDB but for the result, which only tracers use.
func (s *txState) SetCode(addr common.Address, code []byte, _ tracing.CodeChangeReason) []byte {
	a := s.account(addr)
	s.journal.add(entry{kind: codeChanged, account: a, a: a.codeHash, code: a.code, flag: a.codeSet, here: a.codeHere, alive: a.alive})
	a.codeHash = common.Hash{}
	if len(code) > 0 {
		a.codeHash = crypto.Keccak256Hash(code)
	}
	a.code, a.codeSet, a.codeHere, a.alive = code, true, true, true
	a.dirty++
	return nil
}

// AddressInAccessList implements vm.StateDB.
func (s *txState) AddressInAccessList(addr common.Address) bool {
	if s.precompilesWarm && lowAddress(addr) && s.isPrecompile(addr[19]) {
		return true
	}
	return s.account(addr).warm
}

// isPrecompile reports whether a low address is that of an active precompile. From
// Berlin on, where warmth begins, they are numbered without gaps.
func (s *txState) isPrecompile(n byte) bool {
	switch {
	case n == 0:
		return false
	case s.rules.IsPrague:
		return n <= 0x11
	case s.rules.IsCancun:
		return n <= 0x0a
	default:
		return n <= 0x09
	}
}

// AddAddressToAccessList implements vm.StateDB.
func (s *txState) AddAddressToAccessList(addr common.Address) {
	if a := s.account(addr); !a.warm {
		a.warm = true
		s.journal.add(entry{kind: accountWarmed, account: a})
	}
}
