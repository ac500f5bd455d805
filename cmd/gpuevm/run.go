package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/bench"
	"github.com/gpuevm/gpuevm/bench/report"
	"github.com/gpuevm/gpuevm/bench/workload"
	"github.com/gpuevm/gpuevm/statedb"
	"github.com/urfave/cli/v2"
)

var runCommand = &cli.Command{
	Name:  "run",
	Usage: "make a block, run it in waves and serially, and compare",
	Description: "Makes blocks of signed calls to real contracts, runs each on gpuevm and on serial go-ethereum\n" +
		"(core.StateProcessor), the two taking turns over the same state, and prints what it took and\n" +
		"whether gas, receipts, bloom, requests and state root are equal. Times are medians of the rounds.\n" +
		"The exit code is 1 where anything differs.\n\n" +
		"   gpuevm run\n" +
		"   gpuevm run --workload swap --txs 50000\n" +
		"   gpuevm run --workload serial --threads 1     # the worst case\n" +
		"   gpuevm run --blocks 5 --json - > blocks.jsonl\n\n" +
		"Workloads:\n" + workloadList(),
	Action: runGenerated,
	Flags: slices.Concat([]cli.Flag{
		&cli.StringFlag{Name: "workload", Value: "mixed", Usage: "what the transactions do: " + strings.Join(workload.Names(), ", ")},
		&cli.IntFlag{Name: "txs", Value: 10_000, Usage: "transactions in a block"},
		&cli.IntFlag{Name: "blocks", Value: 1, Usage: "blocks; each starts from the state after the one before"},
		&cli.Int64Flag{Name: "seed", Value: 1, Usage: "the same seed makes the same blocks"},
		roundsFlag,
	}, commonFlags),
}

var roundsFlag = &cli.IntFlag{Name: "rounds", Value: 3, Usage: "how often each side runs a block at most; slow blocks run less often"}

func workloadList() string {
	var b strings.Builder
	for _, name := range workload.Names() {
		fmt.Fprintf(&b, "   %-10s %s\n", name, workload.Describe(name))
	}
	return strings.TrimRight(b.String(), "\n")
}

func runGenerated(ctx *cli.Context) (err error) {
	if err := checkRunFlags(ctx); err != nil {
		return err
	}
	s, err := openSettings(ctx)
	if err != nil {
		return err
	}
	defer func() { err = firstError(err, s.close()) }()
	w, err := generate(ctx, s)
	if err != nil {
		return err
	}
	lines, err := runWorkload(ctx.Context, newContest(s, true, ctx.Int("rounds")), w, ctx.Int64("seed"))
	printRun(s, w, ctx.Int64("seed"), lines)
	return firstError(err, verdict(lines))
}

func checkRunFlags(ctx *cli.Context) error {
	if ctx.NArg() > 0 {
		return usagef("run takes no arguments, only flags: %q", ctx.Args().First())
	}
	if name := ctx.String("workload"); !slices.Contains(workload.Names(), name) {
		return usagef("--workload %q: it is one of %s", name, strings.Join(workload.Names(), ", "))
	}
	for _, name := range []string{"txs", "blocks", "rounds"} {
		if ctx.Int(name) < 1 {
			return usagef("--%s %d: it is 1 or more", name, ctx.Int(name))
		}
	}
	return nil
}

func generate(ctx *cli.Context, s *settings) (*workload.Workload, error) {
	o := workload.Options{Txs: ctx.Int("txs"), Blocks: ctx.Int("blocks"), Seed: ctx.Int64("seed")}
	start := time.Now()
	w, err := await(ctx.Context, func() (*workload.Workload, error) { return workload.Generate(ctx.String("workload"), o) })
	if err == nil {
		fmt.Fprintf(s.errs, "made %d block(s) of %d signed transactions in %.1f s; now running them\n", o.Blocks, o.Txs, time.Since(start).Seconds())
	}
	return w, err
}

// runWorkload runs the blocks in order. It stops at the first that differs: the state
// after it is not agreed on.
func runWorkload(ctx context.Context, c *contest, w *workload.Workload, seed int64) ([]*report.Line, error) {
	mem, err := statedb.FromAlloc(w.Alloc)
	if err != nil {
		return nil, err
	}
	tries, err := statedb.TriesFromAlloc(w.Alloc)
	if err != nil {
		return nil, err
	}
	var lines []*report.Line
	for i, block := range w.Blocks {
		l := c.line(fmt.Sprintf("%s-%d", w.Name, block.NumberU64()))
		l.Workload, l.Seed, l.Number = w.Name, new(seed), new(block.NumberU64())
		out, err := c.run(ctx, &trial{generatedJob(w, i, l.Block, mem), tries})
		if ctx.Err() != nil {
			return lines, context.Cause(ctx)
		}
		lines = append(lines, l)
		if err != nil {
			l.Equal, l.Error = new(false), err.Error()
		} else {
			out.fill(l, c.policy == "waves")
			judge(l, out.check)
		}
		if err := c.write(l); err != nil {
			return lines, err
		}
		if !*l.Equal {
			return lines, nil
		}
		if err := mem.Apply(out.result.Diff()); err != nil {
			return lines, err
		}
		if tries, err = out.after.Commit(); err != nil {
			return lines, err
		}
	}
	return lines, nil
}

func generatedJob(w *workload.Workload, i int, name string, pre *statedb.Mem) *bench.Job {
	hashes, parent := []common.Hash{w.Parent.Hash()}, w.Parent
	for _, b := range w.Blocks[:i] {
		hashes, parent = append(hashes, b.Hash()), b.Header()
	}
	return &bench.Job{Name: name, Config: w.Config, Block: w.Blocks[i], Author: w.Blocks[i].Coinbase(),
		Parent: parent, Pre: pre, BlockHash: byNumber(hashes)}
}

// byNumber answers BLOCKHASH from the hashes of all blocks before this one.
func byNumber(hashes []common.Hash) func(uint64) common.Hash {
	return func(n uint64) common.Hash {
		if n < uint64(len(hashes)) {
			return hashes[n]
		}
		return common.Hash{}
	}
}

func printRun(s *settings, w *workload.Workload, seed int64, lines []*report.Line) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(s.table, "workload %s (%s), seed %d; %s\n\n", w.Name, workload.Describe(w.Name), seed, s)
	if len(w.Blocks) > 1 {
		report.Blocks(s.table, lines)
	}
	report.Summary(s.table, lines)
	last := lines[len(lines)-1]
	if len(lines) < len(w.Blocks) {
		fmt.Fprintf(s.table, "  ended after %d of %d blocks\n", len(lines), len(w.Blocks))
	}
	if !*last.Equal {
		fmt.Fprintf(s.table, "  equal to serial go-ethereum: NO\n  %s: %s\n", last.Block, last.Error)
		return
	}
	fmt.Fprintf(s.table, "  state root equal: yes (%s)\n", last.StateRoot)
	fmt.Fprintf(s.table, "  also equal to serial go-ethereum: gas, receipts root, logs bloom, requests hash\n")
}

// verdict is the error of lines that are not all fine.
func verdict(lines []*report.Line) error {
	bad := 0
	for _, l := range lines {
		if l.Error != "" || l.Equal != nil && !*l.Equal {
			bad++
		}
	}
	if bad == 0 {
		return nil
	}
	return cli.Exit(fmt.Sprintf("%d of %d blocks differ or could not be run", bad, len(lines)), exitFailed)
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
