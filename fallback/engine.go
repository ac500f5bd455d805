package fallback

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/gpuevm/gpuevm/gpuevm"
)

// Engine executes transactions on this machine's cores. It is safe for concurrent
// use; workers (an EVM and a transaction state each) are kept between calls.
type Engine struct {
	threads int
	jumps   vm.JumpDestCache // shared: JUMPDEST analysis by code hash

	mu          sync.Mutex
	idle        []*worker
	block       *gpuevm.BlockEnv    // of precompiles
	precompiles *vm.PrecompileCache // results in this block, see cacheOf
}

// New returns an engine that runs a batch on up to threads cores, all of them where
// threads is 0.
func New(threads int) *Engine {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	return &Engine{threads: threads, jumps: core.NewJumpDestCache()}
}

// Execute implements gpuevm.Engine. A batch of one runs in the caller's goroutine.
func (e *Engine) Execute(ctx context.Context, env *gpuevm.BlockEnv, txs []gpuevm.Tx, pre gpuevm.StateView) ([]gpuevm.Result, error) {
	results := make([]gpuevm.Result, len(txs))
	if n := min(e.threads, len(txs)); n > 1 {
		var next atomic.Int64
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() { e.drain(ctx, env, txs, results, pre, &next) })
		}
		wg.Wait()
	} else {
		e.drain(ctx, env, txs, results, pre, new(atomic.Int64))
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return results, nil
}

// drain runs transactions of the batch until none is left.
func (e *Engine) drain(ctx context.Context, env *gpuevm.BlockEnv, txs []gpuevm.Tx, results []gpuevm.Result, pre gpuevm.StateView, next *atomic.Int64) {
	w := e.take()
	defer e.put(w)
	w.bind(ctx, env, e.jumps, e.cacheOf(env))
	for ctx.Err() == nil {
		i := int(next.Add(1)) - 1
		if i >= len(txs) {
			return
		}
		results[i] = w.run(&txs[i], pre)
	}
}

// cacheOf returns the cache of precompile results of a block. A transaction that must be
// executed again mostly asks its precompiles what it asked the first time, so that even
// a speculation that fails has done the pairings. Nothing is kept from block to block.
func (e *Engine) cacheOf(env *gpuevm.BlockEnv) *vm.PrecompileCache {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.block != env {
		e.block, e.precompiles = env, vm.NewPrecompileCache()
	}
	return e.precompiles
}

func (e *Engine) take() *worker {
	e.mu.Lock()
	defer e.mu.Unlock()
	if n := len(e.idle); n > 0 {
		w := e.idle[n-1]
		e.idle = e.idle[:n-1]
		return w
	}
	return newWorker()
}

func (e *Engine) put(w *worker) {
	w.state.leave()
	e.mu.Lock()
	e.idle = append(e.idle, w)
	e.mu.Unlock()
}
