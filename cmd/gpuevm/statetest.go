package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/gpuevm/gpuevm/bench/spectest"
	"github.com/gpuevm/gpuevm/gpuevm/enginetest/specfile"
	"github.com/urfave/cli/v2"
)

var stateTestCommand = &cli.Command{
	Name:      "statetest",
	Usage:     "run state tests (ethereum/tests, execution-spec-tests) through our engine",
	ArgsUsage: "PATH...  (files, folders, .tar.gz archives; without any, names of them on standard input)",
	Action:    runStateTests,
	Flags: slices.Concat([]cli.Flag{
		&cli.BoolFlag{Name: "bench", Usage: "measure each test"},
		&cli.StringFlag{Name: "statetest.fork", Usage: "run tests of this fork only"},
		&cli.IntFlag{Name: "statetest.index", Value: -1, Usage: "run the subtest with this index only"},
	}, specFlags, specTraceFlags),
}

func runStateTests(ctx *cli.Context) error {
	r, err := openSpecRun(ctx)
	if err != nil {
		return err
	}
	tracer, err := specTracer(ctx)
	if err != nil {
		return err
	}
	r.Fork, r.Index = ctx.String("statetest.fork"), ctx.Int("statetest.index")
	bench, dump, roots := ctx.Bool("bench"), ctx.Bool("dump"), !manyFiles(ctx.Args().Slice())
	if bench || tracer != nil {
		r.Threads = 1
	}
	r.AfterState = func(t *specfile.StateTest, s specfile.Subtest, out *spectest.StateOutcome, res *spectest.Result) {
		if err := traceState(t, s, tracer); err != nil && res.Pass {
			res.Pass, res.Error = false, err.Error()
		}
		if out == nil {
			return
		}
		if roots {
			fmt.Fprintf(os.Stderr, "{\"stateRoot\": \"%#x\"}\n", out.Root)
		}
		if dump {
			res.State = dumpOutcome(out)
		}
		if bench {
			res.Stats = benchState(r.Runner, t, s, out)
		}
	}
	return r.run(ctx, spectest.StateTests)
}

// manyFiles tells a large run from that of a driver that reads state roots off stderr.
func manyFiles(paths []string) bool {
	if len(paths) > 1 {
		return true
	}
	for _, p := range paths {
		if info, err := os.Stat(p); err == nil && (info.IsDir() || specfile.IsArchive(p)) {
			return true
		}
	}
	return false
}

func traceState(t *specfile.StateTest, s specfile.Subtest, tracer *tracing.Hooks) error {
	if tracer == nil {
		return nil
	}
	return spectest.TraceState(t, s, tracer)
}

func dumpOutcome(out *spectest.StateOutcome) *state.Dump {
	after, err := out.State.Commit()
	if err != nil {
		return nil
	}
	db, err := state.New(after.ViewRoot(), after.Database())
	if err != nil {
		return nil
	}
	return specDump(db)
}

func benchState(r *spectest.Runner, t *specfile.StateTest, s specfile.Subtest, out *spectest.StateOutcome) *spectest.BenchStats {
	testing.Init()
	b := testing.Benchmark(func(b *testing.B) {
		for range b.N {
			_, _ = spectest.RunState(context.Background(), r.Engine, t, s) // judged before
		}
	})
	return &spectest.BenchStats{Time: b.NsPerOp(), Allocs: b.AllocsPerOp(), BytesAllocated: b.AllocedBytesPerOp(), GasUsed: out.GasUsed}
}
