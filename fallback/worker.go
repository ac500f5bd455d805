package fallback

import (
	"context"
	"errors"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/params"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/holiman/uint256"
)

// worker executes one transaction after another in one block environment.
type worker struct {
	env   *gpuevm.BlockEnv
	ctx   context.Context
	stop  func() bool // forgets ctx; false where it was too late
	evm   *vm.EVM
	state *txState

	msg   core.Message
	pool  core.GasPool
	empty core.GasPool // the block's pool with nothing used
}

func newWorker() *worker {
	return &worker{state: newTxState()}
}

// bind prepares for transactions of env, to be abandoned when ctx ends. An EVM that was
// cancelled can't be used again, so one that an earlier context may still cancel is
// replaced.
func (w *worker) bind(ctx context.Context, env *gpuevm.BlockEnv, jumps vm.JumpDestCache, precompiles *vm.PrecompileCache) {
	if w.env == env && w.ctx == ctx && !w.evm.Cancelled() {
		return
	}
	if w.stop != nil {
		w.stop()
	}
	if w.evm != nil {
		w.evm.Release()
	}
	w.env, w.ctx = env, ctx
	w.evm = vm.NewEVM(blockContext(env), w.state, env.Config, vm.Config{ExtraEips: env.ExtraEIPs})
	w.evm.SetJumpDestCache(jumps)
	w.evm.SetPrecompileCache(precompiles)
	w.empty = *core.NewGasPool(env.GasLimit)
	w.state.enter(w.evm.GetRules(), env.Coinbase)
	if w.stop = nil; ctx.Done() != nil {
		w.stop = context.AfterFunc(ctx, w.evm.Cancel)
	}
}

func blockContext(env *gpuevm.BlockEnv) vm.BlockContext {
	return vm.BlockContext{
		CanTransfer: func(db vm.StateDB, addr common.Address, amount *uint256.Int) bool {
			return db.(*txState).covers(addr, amount)
		},
		Transfer:         core.Transfer,
		GetHash:          env.BlockHash,
		Coinbase:         env.Coinbase,
		GasLimit:         env.GasLimit,
		BlockNumber:      env.Number,
		Time:             env.Time,
		Difficulty:       env.Difficulty,
		BaseFee:          env.BaseFee,
		BlobBaseFee:      env.BlobBaseFee,
		Random:           env.Random,
		SlotNum:          env.SlotNumber,
		CostPerStateByte: params.CostPerStateByte,
	}
}

// run executes one transaction on the state pre.
func (w *worker) run(tx *gpuevm.Tx, pre gpuevm.StateView) gpuevm.Result {
	w.state.begin(tx, pre)
	var r gpuevm.Result
	if tx.System {
		r = w.runSystem(tx)
	} else {
		r = w.runMessage(tx)
	}
	if r.Status != gpuevm.Invalid {
		w.state.settle(&r)
	}
	if err := w.state.err; err != nil {
		return gpuevm.Result{Status: gpuevm.Unsupported, Err: err}
	}
	r.Reads = w.state.reads()
	return r
}

// runMessage applies an ordinary transaction.
func (w *worker) runMessage(tx *gpuevm.Tx) gpuevm.Result {
	w.setMessage(tx)
	w.setPool(tx.Pool)
	execution, state := w.pool.CumulativeExecution(), w.pool.CumulativeState()
	res, err := core.ApplyMessage(w.evm, &w.msg, &w.pool)
	if err != nil {
		return gpuevm.Result{Status: gpuevm.Invalid, Err: err}
	}
	return gpuevm.Result{
		Status:       status(res.Err),
		GasUsed:      res.UsedGas,
		ExecutionGas: w.pool.CumulativeExecution() - execution,
		StateGas:     w.pool.CumulativeState() - state,
		Output:       res.ReturnData,
		Err:          res.Err,
		Logs:         w.state.logs,
	}
}

// runSystem makes a call by the protocol, as go-ethereum's core does around EIP-4788,
// 2935, 7002 and 7251 (its functions for it want a *state.StateDB). 30 million gas, and
// from EIP-8037 on state gas for 16 new slots.
func (w *worker) runSystem(tx *gpuevm.Tx) gpuevm.Result {
	budget := vm.NewGasBudget(30_000_000, 0)
	if w.evm.GetRules().IsAmsterdam {
		budget = vm.NewGasBudget(30_000_000, params.SystemMaxSStoresPerCall*w.evm.Context.CostPerStateByte*params.StorageCreationSize)
	}
	w.evm.SetTxContext(vm.TxContext{Origin: tx.From, GasPrice: new(uint256.Int)})
	w.state.Prepare(w.evm.GetRules(), common.Address{}, common.Address{}, nil, nil, nil)
	w.state.AddAddressToAccessList(*tx.To)
	out, _, err := w.evm.Call(tx.From, *tx.To, tx.Data, budget, new(uint256.Int))
	return gpuevm.Result{Status: status(err), Output: out, Err: err, Logs: w.state.logs}
}

func (w *worker) setMessage(tx *gpuevm.Tx) {
	w.msg = core.Message{
		To:                    tx.To,
		From:                  tx.From,
		Nonce:                 tx.Nonce,
		Value:                 tx.Value,
		GasLimit:              tx.Gas,
		GasPrice:              tx.GasPrice,
		GasFeeCap:             tx.GasFeeCap,
		GasTipCap:             tx.GasTipCap,
		Data:                  tx.Data,
		AccessList:            tx.AccessList,
		BlobGasFeeCap:         tx.BlobFeeCap,
		BlobHashes:            tx.BlobHashes,
		SetCodeAuthorizations: tx.Auths,
	}
}

// setPool makes the gas pool one in which used has been used. The errors can't happen:
// what was used fitted when it was charged.
func (w *worker) setPool(used *gpuevm.GasPool) {
	w.pool.Set(&w.empty)
	switch {
	case used == nil:
	case w.evm.GetRules().IsAmsterdam:
		_ = w.pool.ChargeGasAmsterdam(used.Execution, used.State, used.Receipts)
	default:
		_ = w.pool.CheckGasLegacy(used.Receipts)
	}
}

func status(err error) gpuevm.Status {
	switch {
	case err == nil:
		return gpuevm.Success
	case errors.Is(err, vm.ErrExecutionReverted):
		return gpuevm.Reverted
	default:
		return gpuevm.Halted
	}
}
