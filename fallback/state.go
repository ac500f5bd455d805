package fallback

import (
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/stateless"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/types/bal"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/params"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/holiman/uint256"
)

var _ vm.StateDB = (*txState)(nil)

// txState is the vm.StateDB of one transaction: an overlay on a StateView that notes
// what was observed. go-ethereum's own StateDB serves a block and allocates four maps
// an account; this one is emptied and used again, keeps an account's and a slot's
// value, warmth and observation in one record, and so costs one look-up where that one
// costs three.
type txState struct {
	rules    params.Rules
	coinbase common.Address

	tx              *gpuevm.Tx
	pre             gpuevm.StateView
	err             error // first failure of pre; the result is worthless then
	prepared        bool  // past the checks that come before execution
	upfront         uint256.Int
	precompilesWarm bool
	topCall         bool // the next Exist is that of the top call's recipient, see Exist

	accountOf map[common.Address]*account
	accounts  []*account // in order of first use; beyond len: to be used again
	last      *account   // most calls are about the same account as the one before
	slotOf    map[slotKey]*slot
	slots     []*slot
	lastSlot  *slot
	transient map[slotKey]common.Hash

	journal journal
	refund  uint64
	logs    []*types.Log
	fee     uint256.Int
	paysFee bool

	readSlab []gpuevm.Read // memory that results alias, see slab.go
	cellSlab []gpuevm.Cell
}

// tooLarge is the number of records above which a map is made anew, since clearing one
// takes time in proportion to its capacity.
const tooLarge = 1 << 10

func newTxState() *txState {
	return &txState{
		accountOf: make(map[common.Address]*account),
		slotOf:    make(map[slotKey]*slot),
		transient: make(map[slotKey]common.Hash),
	}
}

// enter sets the block.
func (s *txState) enter(rules params.Rules, coinbase common.Address) {
	s.rules, s.coinbase = rules, coinbase
}

// begin empties the overlay for a transaction on the state pre.
func (s *txState) begin(tx *gpuevm.Tx, pre gpuevm.StateView) {
	s.tx, s.pre, s.err = tx, pre, nil
	s.prepared, s.precompilesWarm = false, false
	s.topCall = !tx.System && tx.To != nil && !tx.Value.IsZero() && len(tx.Auths) == 0
	s.accountOf = emptied(s.accountOf, len(s.accounts))
	s.slotOf = emptied(s.slotOf, len(s.slots))
	clear(s.transient)
	s.accounts, s.slots = s.accounts[:0], s.slots[:0]
	s.last, s.lastSlot = nil, nil
	s.journal = s.journal[:0]
	s.refund, s.logs, s.paysFee = 0, nil, false
	s.fee.Clear()
	if !tx.System {
		s.setUpfront()
	}
	if tx.TrustNonce {
		a := s.account(tx.From)
		a.nonce, a.nonceSeen = tx.Nonce, true
		a.baseNonce = tx.Nonce
	}
}

// leave lets go of the last transaction and its state, which an idle worker would keep
// alive.
func (s *txState) leave() { s.tx, s.pre, s.logs = nil, nil, nil }

func emptied[K comparable, V any](m map[K]V, size int) map[K]V {
	if size > tooLarge {
		return make(map[K]V)
	}
	clear(m)
	return m
}

// setUpfront computes the balance that core's buyGas asks of the sender. Where it
// overflows buyGas refuses before it looks at the balance.
func (s *txState) setUpfront() {
	price := s.tx.GasFeeCap
	if price == nil {
		price = s.tx.GasPrice
	}
	s.upfront.SetUint64(s.tx.Gas)
	s.upfront.Mul(&s.upfront, price)
	s.upfront.Add(&s.upfront, s.tx.Value)
	if n := len(s.tx.BlobHashes); n > 0 && s.rules.IsCancun && s.tx.BlobFeeCap != nil {
		blob := new(uint256.Int).SetUint64(uint64(n) * params.BlobTxBlobGasPerBlob)
		s.upfront.Add(&s.upfront, blob.Mul(blob, s.tx.BlobFeeCap))
	}
}

// read reads a cell of the state before the transaction.
func (s *txState) read(addr common.Address, kind gpuevm.Kind, slot common.Hash) common.Hash {
	v, err := s.pre.Read(gpuevm.Key{Addr: addr, Kind: kind, Slot: slot})
	if err != nil && s.err == nil {
		s.err = err
	}
	return v
}

// Prepare implements vm.StateDB: it separates the checks before from the execution.
// Precompiles are warm without being listed, see AddressInAccessList.
func (s *txState) Prepare(rules params.Rules, sender, coinbase common.Address, dest *common.Address, precompiles []common.Address, list types.AccessList) {
	s.prepared = true
	if !rules.IsEIP2929 {
		return
	}
	s.account(sender).warm = true
	if dest != nil {
		s.account(*dest).warm = true
	}
	s.precompilesWarm = len(precompiles) > 0
	for _, p := range precompiles {
		if !lowAddress(p) {
			s.account(p).warm = true
		}
	}
	for _, e := range list {
		a := s.account(e.Address)
		a.warm = true
		for _, key := range e.StorageKeys {
			s.slot(a, key).warm = true
		}
	}
	if rules.IsShanghai { // EIP-3651
		s.account(coinbase).warm = true
	}
}

// lowAddress reports whether the address is among the first 256, where all
// precompiles but P256VERIFY (0x100) are.
func lowAddress(a common.Address) bool {
	return [19]byte(a[:19]) == [19]byte{}
}

// AddRefund implements vm.StateDB.
func (s *txState) AddRefund(gas uint64) {
	s.journal.add(entry{kind: refundChanged, number: s.refund})
	s.refund += gas
}

// SubRefund implements vm.StateDB.
func (s *txState) SubRefund(gas uint64) {
	s.journal.add(entry{kind: refundChanged, number: s.refund})
	if gas > s.refund {
		panic("fallback: refund counter below zero")
	}
	s.refund -= gas
}

// GetRefund implements vm.StateDB.
func (s *txState) GetRefund() uint64 { return s.refund }

// AddLog implements vm.StateDB. Block-wide fields are filled in at commit.
func (s *txState) AddLog(l *types.Log) {
	s.journal.add(entry{kind: logAdded})
	l.TxHash, l.TxIndex = s.tx.Hash, uint(s.tx.Index)
	s.logs = append(s.logs, l)
}

// Snapshot implements vm.StateDB: a position in the journal.
func (s *txState) Snapshot() int { return len(s.journal) }

// RevertToSnapshot implements vm.StateDB.
func (s *txState) RevertToSnapshot(n int) { s.journal.revert(s, n) }

// What follows has no meaning for a state that lives for one transaction.

// AddPreimage implements vm.StateDB.
func (s *txState) AddPreimage(common.Hash, []byte) {}

// Witness implements vm.StateDB.
func (s *txState) Witness() *stateless.Witness { return nil }

// AccessEvents implements vm.StateDB (EIP-4762, not on any live chain).
func (s *txState) AccessEvents() *state.AccessEvents { return nil }

// Finalise implements vm.StateDB; settle does its work.
func (s *txState) Finalise(params.Rules) *bal.ConstructionBlockAccessList { return nil }

// SetTxContext implements vm.StateDB; begin does its work.
func (s *txState) SetTxContext(common.Hash, int, uint32) {}

// Touch implements vm.StateDB. It exists for block access lists: nothing is observed.
func (s *txState) Touch(common.Address) {}

// feeReason marks the one credit that is not part of the diff.
const feeReason = tracing.BalanceIncreaseRewardTransactionFee
