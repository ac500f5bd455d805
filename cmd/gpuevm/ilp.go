package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/log"
	"github.com/gpuevm/gpuevm/bench/ilp"
	"github.com/gpuevm/gpuevm/bench/report"
	"github.com/gpuevm/gpuevm/bench/source"
	"github.com/gpuevm/gpuevm/gpuevm/compiler"
	"github.com/urfave/cli/v2"
)

var ilpCommand = &cli.Command{
	Name:      "ilp",
	Usage:     "report how much of contracts could run side by side",
	ArgsUsage: "HEX | FILE | BLOCK ...",
	Description: "Measures the instruction-level parallelism of contracts: work over the longest chain of\n" +
		"dependences, of the stack code as it stands, of the compiler's SSA, and of SSA as one thread runs it\n" +
		"with few registers; and where the time of the longest chain goes. Of codes each basic block counts\n" +
		"once, of real blocks as often as their transactions ran it: they are executed with go-ethereum's EVM.\n" +
		"The figures are sums of latencies, the same on every machine. Ctrl-C ends it with what was done.\n\n" +
		"   gpuevm ilp 0x6001600201600055\n" +
		"   gpuevm ilp contract.hex\n" +
		"   gpuevm ilp blocks/codes.bin.gz                # every code of the table\n" +
		"   gpuevm ilp --html ilp.html blocks/            # what real blocks run, with plots\n" +
		"   gpuevm ilp --json - blocks/mainnet-19932148.json.gz > ilp.json",
	Action: runILP,
	Flags: []cli.Flag{
		&cli.StringFlag{Name: "json", Usage: "also write JSON to `FILE`; -: to standard output, and the table to standard error"},
		&cli.StringFlag{Name: "html", Usage: "also write a page with plots to `FILE`; it needs nothing else"},
		&cli.IntFlag{Name: "registers", Value: compiler.RegisterWords, Usage: "words of 256 bits that a thread holds in registers"},
		&cli.IntFlag{Name: "blocks", Value: 20, Usage: "basic blocks of each code to list in JSON, the heaviest; 0: all"},
		&cli.IntFlag{Name: "graphs", Value: 12, Usage: "basic blocks to draw in the page, at most"},
		&cli.IntFlag{Name: "top", Value: 20, Usage: "codes to list in the table"},
		&cli.IntFlag{Name: "threads", Usage: "threads that compile and execute; 0: all cores"},
		forkFlag,
	},
}

// ilpInputs is what there is to look at.
type ilpInputs struct {
	codes  []ilp.Input
	blocks []string
}

func runILP(ctx *cli.Context) (err error) {
	fork, err := forkOf(ctx)
	if err != nil {
		return err
	}
	if err := checkILPFlags(ctx); err != nil {
		return err
	}
	in, err := ilpArguments(ctx.Args().Slice())
	if err != nil {
		return err
	}
	set, err := source.Open(in.blocks...)
	if err != nil {
		return usageError{err}
	}
	out, err := openILPOutputs(ctx)
	if err != nil {
		return err
	}
	defer func() { err = firstError(err, out.close()) }()
	log.SetDefault(log.NewLogger(log.NewTerminalHandlerWithLevel(ctx.App.ErrWriter, log.LevelWarn, false)))
	progress := newILPProgress(ctx.App.ErrWriter)
	study := ilp.NewStudy(ilp.Options{Registers: ctx.Int("registers"), Heaviest: ctx.Int("blocks"), Graphs: ctx.Int("graphs"),
		Threads: cmp.Or(ctx.Int("threads"), runtime.GOMAXPROCS(0)), Progress: progress.done})
	if set.Len() > 0 {
		err = study.Blocks(ctx.Context, set)
	}
	if err == nil && len(in.codes) > 0 {
		err = study.Codes(ctx.Context, in.codes, fork)
	}
	progress.end()
	return tellILP(study, out, ctx.Int("top"), err)
}

func checkILPFlags(ctx *cli.Context) error {
	for name, least := range map[string]int{"registers": 1, "blocks": 0, "graphs": 0, "top": 0, "threads": 0} {
		if n := ctx.Int(name); n < least || n > 1<<20 {
			return usagef("--%s %d: it is %d to %d", name, n, least, 1<<20)
		}
	}
	return nil
}

