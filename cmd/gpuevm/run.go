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
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/statedb"
	"github.com/gpuevm/gpuevm/statedb/forest"
	"github.com/urfave/cli/v2"
)

var runCommand = &cli.Command{
	Name:  "run",
	Usage: "make a block, run it in waves and serially, and compare",
	Description: "Makes blocks of signed calls to real contracts, runs each on gpuevm and on serial go-ethereum\n" +
		"(core.StateProcessor), the two taking turns over the same state, and prints what it took and\n" +
		"whether gas, receipts, bloom, requests and state root are equal. Times are medians of the rounds.\n" +
		"The exit code is 1 where anything differs.\n\n" +
		"State roots are computed on tries of our own, which stay decoded from block to block; between the\n" +
		"rounds of a block they are brought back, outside of the times. go-ethereum opens its tries anew for\n" +
		"every run and resolves their nodes from memory. With --datadir our state is on disk, and each run\n" +
		"goes on with the same chain where the last one ended; a block is then run once.\n\n" +
		"   gpuevm run\n" +
		"   gpuevm run --workload swap --txs 50000\n" +
		"   gpuevm run --workload serial --threads 1     # the worst case\n" +
		"   gpuevm run --blocks 5 --json - > blocks.jsonl\n" +
		"   gpuevm run --datadir D --blocks 20 --root async    # and again: 20 more\n\n" +
		"Workloads:\n" + workloadList(),
	Action: runGenerated,
	Flags: slices.Concat([]cli.Flag{
		&cli.StringFlag{Name: "workload", Value: "mixed", Usage: "what the transactions do: " + strings.Join(workload.Names(), ", ")},
		&cli.IntFlag{Name: "txs", Value: 10_000, Usage: "transactions in a block"},
		&cli.IntFlag{Name: "blocks", Value: 1, Usage: "blocks; each starts from the state after the one before"},
		&cli.Int64Flag{Name: "seed", Value: 1, Usage: "the same seed makes the same blocks"},
		roundsFlag,
	}, stateFlags, commonFlags),
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
	o, err := stateOptionsOf(ctx)
	if err != nil {
		return err
	}
	s, err := openSettings(ctx)
	if err != nil {
		return err
	}
	defer func() { err = firstError(err, s.close()) }()
	if err := o.hashWith(s.executor); err != nil {
		return err
	}
	w, start, err := startWorkload(ctx, s, o)
	if err != nil {
		return err
	}
	defer func() { err = firstError(err, start.close()) }()
	c := newContest(s, true, o.rounds(ctx))
	c.deferred = o.deferred
	r := &results{contest: c, disk: start.disk}
	err = runWorkload(ctx.Context, r, w, ctx.Int64("seed"), start)
	printRun(s, w, ctx.Int64("seed"), start.done, r.lines)
	return firstError(err, r.end(), verdict(r.lines))
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

// start is the state that the first block to run comes after.
type start struct {
	ground ground
	disk   *disk          // the ground; nil: it is in memory
	tries  *statedb.Tries // for go-ethereum
	done   int            // blocks of the workload before it
}

func (s *start) close() error {
	if s.disk == nil {
		return nil
	}
	return s.disk.close()
}

func startWorkload(ctx *cli.Context, s *settings, o *stateOptions) (*workload.Workload, *start, error) {
	if o.dir != "" {
		return resumeWorkload(ctx, s, o)
	}
	w, err := generate(ctx, s, ctx.Int("blocks"))
	if err != nil {
		return nil, nil, err
	}
	start, err := inMemory(w, o.tries)
	return w, start, err
}

// inMemory is the state before the first block.
func inMemory(w *workload.Workload, tries forest.Options) (*start, error) {
	m, err := newMemory(w.Alloc, tries)
	if err != nil {
		return nil, err
	}
	rival, err := statedb.TriesFromAlloc(w.Alloc)
	return &start{ground: m, tries: rival}, err
}

func generate(ctx *cli.Context, s *settings, blocks int) (*workload.Workload, error) {
	o := workload.Options{Txs: ctx.Int("txs"), Blocks: blocks, Seed: ctx.Int64("seed")}
	start := time.Now()
	w, err := await(ctx.Context, func() (*workload.Workload, error) { return workload.Generate(ctx.String("workload"), o) })
	if err == nil {
		fmt.Fprintf(s.errs, "made %d block(s) of %d signed transactions in %.1f s; now running them\n", o.Blocks, o.Txs, time.Since(start).Seconds())
	}
	return w, err
}

// runWorkload runs the blocks in order. It stops at the first that differs: the state
// after it is not agreed on.
func runWorkload(ctx context.Context, r *results, w *workload.Workload, seed int64, s *start) (err error) {
	defer func() { err = firstError(err, r.settle(context.WithoutCancel(ctx), true)) }()
	for i := s.done; i < len(w.Blocks); i++ {
		l, landing, want, err := runGeneratedBlock(ctx, r.contest, w, i, s)
		if ctx.Err() != nil && landing == nil {
			return context.Cause(ctx)
		}
		l.Workload, l.Seed = w.Name, new(seed)
		if err != nil {
			fail(l, err)
			l.Equal = new(false)
		}
		if err := r.add(ctx, l, landing, want); err != nil {
			return err
		}
		if r.refused != "" {
			return nil
		}
	}
	return nil
}

// runGeneratedBlock runs the block at i and goes on to the state after it, if the block
// came out right.
func runGeneratedBlock(ctx context.Context, c *contest, w *workload.Workload, i int, s *start) (*report.Line, *landing, common.Hash, error) {
	number := w.Blocks[i].NumberU64()
	l := c.line(fmt.Sprintf("%s-%d", w.Name, number))
	l.Number = new(number)
	pre, err := s.ground.view()
	if err != nil {
		return l, nil, common.Hash{}, err
	}
	t := &trial{Job: generatedJob(w, i, l.Block, pre), ground: s.ground, tries: s.tries}
	out, err := c.run(ctx, t)
	if err != nil {
		return l, nil, common.Hash{}, err
	}
	out.fill(l, c.policy == "waves")
	judge(l, out.check)
	if !*l.Equal {
		return l, nil, common.Hash{}, out.discard(t)
	}
	want := *out.serial.root
	landing, err := out.commit(ctx, t, want)
	if err == nil {
		s.tries, err = follow(s.tries, out.result.Diff(), want)
	}
	return l, landing, want, err
}

func generatedJob(w *workload.Workload, i int, name string, pre gpuevm.StateView) *bench.Job {
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

func printRun(s *settings, w *workload.Workload, seed int64, done int, lines []*report.Line) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(s.table, "workload %s (%s), seed %d; %s\n\n", w.Name, workload.Describe(w.Name), seed, s)
	if len(lines) > 1 {
		report.Blocks(s.table, lines)
	}
	report.Summary(s.table, lines)
	last := lines[len(lines)-1]
	if blocks := len(w.Blocks) - done; len(lines) < blocks {
		fmt.Fprintf(s.table, "  ended after %d of %d blocks\n", len(lines), blocks)
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
