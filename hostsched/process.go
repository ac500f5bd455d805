package hostsched

import (
	"context"
	"log/slog"
	"runtime"
	"time"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/gpuevm/gpuevm/gpuevm"
)

// Options say how a Processor runs blocks. The zero value of a field means its default.
type Options struct {
	// Engine runs the speculation. Required.
	Engine gpuevm.Engine
	// Referee executes what must be exact: system calls, and transactions whose
	// result did not stand. Default: Engine. It must never answer Unsupported for a
	// state that can be read.
	Referee gpuevm.Engine
	// Lanes is the number of goroutines that execute and recover. Default: all cores.
	Lanes int
	// Batch is the largest number of transactions in one call of the engine: 1 for the
	// CPU (default), a whole wave for a device.
	Batch int
	// Window is how far beyond the first uncommitted transaction execution may run
	// ahead. Default: 32 a lane, or Batch. 1 makes execution serial.
	Window int
	// Recoverer finds senders in batches. Default: the lanes recover them one by one.
	Recoverer Recoverer
	// Log is told when the engine fails. Default: slog.Default().
	Log *slog.Logger
	// Predictor guesses access sets. Default: a History of this processor's own.
	Predictor Predictor
	// Settle hands accounts over to a block's Roots (see Early) as soon as no later transaction
	// is known to change them, so that they are hashed while the block executes. Finding them
	// costs some microseconds a transaction. That pays where cores are idle and roots take
	// long; with all cores at work it made blocks of transfers, root included, 10% slower.
	Settle bool
}

// Serial are the options under which transactions run one after another on the exact
// state.
func Serial(engine gpuevm.Engine) Options {
	return Options{Engine: engine, Lanes: 1, Batch: 1, Window: 1, Predictor: NoPrediction{}}
}

// Processor runs blocks. What it learns about contracts it keeps from block to block. It
// is safe for concurrent use.
type Processor struct{ options Options }

// New returns a Processor.
func New(o Options) *Processor {
	if o.Referee == nil {
		o.Referee = o.Engine
	}
	if o.Lanes <= 0 {
		o.Lanes = runtime.GOMAXPROCS(0)
	}
	if o.Batch <= 0 {
		o.Batch = 1
	}
	if o.Window <= 0 {
		o.Window = max(32*o.Lanes, o.Batch)
	}
	if o.Predictor == nil {
		o.Predictor = NewHistory()
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return &Processor{options: o}
}

// Process runs a block. The error of an invalid block is that of go-ethereum's
// StateProcessor; ctx ends it early.
func (p *Processor) Process(ctx context.Context, block *Block) (*BlockResult, error) {
	start := time.Now()
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if err := block.check(); err != nil {
		return nil, err
	}
	r := p.start(ctx, block)
	defer r.receipts.digest.abandon()
	if err := r.before(); err != nil {
		return nil, err
	}
	if err := r.transactions(); err != nil {
		return nil, err
	}
	requests, err := r.after()
	if err != nil {
		return nil, err
	}
	result, err := r.seal(requests)
	if err != nil {
		return nil, err
	}
	result.Stats.Wall = time.Since(start)
	return result, nil
}

func (p *Processor) start(ctx context.Context, b *Block) *run {
	header := b.Header()
	env := gpuevm.NewBlockEnv(b.Config, header, b.Author, b.BlockHash)
	n := len(b.Transactions())
	r := &run{
		ledger: &ledger{
			env:     env,
			rules:   env.Rules(),
			referee: p.options.Referee,
			state:   newOverlay(b.Pre),
			pool:    gpuevm.GasPool{Limit: header.GasLimit},
		},
		ctx:       ctx,
		engine:    p.options.Engine,
		predict:   p.options.Predictor,
		options:   p.options,
		block:     b,
		header:    header,
		signer:    types.MakeSigner(b.Config, header.Number, header.Time),
		txs:       make([]gpuevm.Tx, n),
		bad:       make([]error, n),
		chunkDone: make([]bool, (n+p.options.chunk()-1)/p.options.chunk()),
		runs:      make([]attempt, n),
		stats:     Stats{Txs: n},
		receipts:  newReceipts(b, env, n),
	}
	r.wake.L = &r.mu
	r.rejected = r.reject
	r.plan = newPlan(r.predict, r.txs)
	if !r.rules.IsByzantium {
		r.roots = b.Roots
	}
	r.early = newEarly(r)
	return r
}

// seal computes what the header commits to.
func (r *run) seal(requests [][]byte) (*BlockResult, error) {
	start := time.Now()
	result := &BlockResult{
		Receipts: r.receipts.list,
		Logs:     r.receipts.logs,
		Requests: requests,
		GasUsed:  r.pool.Used(),
		state:    r.state,
	}
	if roots := r.block.Roots; roots != nil {
		if r.roots == nil { // else applied as they came
			if err := roots.Apply(r.state.diff(true)); err != nil {
				return nil, err
			}
		}
		if !r.block.DeferRoot {
			root, err := roots.Root()
			if err != nil {
				return nil, err
			}
			result.Root = &root
		}
	}
	result.ReceiptsRoot, result.Bloom = r.receipts.digest.finish()
	r.stats.Stage.Root += time.Since(start)
	result.Stats = r.stats
	return result, nil
}