// tellILP writes the report, also where the study was interrupted.
func tellILP(study *ilp.Study, out *ilpOutputs, top int, err error) error {
	interrupted := errors.Is(err, context.Canceled)
	if err != nil && !interrupted {
		return err
	}
	r, reportErr := study.Report()
	if reportErr != nil {
		return reportErr
	}
	if interrupted {
		r.Incomplete = "interrupted: what was done until then"
	}
	if err := out.write(r, top); err != nil {
		return err
	}
	if failed := r.Failed(); failed != nil && !interrupted {
		return cli.Exit(failed.Error(), exitFailed)
	}
	return err
}

// ilpArguments tells blocks from codes.
func ilpArguments(args []string) (in ilpInputs, err error) {
	for _, arg := range args {
		info, statErr := os.Stat(arg)
		switch {
		case strings.HasPrefix(arg, "-"):
			return in, usagef("%s: flags come before codes and blocks", arg)
		case statErr == nil && (info.IsDir() || namedLikeBlock(arg)):
			in.blocks = append(in.blocks, arg)
		case statErr == nil && strings.HasSuffix(arg, ".bin.gz"):
			codes, err := source.ReadCodes(arg)
			if err != nil {
				return in, usageError{err}
			}
			for _, code := range codes {
				in.codes = append(in.codes, ilp.Input{Code: code})
			}
		case statErr != nil && namedLikeBlock(arg):
			return in, usageError{statErr}
		default:
			code, err := readCode(arg)
			if err != nil {
				return in, err
			}
			in.codes = append(in.codes, ilp.Input{Name: code.name, Code: code.code})
		}
	}
	if len(args) == 0 {
		err = usagef("nothing to look at: give codes (HEX, FILE, codes.bin.gz) or blocks (files, folders)")
	}
	return in, err
}

func namedLikeBlock(path string) bool {
	name := filepath.Base(path)
	return strings.HasSuffix(name, ".json.gz") || strings.HasSuffix(name, "_payload.rlp") || strings.HasSuffix(name, "_payload.hex")
}

// ilpOutputs are opened before the work begins: a path that can't be written is known then.
type ilpOutputs struct {
	table      io.Writer
	json, html *os.File
	stdout     io.Writer // for JSON, where it goes there
}

func openILPOutputs(ctx *cli.Context) (*ilpOutputs, error) {
	o := &ilpOutputs{table: ctx.App.Writer}
	var err error
	if path := ctx.String("json"); path == "-" {
		o.stdout, o.table = ctx.App.Writer, ctx.App.ErrWriter
	} else if path != "" {
		if o.json, err = os.Create(path); err != nil {
			return nil, fmt.Errorf("--json: %w", err)
		}
	}
	if path := ctx.String("html"); path != "" {
		if o.html, err = os.Create(path); err != nil {
			return nil, firstError(fmt.Errorf("--html: %w", err), o.close())
		}
	}
	return o, nil
}

func (o *ilpOutputs) write(r *ilp.Report, top int) error {
	err := r.Print(o.table, top)
	if o.stdout != nil {
		err = firstError(err, r.WriteJSON(o.stdout))
	}
	if o.json != nil {
		err = firstError(err, r.WriteJSON(o.json))
	}
	if o.html != nil {
		err = firstError(err, r.WriteHTML(o.html))
	}
	return firstError(err, o.close())
}

func (o *ilpOutputs) close() error {
	var err error
	for _, f := range []**os.File{&o.json, &o.html} {
		if *f != nil {
			err = firstError(err, (*f).Close())
			*f = nil
		}
	}
	return err
}

// ilpProgress tells whoever waits how far it is: on a terminal all the time, else now and
// then.
type ilpProgress struct {
	w    io.Writer
	bar  bool
	next time.Time
}

const ilpPatience = 5 * time.Second

func newILPProgress(w io.Writer) *ilpProgress {
	return &ilpProgress{w, report.IsTerminal(w), time.Now().Add(ilpPatience)}
}

func (p *ilpProgress) done(done, total int, what string) {
	switch now := time.Now(); {
	case p.bar:
		fmt.Fprintf(p.w, "\r\x1b[K%d/%d  %s", done, total, what)
	case now.After(p.next):
		fmt.Fprintf(p.w, "%d/%d  %s\n", done, total, what)
		p.next = now.Add(ilpPatience)
	}
}

func (p *ilpProgress) end() {
	if p.bar {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
