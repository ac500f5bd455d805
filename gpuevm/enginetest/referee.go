package enginetest

import (
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/rawdb"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/triedb"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/holiman/uint256"
)

// referee is go-ethereum's view of a state and a block.
type referee struct {
	env *gpuevm.BlockEnv
	db  *state.StateDB // the state before; copied for every transaction
}

func newReferee(env *gpuevm.BlockEnv, pre *cells) (*referee, error) {
	db, err := openState(pre)
	return &referee{env, db}, err
}

// openState makes a StateDB with these accounts, empty ones included.
func openState(s *cells) (*state.StateDB, error) {
	disk := triedb.NewDatabase(rawdb.NewMemoryDatabase(), triedb.HashDefaults)
	db, err := state.New(types.EmptyRootHash, state.NewDatabase(disk, nil))
	if err != nil {
		return nil, err
	}
	fill(db, s)
	root, err := db.Commit(params.Rules{}, 0)
	if err != nil {
		return nil, err
	}
	return state.New(root, state.NewDatabase(disk, nil))
}

func fill(db *state.StateDB, s *cells) {
	for addr, a := range s.alloc() {
		db.SetCode(addr, a.Code, tracing.CodeChangeUnspecified)
		db.SetNonce(addr, a.Nonce, tracing.NonceChangeUnspecified)
		db.SetBalance(addr, uint256.MustFromBig(a.Balance), tracing.BalanceChangeUnspecified)
		for k, v := range a.Storage {
			db.SetState(addr, k, v)
		}
	}
}

// evm is a fresh EVM on a copy of the state.
func (r *referee) evm() (*vm.EVM, *state.StateDB) {
	db := r.db.Copy()
	e := r.env
	return vm.NewEVM(vm.BlockContext{
		CanTransfer: core.CanTransfer, Transfer: core.Transfer, GetHash: e.BlockHash,
		Coinbase: e.Coinbase, GasLimit: e.GasLimit, BlockNumber: e.Number, Time: e.Time, Difficulty: e.Difficulty,
		BaseFee: e.BaseFee, BlobBaseFee: e.BlobBaseFee, Random: e.Random, SlotNum: e.SlotNumber,
		CostPerStateByte: params.CostPerStateByte,
	}, db, e.Config, vm.Config{ExtraEips: e.ExtraEIPs}), db
}

// verdict is what go-ethereum makes of a transaction.
type verdict struct {
	invalid error
	result  *core.ExecutionResult
	logs    []*types.Log
	db      *state.StateDB // after Finalise

	execution, state uint64 // EIP-8037
}

func (r *referee) apply(tx *gpuevm.Tx) verdict {
	evm, db := r.evm()
	pool := core.NewGasPool(r.env.GasLimit)
	if p := tx.Pool; p != nil {
		err := pool.CheckGasLegacy(p.Receipts) // taken for good
		if r.env.Rules().IsAmsterdam {
			err = pool.ChargeGasAmsterdam(p.Execution, p.State, p.Receipts)
		}
		if err != nil {
			panic(err)
		}
	}
	execution, states := pool.CumulativeExecution(), pool.CumulativeState()
	db.SetTxContext(tx.Hash, tx.Index, 0)
	res, err := core.ApplyMessage(evm, &core.Message{
		To: tx.To, From: tx.From, Nonce: tx.Nonce, Value: tx.Value, GasLimit: tx.Gas,
		GasPrice: tx.GasPrice, GasFeeCap: tx.GasFeeCap, GasTipCap: tx.GasTipCap,
		Data: tx.Data, AccessList: tx.AccessList, BlobGasFeeCap: tx.BlobFeeCap, BlobHashes: tx.BlobHashes,
		SetCodeAuthorizations: tx.Auths,
	}, pool)
	if err != nil {
		return verdict{invalid: err}
	}
	logs := db.Logs()
	db.Finalise(r.env.Rules())
	return verdict{
		result: res, logs: logs, db: db,
		execution: pool.CumulativeExecution() - execution, state: pool.CumulativeState() - states,
	}
}

