package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gpuevm/gpuevm/bench"
	"github.com/urfave/cli/v2"
)

// benchWorkloads are run through the engine alone, and as whole blocks.
var benchWorkloads = []string{"erc20", "swap", "transfer", "nft", "mixed"}

var benchCommand = &cli.Command{
	Name:  "bench",
	Usage: "measure a device against this machine's cores",
	Description: "Runs each piece of work on the device and on this machine's cores in turns, compares what they\n" +
		"make, and prints medians. For a device's kernels the time of the kernels alone is given too.\n" +
		"The device gets everything and must not fail, as with --strict-gpu.\n\n" +
		"   erc20, swap, transfer, nft, mixed   a block's transactions as one batch, through the engine alone\n" +
		"   keccak, recover, multiply           hashes, signers' addresses, 256-bit products, through the kernel alone\n" +
		"   blocks                              whole blocks of those transactions, in waves\n\n" +
		"   gpuevm bench --device cuda --strict-gpu --json bench.jsonl\n" +
		"   gpuevm bench --device host --workload erc20,recover --mgas 100",
	Action: runBench,
	Flags: slices.Concat([]cli.Flag{
		&cli.StringFlag{Name: "workload", Value: strings.Join(benchNames(), ","), Usage: "what to measure, with commas"},
		&cli.Float64Flag{Name: "mgas", Value: 1000, Usage: "size of the blocks, in millions of gas"},
		&cli.IntFlag{Name: "rounds", Value: 5, Usage: "how often each side does a piece of work, after once to warm up"},
	}, slices.DeleteFunc(slices.Clone(commonFlags), func(f cli.Flag) bool { return f.Names()[0] == "policy" })),
}

func benchNames() []string {
	return append(slices.Clone(benchWorkloads), "keccak", "recover", "multiply", "blocks")
}

func runBench(ctx *cli.Context) (err error) {
	names, err := checkBenchFlags(ctx)
	if err != nil {
		return err
	}
	if ctx.String("device") == "go" {
		return cli.Exit("there is no device to measure: name one with --device", exitFailed)
	}
	if err := ctx.Set("strict-gpu", "true"); err != nil { // the CPU engine must not help out
		return err
	}
	s, err := openSettings(ctx)
	if err != nil {
		return err
	}
	defer func() { err = firstError(err, s.close()) }()
	b := &benchRun{settings: s, mgas: ctx.Float64("mgas"), rounds: ctx.Int("rounds")}
	fmt.Fprintf(s.table, "device %s against go, %d threads; %d rounds after one to warm up, in turns; medians\n", s.name, s.threads, b.rounds)
	for _, name := range names {
		if err := b.run(ctx.Context, name); err != nil {
			return err
		}
	}
	return nil
}

func checkBenchFlags(ctx *cli.Context) ([]string, error) {
	if ctx.NArg() > 0 {
		return nil, usagef("bench takes no arguments, only flags: %q", ctx.Args().First())
	}
	names := strings.Split(ctx.String("workload"), ",")
	for _, name := range names {
		if !slices.Contains(benchNames(), name) {
			return nil, usagef("--workload %q: it is one or more of %s, with commas", name, strings.Join(benchNames(), ", "))
		}
	}
	if n := ctx.Int("rounds"); n < 1 {
		return nil, usagef("--rounds %d: it is 1 or more", n)
	}
	if m := ctx.Float64("mgas"); m < 0.1 || m > 1e5 {
		return nil, usagef("--mgas %v: it is 0.1 to 100000", m)
	}
	return names, nil
}

type benchRun struct {
	*settings
	mgas   float64
	rounds int
	last   *bench.Measured
}

// run measures one of benchNames.
func (b *benchRun) run(ctx context.Context, name string) error {
	switch name {
	case "keccak":
		for _, size := range []int{64, 532} { // a mapping's slot; a full branch node
			if err := b.show(bench.DuelKeccak(ctx, size, b.name, b.raw, b.threads, b.rounds)); err != nil {
				return err
			}
		}
		return nil
	case "recover":
		return b.show(bench.DuelRecover(ctx, b.name, b.raw, b.threads, b.rounds))
	case "multiply":
		return b.show(bench.DuelMultiply(ctx, b.name, b.raw, b.threads, b.rounds))
	case "blocks":
		for _, name := range benchWorkloads {
			if err := b.blocks(ctx, name); err != nil {
				return err
			}
		}
		return nil
	}
	job, err := await(ctx, func() (*bench.Job, error) { return bench.GeneratedJob(name, b.mgas) })
	if err != nil {
		return err
	}
	return b.show(bench.DuelEngines(ctx, job, b.name, b.device, fmt.Sprintf("go, %d threads", b.threads), b.cpu, b.rounds))
}

func (b *benchRun) blocks(ctx context.Context, name string) error {
	job, err := await(ctx, func() (*bench.Job, error) { return bench.GeneratedJob(name, b.mgas) })
	if err != nil {
		return err
	}
	ours := bench.ProcessorSide(b.name, b.executor.options(b.threads))
	return b.show(bench.DuelBlocks(ctx, name, []*bench.Job{job}, b.device, ours, bench.OurSide(b.cpu, b.threads), b.rounds))
}

// show prints a measurement, and writes it as a line of JSON.
func (b *benchRun) show(m *bench.Measured, err error) error {
	if err != nil {
		return err
	}
	m.Print(b.table, b.last)
	b.last = m
	if b.json == nil {
		return nil
	}
	raw, err := json.Marshal(m)
	if err == nil {
		_, err = b.json.Write(append(raw, '\n'))
	}
	return err
}
