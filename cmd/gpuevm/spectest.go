package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/eth/tracers/logger"
	"github.com/gpuevm/gpuevm/bench/spectest"
	"github.com/gpuevm/gpuevm/gpuevm/enginetest/specfile"
	"github.com/urfave/cli/v2"
)

// What statetest and blocktest have in common: the flags, the output and the exit codes
// of go-ethereum's evm, so that what drives that (execution-spec-tests' consume direct,
// fuzzers) drives this. As there, a failed test is in the output and the exit code is 0;
// 1 says that a test could not be run. --strict and --known, which evm lacks, also make
// it 1 where a test fails that is not listed.
var (
	specRunFlag    = &cli.StringFlag{Name: "run", Value: ".*", Usage: "run only those tests matching the regular expression"}
	specHumanFlag  = &cli.BoolFlag{Name: "human", Usage: "output for people"}
	specDumpFlag   = &cli.BoolFlag{Name: "dump", Usage: "dump the state after the run"}
	specKnownFlag  = &cli.StringFlag{Name: "known", Usage: "tab-separated `FILE` of tests that are expected to fail; implies --strict"}
	specStrictFlag = &cli.BoolFlag{Name: "strict", Usage: "exit with code 1 where a test fails that is not listed"}
	specDeviceFlag = &cli.StringFlag{Name: "device", Value: "auto", Usage: deviceUsage}
	specEveryFlag  = &cli.IntFlag{Name: "every", Value: 1, Usage: "run every `N`-th file of those found"}
	specThreads    = &cli.IntFlag{Name: "threads", Usage: "cores to use; 0: all"}
)

var specFlags = slices.Concat([]cli.Flag{specRunFlag, specHumanFlag, specDumpFlag, specKnownFlag, specStrictFlag, specDeviceFlag, strictFlag, specEveryFlag, specThreads}, tierFlags)

// specTraceFlags are evm's, old ones included. A traced test runs in go-ethereum's own
// processor: ours can't be watched.
var specTraceFlags = []cli.Flag{
	&cli.BoolFlag{Name: "trace", Usage: "trace go-ethereum's execution of the test to stderr"},
	&cli.StringFlag{Name: "trace.format", Value: "json", Usage: "json, struct or md"},
	&cli.BoolFlag{Name: "trace.nomemory", Aliases: []string{"nomemory"}, Value: true, Usage: "leave memory out"},
	&cli.BoolFlag{Name: "trace.nostack", Aliases: []string{"nostack"}, Usage: "leave the stack out"},
	&cli.BoolFlag{Name: "trace.nostorage", Aliases: []string{"nostorage"}, Usage: "leave storage out"},
	&cli.BoolFlag{Name: "trace.noreturndata", Aliases: []string{"noreturndata"}, Value: true, Usage: "leave return data out"},
	&cli.BoolFlag{Name: "debug", Hidden: true},
	&cli.BoolFlag{Name: "json", Hidden: true},
}

func specTracer(ctx *cli.Context) (*tracing.Hooks, error) {
	config := &logger.Config{
		EnableMemory:     !ctx.Bool("trace.nomemory"),
		DisableStack:     ctx.Bool("trace.nostack"),
		DisableStorage:   ctx.Bool("trace.nostorage"),
		EnableReturnData: !ctx.Bool("trace.noreturndata"),
	}
	format := ""
	switch {
	case ctx.Bool("trace"):
		format = ctx.String("trace.format")
	case ctx.Bool("json"):
		format = "json"
	case ctx.Bool("debug"):
		format = "struct"
	}
	switch format {
	case "":
		return nil, nil
	case "json":
		return logger.NewJSONLogger(config, os.Stderr), nil
	case "struct":
		return logger.NewStreamingStructLogger(config, os.Stderr).Hooks(), nil
	case "md", "markdown":
		return logger.NewMarkdownLogger(config, os.Stderr).Hooks(), nil
	}
	return nil, fmt.Errorf("unknown trace format: %q", format)
}

// specRun is a runner with its device.
type specRun struct {
	*spectest.Runner
	*executor
}