// compare says where a result differs from go-ethereum's. pre is the state that both ran
// on.
func (r *referee) compare(tx *gpuevm.Tx, got *gpuevm.Result, pre *cells) error {
	want := r.apply(tx)
	if want.invalid != nil {
		if got.Status != gpuevm.Invalid || text(got.Err) != text(want.invalid) {
			return fmt.Errorf("%v (%v), go-ethereum: invalid (%v)", got.Status, got.Err, want.invalid)
		}
		return nil
	}
	status := gpuevm.Success
	if errors.Is(want.result.Err, vm.ErrExecutionReverted) {
		status = gpuevm.Reverted
	} else if want.result.Err != nil {
		status = gpuevm.Halted
	}
	switch {
	case got.Status != status || text(got.Err) != text(want.result.Err):
		return fmt.Errorf("%v (%v), go-ethereum: %v (%v)", got.Status, got.Err, status, want.result.Err)
	case status == gpuevm.Reverted && !errors.Is(got.Err, vm.ErrExecutionReverted):
		return fmt.Errorf("error %v is not vm.ErrExecutionReverted", got.Err)
	case got.GasUsed != want.result.UsedGas:
		return fmt.Errorf("gas %d, go-ethereum: %d", got.GasUsed, want.result.UsedGas)
	case got.ExecutionGas != want.execution || got.StateGas != want.state:
		return fmt.Errorf("gas for execution %d and state %d, go-ethereum: %d and %d", got.ExecutionGas, got.StateGas, want.execution, want.state)
	case string(got.Output) != string(want.result.ReturnData):
		return fmt.Errorf("output %x, go-ethereum: %x", got.Output, want.result.ReturnData)
	}
	if err := sameLogs(got.Logs, want.logs); err != nil {
		return err
	}
	post := pre.clone()
	if err := post.apply(&got.Diff); err != nil {
		return err
	}
	post.pay(r.env.Coinbase, got, r.env.Rules().IsEIP158)
	return sameState(post, pre, want.db, r.env.Rules())
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func sameLogs(got, want []*types.Log) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d logs, go-ethereum: %d", len(got), len(want))
	}
	for i, g := range got {
		w := want[i]
		if g.Address != w.Address || fmt.Sprint(g.Topics) != fmt.Sprint(w.Topics) || string(g.Data) != string(w.Data) || g.TxHash != w.TxHash || g.TxIndex != w.TxIndex {
			return fmt.Errorf("log %d: %+v, go-ethereum: %+v", i, g, w)
		}
	}
	return nil
}

// sameState compares a state with a StateDB: cell by cell, to name what differs, and by
// root, lest the StateDB have cells that nobody thought of.
func sameState(have, pre *cells, want *state.StateDB, rules params.Rules) error {
	for _, k := range keys(have, pre) {
		if v := wantCell(want, k); v != have.values[k] {
			return fmt.Errorf("%v is %s, go-ethereum: %s (before: %s)", k, have.values[k], v, pre.values[k])
		}
	}
	twin, err := openState(have)
	if err != nil {
		return err
	}
	if a, b := twin.IntermediateRoot(params.Rules{}), want.IntermediateRoot(rules); a != b {
		return fmt.Errorf("root %s, go-ethereum: %s", a, b)
	}
	return nil
}

func wantCell(db *state.StateDB, k gpuevm.Key) common.Hash {
	switch k.Kind {
	case gpuevm.Exists:
		if db.Exist(k.Addr) {
			return common.Hash{31: 1}
		}
	case gpuevm.Nonce:
		return uint256.NewInt(db.GetNonce(k.Addr)).Bytes32()
	case gpuevm.Balance:
		return db.GetBalance(k.Addr).Bytes32()
	case gpuevm.CodeHash:
		if h := db.GetCodeHash(k.Addr); h != types.EmptyCodeHash {
			return h
		}
	case gpuevm.Slot:
		return db.GetState(k.Addr, k.Slot)
	}
	return common.Hash{}
}
