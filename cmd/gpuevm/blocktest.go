package main

import (
	"os"
	"slices"

	"github.com/ethereum/go-ethereum/core/rawdb"
	"github.com/gpuevm/gpuevm/bench/spectest"
	"github.com/urfave/cli/v2"
)

var blockTestCommand = &cli.Command{
	Name:      "blocktest",
	Usage:     "run block tests (ethereum/tests, execution-spec-tests) through our processor in a go-ethereum chain",
	ArgsUsage: "PATH...  (files, folders, .tar.gz archives; without any, names of them on standard input)",
	Action:    runBlockTests,
	Flags: slices.Concat([]cli.Flag{
		&cli.BoolFlag{Name: "cross-check", Aliases: []string{"xc"}, Usage: "run go-ethereum's processor with a witness, and again from the witness"},
		&cli.BoolFlag{Name: "fuzz", Usage: "report after every test"},
	}, specFlags, specTraceFlags),
}

func runBlockTests(ctx *cli.Context) error {
	r, err := openSpecRun(ctx)
	if err != nil {
		return err
	}
	if r.Blocks.Tracer, err = specTracer(ctx); err != nil {
		return err
	}
	r.Blocks.Scheme = rawdb.PathScheme
	r.Blocks.CrossCheck = ctx.Bool("cross-check")
	dump, fuzz := ctx.Bool("dump"), ctx.Bool("fuzz")
	if fuzz || r.Blocks.Tracer != nil {
		r.Threads = 1
	}
	r.AfterBlocks = func(_ *spectest.BlockTest, out *spectest.BlockOutcome, res *spectest.Result) {
		if dump && out != nil && out.State != nil {
			res.State = specDump(out.State)
		}
		if fuzz {
			specReport(os.Stdout, ctx.Bool("human"), []spectest.Result{*res})
		}
	}
	return r.run(ctx, spectest.BlockTests)
}
