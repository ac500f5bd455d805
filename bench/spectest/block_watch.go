package spectest

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/gpuevm/gpuevm/hostsched"
)

// watchedProcessor is our processor with a witness beside it. It counts what our processor
// really did, and where that refuses a block it has go-ethereum's processor judge the same
// block: a test only says that a block is invalid, but it must be so for the same reason.
type watchedProcessor struct {
	ours      *hostsched.GethProcessor
	own       *ownChain // nil: where others do the work
	skipped   bool      // a block that we leave to go-ethereum, and so all after it
	serial    *core.StateProcessor
	delegated bool // tracer or witness: go-ethereum's processor does the work
	Blocks    Blocks
	failure   error
}

func newWatchedProcessor(chain *core.BlockChain, genesis *core.Genesis, o BlockOptions) (w *watchedProcessor, err error) {
	w = &watchedProcessor{serial: core.NewStateProcessor(chain), delegated: o.Tracer != nil || o.CrossCheck}
	w.ours = hostsched.NewGethProcessor(chain, hostsched.New(o.Processor))
	if !w.delegated {
		w.own, err = openOwn(chain, genesis, o.Processor)
	}
	return w, err
}

func (w *watchedProcessor) close() error {
	if w.own == nil {
		return nil
	}
	return w.own.close()
}

// Process implements core.Processor.
func (w *watchedProcessor) Process(ctx context.Context, block *types.Block, db *state.StateDB, jumps vm.JumpDestCache, precompiles *vm.PrecompileCache, cfg vm.Config, index *atomic.Int64) (*core.ProcessResult, error) {
	if w.delegated {
		return w.ours.Process(ctx, block, db, jumps, precompiles, cfg, index)
	}
	twin := db.Copy()
	var last atomic.Int64 // index of the last transaction that our processor committed
	last.Store(-1)
	result, err := w.ours.Process(ctx, block, db, jumps, precompiles, cfg, &last)
	if err != nil {
		w.Blocks.Invalid++
		_, want := w.serial.Process(ctx, block, twin, nil, nil, vm.Config{}, nil)
		if want == nil || want.Error() != err.Error() {
			w.failure = fmt.Errorf("refused with %q, go-ethereum says %q", err, fmt.Sprint(want))
		}
		return nil, err
	}
	n := last.Load() + 1
	w.Blocks.Txs += int(n)
	if n == int64(len(block.Transactions())) {
		w.Blocks.Valid++
	} else {
		w.failure = fmt.Errorf("%d of %d transactions went through our processor", n, len(block.Transactions()))
	}
	w.followOwn(ctx, block, db)
	return result, nil
}

// followOwn has our own chain run a block that was found to be fine so far.
func (w *watchedProcessor) followOwn(ctx context.Context, block *types.Block, db *state.StateDB) {
	config := w.own.chain.Config()
	if w.skipped = w.skipped || config.IsAmsterdam(block.Number(), block.Time()); w.skipped || w.failure != nil {
		return
	}
	root := db.IntermediateRoot(config.Rules(block.Number(), block.Difficulty().Sign() == 0, block.Time()))
	if err := w.own.follow(ctx, block, root); err != nil {
		w.failure = fmt.Errorf("on our own store: %w", err)
	}
}
