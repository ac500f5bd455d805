package ilp

import (
	"context"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"
	"github.com/gpuevm/gpuevm/bench"
	"github.com/gpuevm/gpuevm/bench/source"
	"github.com/gpuevm/gpuevm/gpuevm/compiler"
	"github.com/gpuevm/gpuevm/gpuevm/opcode"
)

// execution is an Ethereum block under way.
type execution struct {
	library *library
	fork    opcode.Revision
	codes   map[volumeKey]*codeRuns
	order   []*codeRuns
	touched []*codeRuns // by the transaction
	frames  []frame
	started int // frames of the transaction that ran code
	err     error
}

// codeRuns is what a block ran of a code.
type codeRuns struct {
	*compiler.Runs
	volume *volume
	at     common.Address
	total  Total
	frames int // of the transaction
}

// frame is a call. Where nothing runs, there is nothing to follow.
type frame struct {
	walk *compiler.Walk
	runs *codeRuns
}

// executeBlock runs a block's transactions and follows them. What was done before an error
// counts.
func executeBlock(ctx context.Context, l *library, b *source.Block) *Block {
	out := &Block{Name: b.Name, Each: []Tx{}}
	header := b.Block.Header()
	fork, ok := opcode.RevisionOf(b.Config.Rules(header.Number, header.Difficulty.Sign() == 0, header.Time))
	if !ok {
		out.Error = "its fork is none that the compiler knows"
		return out
	}
	out.Fork = fork.String()
	x := &execution{library: l, fork: fork, codes: map[volumeKey]*codeRuns{}}
	if err := x.run(ctx, b, out); err != nil {
		out.Error = err.Error()
	}
	for _, r := range x.order {
		l.ran(r)
	}
	return out
}

// chain is as much of one as a block's environment asks for; hashes come from elsewhere.
type chain struct {
	core.ChainContext
	config *params.ChainConfig
}

func (c chain) Config() *params.ChainConfig { return c.config }

// run is go-ethereum's serial loop, without receipts and roots.
func (x *execution) run(ctx context.Context, b *source.Block, out *Block) error {
	header := b.Block.Header()
	sdb, err := bench.OverView(b.Pre)
	if err != nil {
		return err
	}
	env := core.NewEVMBlockContext(header, chain{config: b.Config}, &b.Author)
	env.GetHash = b.BlockHash
	x.before(b, env, sdb)
	evm := vm.NewEVM(env, sdb, b.Config, vm.Config{Tracer: x.hooks()})
	defer evm.Release()
	signer, pool := types.MakeSigner(b.Config, header.Number, header.Time), core.NewGasPool(header.GasLimit)
	for i, tx := range b.Block.Transactions() {
		if err := ctx.Err(); err != nil {
			return err
		}
		msg, err := core.TransactionToMessage(tx, signer, header.BaseFee)
		if err != nil {
			return fmt.Errorf("tx %d: %w", i, err)
		}
		sdb.SetTxContext(tx.Hash(), i, uint32(i+1))
		if _, err := core.ApplyMessage(evm, msg, pool); err != nil {
			return fmt.Errorf("tx %d: %w", i, err)
		}
		sdb.Finalise(evm.GetRules())
		if x.err != nil {
			return fmt.Errorf("tx %d: %w", i, x.err)
		}
		if total := x.endTx(); total.Steps > 0 {
			out.Each = append(out.Each, Tx{i, tx.Hash(), total})
			out.Total.add(&total)
		}
	}
	if b.Expect.Checks.GasUsed && pool.Used() != header.GasUsed {
		return fmt.Errorf("its transactions used %d gas, the header has %d", pool.Used(), header.GasUsed)
	}
	return sdb.Error()
}

// before makes the protocol's calls before the transactions, unseen: they are none's.
func (x *execution) before(b *source.Block, env vm.BlockContext, sdb *state.StateDB) {
	header := b.Block.Header()
	evm := vm.NewEVM(env, sdb, b.Config, vm.Config{})
	defer evm.Release()
	if header.ParentBeaconRoot != nil {
		core.ProcessBeaconBlockRoot(*header.ParentBeaconRoot, evm, nil)
	}
	if b.Config.IsPrague(header.Number, header.Time) {
		core.ProcessParentBlockHash(header.ParentHash, evm, nil)
	}
}

func (x *execution) hooks() *tracing.Hooks {
	return &tracing.Hooks{OnEnter: x.enter, OnExit: x.exit, OnOpcode: x.step}
}

func (x *execution) enter(int, byte, common.Address, common.Address, []byte, uint64, *big.Int) {
	x.frames = append(x.frames, frame{})
}

func (x *execution) exit(int, []byte, uint64, error, bool) {
	last := len(x.frames) - 1
	if w := x.frames[last].walk; w != nil {
		w.End()
	}
	x.frames = x.frames[:last]
}

func (x *execution) step(pc uint64, _ byte, _, _ uint64, scope tracing.OpContext, _ []byte, _ int, _ error) {
	top := &x.frames[len(x.frames)-1]
	if top.walk == nil && !x.begin(top, scope) {
		return
	}
	top.walk.Step(int(pc))
}

// begin finds what code a frame runs.
func (x *execution) begin(f *frame, scope tracing.OpContext) bool {
	code, hash := scope.ContractCode(), common.Hash{}
	if s, ok := scope.(*vm.ScopeContext); ok {
		hash = s.Contract.CodeHash
	}
	if hash == (common.Hash{}) { // that creates a contract
		hash = crypto.Keccak256Hash(code)
	}
	r := x.codes[volumeKey{hash, x.fork}]
	if r == nil {
		v, err := x.library.of(hash, code, x.fork, true)
		if err != nil {
			x.err = err
			return false
		}
		r = &codeRuns{Runs: v.course.NewRuns(), volume: v, at: scope.Address()}
		x.codes[volumeKey{hash, x.fork}] = r
		x.order = append(x.order, r)
	}
	if r.frames == 0 {
		x.touched = append(x.touched, r)
	}
	r.frames++
	x.started++
	f.walk, f.runs = r.Begin(), r
	return true
}

// endTx closes the accounts of a transaction.
func (x *execution) endTx() (total Total) {
	for _, r := range x.touched {
		part := Total{Txs: 1, Frames: r.frames}
		part.Measures, part.Steps = r.Take()
		r.total.add(&part)
		total.add(&part)
		r.frames = 0
	}
	total.Txs, total.Frames = 1, x.started
	x.touched, x.started = x.touched[:0], 0
	return total
}
