package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto/kzg4844"
	"github.com/gpuevm/gpuevm/bench"
	"github.com/gpuevm/gpuevm/bench/report"
	"github.com/gpuevm/gpuevm/bench/source"
	"github.com/urfave/cli/v2"
)

var replayCommand = &cli.Command{
	Name:      "replay",
	Usage:     "run real blocks again and check them against their headers",
	ArgsUsage: "PATH... | --genesis FILE --chain FILE [--datadir DIR] | --rpc URL FROM..TO",
	Description: "Runs real blocks and checks what they come to: gas, receipts root, logs bloom, requests hash and\n" +
		"state root of the header, and where the file has them every sender, every receipt and the state\n" +
		"after the block. What the data does not allow to be checked is not; the summary counts what was.\n" +
		"The exit code is 1 where anything differs or a block can't be loaded, with its block, transaction\n" +
		"and field; the other blocks still run. Ctrl-C ends it with a summary of what was done.\n\n" +
		"State roots are computed on tries of our own, with --compare on go-ethereum's too. A block that comes\n" +
		"with a witness starts with nothing of its tries decoded, on both sides. In a chain our tries stay\n" +
		"decoded from block to block. With --datadir the state is on disk, durable as --sync-every says; the\n" +
		"blocks that are there are passed over next time, and a fork of the last 128 is followed. A block's\n" +
		"time includes reading that state; with --root async its root comes later and is in no block's time.\n\n" +
		"   gpuevm replay blocks/                            # NETWORK-NUMBER.json.gz, codes.bin.gz beside them\n" +
		"   gpuevm replay blocks/mainnet-12964999.json.gz\n" +
		"   gpuevm replay --compare blocks/                  # also serial go-ethereum, for the speed-up\n" +
		"   gpuevm replay block_payload.rlp                  # block and witness, by go-ethereum's fetchpayload\n" +
		"   gpuevm replay --genesis genesis.json --chain export.rlp.gz     # by geth export\n" +
		"   gpuevm replay --genesis genesis.json --chain export.rlp.gz --datadir D --root async\n" +
		"   gpuevm replay --rpc http://localhost:8545 19000000..19000010   # from a node with debug methods",
	Action: runReplay,
	Flags: slices.Concat([]cli.Flag{
		&cli.StringFlag{Name: "genesis", Usage: "genesis `FILE` (JSON) of the chain"},
		&cli.StringFlag{Name: "chain", Usage: "`FILE` that geth export wrote (RLP, or gzipped where it ends in .gz)"},
		&cli.StringFlag{Name: "rpc", Usage: "`URL` of a node that answers debug_getRawBlock and debug_executionWitness"},
		&cli.BoolFlag{Name: "compare", Usage: "also run serial go-ethereum, in turns, and show the speed-up"},
		roundsFlag,
		&cli.Float64Flag{Name: "min-on-device", Usage: "the smallest `SHARE`, 0 to 1, of the executions asked of the device that it must finish"},
	}, stateFlags, commonFlags),
}

func runReplay(ctx *cli.Context) (err error) {
	if ctx.Int("rounds") < 1 {
		return usagef("--rounds %d: it is 1 or more", ctx.Int("rounds"))
	}
	if least := ctx.Float64("min-on-device"); least < 0 || least > 1 {
		return usagef("--min-on-device %v: it is 0 to 1", least)
	}
	blocks, err := openFeed(ctx)
	if err != nil {
		return err
	}
	defer func() { err = firstError(err, blocks.close()) }()
	s, err := openSettings(ctx)
	if err != nil {
		return err
	}
	defer func() { err = firstError(err, s.close()) }()
	if err := blocks.begin(ctx.Context, s.executor); err != nil {
		return err
	}
	rounds := 1
	if ctx.Bool("compare") && blocks.disk == nil {
		rounds = ctx.Int("rounds")
	}
	c := newContest(s, ctx.Bool("compare"), rounds)
	c.deferred = ctx.String("root") == "async"
	r := &results{contest: c, disk: blocks.disk, progress: report.NewProgress(s.errs, blocks.total)}
	err = replayAll(ctx.Context, r, blocks)
	r.progress.End()
	printReplay(s, r.lines)
	return firstError(err, r.end(), verdict(r.lines), enough(r.lines, ctx.Float64("min-on-device")))
}