// openSpecRun is a runner as the flags say.
func openSpecRun(ctx *cli.Context) (*specRun, error) {
	re, err := regexp.Compile(ctx.String("run"))
	if err != nil {
		return nil, fmt.Errorf("invalid regex --run: %v", err)
	}
	x, err := specDevice(ctx)
	if err != nil {
		return nil, err
	}
	r := &specRun{executor: x, Runner: &spectest.Runner{Engine: x.engine, Threads: ctx.Int("threads"), Run: re, Index: -1}}
	r.Every = ctx.Int("every")
	r.Blocks.Processor = x.options(ctx.Int("threads"))
	if file := ctx.String("known"); file != "" {
		if r.Known, err = specfile.ReadDeviations(file); err != nil {
			return nil, firstError(err, x.close())
		}
	}
	if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		r.Progress = func(s *spectest.Summary) {
			fmt.Fprintf(os.Stderr, "\r%d files, %d tests, %d failed ", s.Files, s.Tests, s.Failed)
		}
	}
	return r, nil
}

// specDevice opens the device. Drivers of evm read standard error, so that nothing is said
// of a GPU that nobody asked for and that is not there.
func specDevice(ctx *cli.Context) (*executor, error) {
	c, err := choiceOf(ctx)
	if err != nil {
		return nil, err
	}
	x, err := openExecutor(c, os.Stderr)
	if err == nil && (x.device != nil || c.name != "auto") {
		x.announce()
	}
	return x, err
}

// run runs the tests at the paths given as arguments or, as evm does where there are none,
// at those read from standard input, with a report after each.
func (r *specRun) run(ctx *cli.Context, format spectest.Format) (err error) {
	defer func() { err = firstError(err, r.close()) }()
	if ctx.NArg() > 0 {
		return r.paths(ctx, format, ctx.Args().Slice()...)
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan() && lines.Text() != ""; {
		if err := r.paths(ctx, format, lines.Text()); err != nil {
			return err
		}
	}
	return nil
}

func (r *specRun) paths(ctx *cli.Context, format spectest.Format, paths ...string) error {
	sum, err := r.Paths(ctx.Context, format, paths...)
	if r.Progress != nil {
		fmt.Fprintln(os.Stderr)
	}
	if err != nil {
		return err
	}
	if !ctx.Bool("fuzz") {
		specReport(os.Stdout, ctx.Bool("human"), sum.Results)
	}
	specDeviations(os.Stderr, sum)
	if strict := ctx.Bool("strict") || r.Known != nil; strict && sum.Failed > 0 {
		return fmt.Errorf("%d of %d tests failed", sum.Failed, sum.Tests)
	}
	return nil
}

// specReport prints results as evm does.
func specReport(w io.Writer, human bool, results []spectest.Result) {
	if !human {
		if results == nil {
			results = []spectest.Result{}
		}
		out, _ := json.MarshalIndent(results, "", "  ")
		fmt.Fprintln(w, string(out))
		return
	}
	pass := 0
	for i := range results {
		fmt.Fprintln(w, &results[i])
		if results[i].State != nil {
			dump, _ := json.MarshalIndent(results[i].State, "", "  ")
			fmt.Fprintln(w, string(dump))
		}
		if results[i].Pass {
			pass++
		}
	}
	fmt.Fprintf(w, "--\n%d tests passed, %d tests failed.\n", pass, len(results)-pass)
}

// specDeviations names the listed tests, and says what the run came to.
func specDeviations(w io.Writer, sum *spectest.Summary) {
	for i := range sum.Results {
		r := &sum.Results[i]
		switch {
		case r.Known == nil:
		case r.Pass:
			fmt.Fprintf(w, "listed as a deviation, but passes: %s\n", strings.ReplaceAll(r.ID(), "\t", " "))
		default:
			fmt.Fprintf(w, "known deviation: %s: %s\n", strings.ReplaceAll(r.ID(), "\t", " "), r.Known.Reason)
		}
	}
	fmt.Fprintln(w, sum)
}

func specDump(db *state.StateDB) *state.Dump {
	d := db.RawDump(nil)
	return &d
}
