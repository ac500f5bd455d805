package main

import (
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/gpuevm/gpuevm/bench/workload"
	"github.com/gpuevm/gpuevm/statedb/store"
	"github.com/urfave/cli/v2"
)

// steadySenders is how many transactions a workload must have for its first state to be the
// same however many more follow: by then every account that will ever send has its funds.
const steadySenders = 10_000

// resumeWorkload makes the blocks that a directory has and as many more as are asked for:
// one chain, of which a run is the next part.
func resumeWorkload(ctx *cli.Context, s *settings, o *stateOptions) (*workload.Workload, *start, error) {
	txs, more := ctx.Int("txs"), ctx.Int("blocks")
	w, err := generateSteady(ctx, s, max(more, (steadySenders+txs-1)/txs))
	if err != nil {
		return nil, nil, err
	}
	d, err := openDisk(ctx.Context, o, w.Parent, w.Alloc)
	if err != nil {
		return nil, nil, otherWorkload(err)
	}
	start, err := startOnDisk(ctx, s, d, w)
	if err != nil {
		return nil, nil, errors.Join(otherWorkload(err), d.close())
	}
	return w, start, nil
}

func otherWorkload(err error) error {
	if errors.Is(err, store.ErrChain) {
		return fmt.Errorf("%w (another --workload, --txs or --seed, or not of run)", err)
	}
	return err
}

// startOnDisk begins after the last block that a directory has, and gives the workload the
// blocks up to there and those to come.
func startOnDisk(ctx *cli.Context, s *settings, d *disk, w *workload.Workload) (*start, error) {
	// Who imported a state has not said of which chain it is.
	if hash, err := d.db.Store().BlockHash(0); errors.Is(err, store.ErrUnknown) || err == nil && hash != w.Parent.Hash() {
		return nil, fmt.Errorf("--datadir %s: %w: its block 0 is not the workload's", d.dir, store.ErrChain)
	} else if err != nil {
		return nil, fmt.Errorf("%s: %w", d.dir, err)
	}
	done, total := int(d.at.Height), int(d.at.Height)+ctx.Int("blocks")
	if total > len(w.Blocks) {
		whole, err := generateSteady(ctx, s, total)
		if err != nil {
			return nil, err
		}
		*w = *whole
	}
	w.Blocks = w.Blocks[:total]
	if done > 0 && w.Blocks[done-1].Hash() != d.at.Hash {
		return nil, fmt.Errorf("%s: block %d %s is not the workload's", d.dir, done, d.at.Hash.Hex())
	}
	tries, err := triesOf(d.db, d.at)
	if err != nil {
		return nil, fmt.Errorf("%s: state of block %d for go-ethereum: %w", d.dir, done, err)
	}
	return &start{ground: d, disk: d, tries: tries, done: done}, nil
}

func generateSteady(ctx *cli.Context, s *settings, blocks int) (*workload.Workload, error) {
	w, err := generate(ctx, s, blocks)
	if err == nil {
		steady(w, ctx.Int("txs"))
	}
	return w, err
}

// steady gives all blocks a gas limit that does not depend on how many there are.
func steady(w *workload.Workload, txs int) {
	limit := uint64(txs) << 24 // EIP-7825: no transaction has more
	parent := types.CopyHeader(w.Parent)
	parent.GasLimit, parent.GasUsed = limit, limit/2
	w.Parent = parent
	for i, b := range w.Blocks {
		header := b.Header()
		header.GasLimit, header.ParentHash = limit, parent.Hash()
		w.Blocks[i] = types.NewBlockWithHeader(header).WithBody(*b.Body())
		parent = header
	}
}
