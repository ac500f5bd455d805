package main

import (
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/gpuevm/gpuevm/bench/workload"
	"github.com/gpuevm/gpuevm/statedb"
	"github.com/gpuevm/gpuevm/statedb/store"
	"github.com/urfave/cli/v2"
)

// steadySenders is how many transactions a workload must have for its first state to be the
// same however many more follow: by then every account that will ever send has its funds.
const steadySenders = 10_000

// resumeWorkload makes the blocks that a directory has and as many more as are asked for:
// one chain, of which a run is the next part.
func resumeWorkload(ctx *cli.Context, s *settings, o *stateOptions) (*workload.Workload, *start, error) {
	done, err := heightOf(o.dir)
	if err != nil {
		return nil, nil, err
	}
	txs, total := ctx.Int("txs"), int(done)+ctx.Int("blocks")
	w, err := generate(ctx, s, max(total, (steadySenders+txs-1)/txs))
	if err != nil {
		return nil, nil, err
	}
	steady(w, txs)
	w.Blocks = w.Blocks[:total]
	d, err := openDisk(ctx.Context, o, w.Parent, w.Alloc)
	if err != nil {
		if errors.Is(err, store.ErrChain) {
			err = fmt.Errorf("%w (another --workload, --txs or --seed, or not of run)", err)
		}
		return nil, nil, err
	}
	start, err := startOnDisk(d, w)
	if err != nil {
		return nil, nil, errors.Join(err, d.close())
	}
	return w, start, nil
}

func startOnDisk(d *disk, w *workload.Workload) (*start, error) {
	done := int(d.at.Height)
	if done > 0 && (done > len(w.Blocks) || w.Blocks[done-1].Hash() != d.at.Hash) {
		return nil, fmt.Errorf("%s: block %d %s is not the workload's", d.dir, done, d.at.Hash.Hex())
	}
	tries, err := triesOf(d.db, d.at)
	if err != nil {
		return nil, fmt.Errorf("%s: state of block %d for go-ethereum: %w", d.dir, done, err)
	}
	return &start{ground: d, disk: d, tries: tries, done: done}, nil
}

// heightOf is how far a directory is.
func heightOf(dir string) (uint64, error) {
	there, err := isStore(dir)
	if err != nil || !there {
		return 0, err
	}
	db, err := openStore(dir, statedb.Options{Store: store.Options{ReadOnly: true}})
	if err != nil {
		return 0, err
	}
	return db.Head().Height, db.Close()
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