// enough is an error where the device finished too little of what was asked of it.
func enough(lines []*report.Line, least float64) error {
	did := report.Sum(lines).Offload
	if did == nil {
		did = new(report.Offload)
	}
	if least == 0 || did.Asked > 0 && float64(did.Finished) >= least*float64(did.Asked) {
		return nil
	}
	return cli.Exit(fmt.Sprintf("the device finished %d of %d executions, want %.4g%%", did.Finished, did.Asked, 100*least), exitFailed)
}

// replayAll runs the blocks one after another. One that fails does not keep the others
// from running.
func replayAll(ctx context.Context, r *results, blocks *feed) (err error) {
	defer func() { err = firstError(err, r.settle(context.WithoutCancel(ctx), true)) }()
	for {
		name, b, err := blocks.next(ctx)
		if errors.Is(err, io.EOF) && b == nil && name == "" {
			return nil
		}
		l, landing := r.line(name), (*landing)(nil)
		if err == nil {
			r.progress.Begin(name)
			if b.Config.IsCancun(b.Block.Block.Number(), b.Block.Block.Time()) {
				loadTrustedSetup()
			}
			l, landing, err = replayOne(ctx, r.contest, blocks, b)
		}
		if ctx.Err() != nil && landing == nil {
			return context.Cause(ctx)
		}
		if err != nil {
			fail(l, err)
		}
		if err := r.add(ctx, l, landing, want(b)); err != nil {
			return err
		}
		if r.refused != "" {
			blocks.stop(r.refused)
		}
	}
}

func want(b *entry) common.Hash {
	if b == nil {
		return common.Hash{}
	}
	return b.Block.Block.Root()
}

// loadTrustedSetup has go-ethereum load what EIP-4844's precompile needs. It does so on
// first use, which would be 1.7 s of the first block that calls it.
var loadTrustedSetup = sync.OnceFunc(func() {
	_ = kzg4844.VerifyProof(kzg4844.Commitment{}, kzg4844.Point{}, kzg4844.Claim{}, kzg4844.Proof{})
})

// replayOne runs a block and checks it. Without tries there is no state for what follows
// the transactions, which is then left out.
func replayOne(ctx context.Context, c *contest, blocks *feed, e *entry) (*report.Line, *landing, error) {
	b, l := e.Block, c.line(e.Name)
	l.Number = new(b.Block.NumberU64())
	t := &trial{ground: e.ground, tries: e.tries, Job: &bench.Job{Name: b.Name, Config: b.Config, Block: b.Block, Author: b.Author,
		Parent: b.Parent, BlockHash: b.BlockHash, Pre: b.Pre, TxsOnly: e.ground == nil}}
	out, err := c.run(ctx, t)
	if err != nil {
		l.Equal = new(false)
		return l, nil, explain(b, err)
	}
	out.fill(l, c.policy == "waves")
	check, err := againstBlock(b, out.result, t.TxsOnly)
	if err != nil {
		return l, nil, errors.Join(err, out.discard(t))
	}
	judge(l, check)
	if c.compare {
		if !out.check.equal() {
			out.check.wrong[0] = "against serial go-ethereum: " + out.check.wrong[0]
		}
		judge(l, out.check)
	}
	if !*l.Equal {
		return l, nil, out.discard(t)
	}
	landing, err := blocks.ran(ctx, t, out)
	return l, landing, err
}

// explain says of a refused block where it is not what its source knew it to be.
func explain(b *source.Block, err error) error {
	c := new(check)
	if c.senders(b); !c.equal() && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("refused: %w; %s", err, c.message())
	}
	return fmt.Errorf("refused: %w", err)
}

// The most blocks that are worth a row each.
const maxRows = 200

func printReplay(s *settings, lines []*report.Line) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(s.table, "replay of %d blocks; %s\n\n", len(lines), s)
	if len(lines) <= maxRows {
		report.Blocks(s.table, lines)
	}
	report.Summary(s.table, lines)
	report.Checks(s.table, lines)
	for _, l := range lines {
		if l.Error != "" {
			fmt.Fprintf(s.table, "  %s: %s\n", l.Block, strings.TrimPrefix(l.Error, l.Block+": "))
		}
	}
}
