package hostsched

import (
	"context"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/params"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/holiman/uint256"
)

// The law of commit. Results are walked in block order. One stands if the exact state,
// which is that after all earlier transactions, agrees with everything it observed;
// then its diff and its fee are applied. One that does not stand is thrown away and its
// transaction executed again on the exact state and the exact gas pool, by the referee,
// whose verdict is final: a transaction that is invalid then makes the block invalid,
// with the error that a serial node gives.
type ledger struct {
	env     *gpuevm.BlockEnv
	rules   params.Rules
	referee gpuevm.Engine
	state   *overlay
	pool    gpuevm.GasPool
	roots   Roots // where a root is wanted after every transaction, else nil
	// rejected is told of a result that does not stand, before the transaction is
	// executed again.
	rejected func(tx *gpuevm.Tx, result *gpuevm.Result)
}

// commit decides on transaction tx. result is nil where there is none; exact says that
// it was found on the exact state. The result that was committed is returned.
func (l *ledger) commit(ctx context.Context, tx *gpuevm.Tx, result *gpuevm.Result, exact bool) (*gpuevm.Result, error) {
	if result == nil || !l.stands(tx, result, exact) {
		if result != nil {
			l.rejected(tx, result)
		}
		var err error
		if result, err = l.again(ctx, tx); err != nil {
			return nil, err
		}
	}
	if result.Status == gpuevm.Invalid || result.Status == gpuevm.Unsupported {
		return nil, result.Err
	}
	if err := l.apply(tx.Index, &result.Diff); err != nil {
		return nil, err
	}
	if result.PaysFee {
		if err := l.credit(tx.Index, l.env.Coinbase, &result.Fee); err != nil {
			return nil, err
		}
	}
	l.pool.Charge(result)
	return result, nil
}

// stands reports whether a result is what executing on the exact state would give. Of an
// invalid one that is never asked: its error must be exact too.
func (l *ledger) stands(tx *gpuevm.Tx, r *gpuevm.Result, exact bool) bool {
	if r.Status == gpuevm.Invalid || r.Status == gpuevm.Unsupported {
		return false
	}
	used := max(l.pool.Receipts, l.pool.Execution, l.pool.State) // receipts may exceed the limit under EIP-8037
	if used > l.pool.Limit || l.pool.Limit-used < tx.Gas {
		return false // a tight fit is for the exact gas pool to judge
	}
	return exact || l.holds(tx.Index, r)
}

// holds checks every observation against the exact state.
func (l *ledger) holds(index int, r *gpuevm.Result) bool {
	for i := range r.Reads {
		v, err := l.state.read(r.Reads[i].Key, int32(index))
		if err != nil || !r.Reads[i].Holds(v) {
			return false
		}
	}
	for i := range r.Diff.Adds { // lower bounds on balances assume that no sum overflows
		v, err := l.state.read(r.Diff.Adds[i].Key, int32(index))
		if err != nil || v[0] >= 0x80 {
			return false
		}
	}
	return true
}

// again executes a transaction on the exact state.
func (l *ledger) again(ctx context.Context, tx *gpuevm.Tx) (*gpuevm.Result, error) {
	exact := *tx
	exact.TrustNonce = false
	exact.Pool = &l.pool
	results, err := l.referee.Execute(ctx, l.env, []gpuevm.Tx{exact}, &view{l.state, int32(tx.Index)})
	if err != nil {
		return nil, err
	}
	return &results[0], nil
}

// apply makes a transaction's diff part of the exact state.
func (l *ledger) apply(index int, d *gpuevm.StateDiff) error {
	if err := l.state.apply(int32(index), d); err != nil {
		return err
	}
	if l.roots != nil {
		return l.roots.Apply(d)
	}
	return nil
}

// credit adds to a balance and touches the account: one that does not exist is created,
// and from EIP-158 on one that is empty afterwards is removed.
func (l *ledger) credit(index int, addr common.Address, amount *uint256.Int) error {
	d := creditDiff(addr, amount)
	if amount.IsZero() && l.rules.IsEIP158 {
		empty, err := l.empty(addr)
		if err != nil || !empty {
			return err
		}
		d = removal(addr)
	}
	return l.apply(index, d)
}

func (l *ledger) empty(addr common.Address) (bool, error) {
	for kind := gpuevm.Nonce; kind <= gpuevm.CodeHash; kind++ {
		v, err := l.state.read(gpuevm.Key{Addr: addr, Kind: kind}, 0)
		if err != nil || v != (common.Hash{}) {
			return false, err
		}
	}
	return true, nil
}

func creditDiff(addr common.Address, amount *uint256.Int) *gpuevm.StateDiff {
	return &gpuevm.StateDiff{
		Cells: []gpuevm.Cell{{Key: gpuevm.Key{Addr: addr, Kind: gpuevm.Exists}, Value: common.BytesToHash([]byte{1})}},
		Adds:  []gpuevm.Cell{{Key: gpuevm.Key{Addr: addr, Kind: gpuevm.Balance}, Value: amount.Bytes32()}},
	}
}

func removal(addr common.Address) *gpuevm.StateDiff {
	d := &gpuevm.StateDiff{Wiped: []common.Address{addr}}
	for kind := gpuevm.Exists; kind < gpuevm.Slot; kind++ {
		d.Cells = append(d.Cells, gpuevm.Cell{Key: gpuevm.Key{Addr: addr, Kind: kind}})
	}
	return d
}

// txError names the transaction as go-ethereum's StateProcessor does.
func txError(tx *gpuevm.Tx, err error) error {
	return fmt.Errorf("could not apply tx %d [%v]: %w", tx.Index, tx.Hash.Hex(), err)
}
