package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ethereum/go-ethereum/crypto"
	"github.com/gpuevm/gpuevm/bench/source"
	"github.com/gpuevm/gpuevm/gpuevm/compiler"
	"github.com/gpuevm/gpuevm/gpuevm/opcode"
	"github.com/urfave/cli/v2"
)

var compileCommand = &cli.Command{
	Name:      "compile",
	Usage:     "compile a contract and write down every stage",
	ArgsUsage: "FILE | HEX | --codehash HASH [--codes FILE]",
	Description: "Turns a contract's code into SSA, runs the passes and the schedule, writes every stage to a folder\n" +
		"and prints what each pass did. A code that is over a limit of the compiler is not compiled: that is\n" +
		"said, with the reason, and is no error, since the interpreter runs it. What can't be read is: exit\n" +
		"code 2.\n\n" +
		"   gpuevm compile -o out 0x6001600201600055\n" +
		"   gpuevm compile -o out --fork London contract.hex\n" +
		"   gpuevm compile -o out --codes blocks/codes.bin.gz --codehash 0xd0a06b12...\n\n" +
		"The folder then has\n" + stageList(),
	Action: runCompile,
	Flags: []cli.Flag{
		&cli.StringFlag{Name: "o", Usage: "`FOLDER` to write to; it is made where it is not there"},
		&cli.StringFlag{Name: "codehash", Usage: "`HASH` (keccak256) of a code in --codes"},
		&cli.StringFlag{Name: "codes", Value: source.CodesFile, Usage: "code table `FILE` that --codehash is looked up in"},
		&cli.StringFlag{Name: "arch", Value: "sm_90", Usage: "GPU `ARCHITECTURE` of PTX and machine code: sm_80, sm_90 and others that NVRTC knows"},
		forkFlag,
	},
}

var architecture = regexp.MustCompile(`^sm_[0-9]{2,3}a?$`)

func runCompile(ctx *cli.Context) error {
	fork, err := forkOf(ctx)
	if err != nil {
		return err
	}
	code, err := codeToCompile(ctx)
	if err != nil {
		return err
	}
	dir, arch := ctx.String("o"), ctx.String("arch")
	if !architecture.MatchString(arch) {
		return usagef("--arch %q: it is a GPU's architecture, as sm_90", arch)
	}
	if dir == "" {
		return usagef("where to? -o FOLDER")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	c := &compilation{namedCode: code, fork: fork, dir: dir, arch: arch}
	fmt.Fprintf(ctx.App.Writer, "%s: %d bytes, keccak256 %s, %s\n", code.name, len(code.code), crypto.Keccak256Hash(code.code), fork)
	if err := c.run(); err != nil {
		return err
	}
	return c.print(ctx.App.Writer)
}

func codeToCompile(ctx *cli.Context) (namedCode, error) {
	hash := ctx.String("codehash")
	switch {
	case ctx.NArg() > 1 && strings.HasPrefix(ctx.Args().Get(1), "-"):
		return namedCode{}, usagef("%s: flags come before the code", ctx.Args().Get(1))
	case hash != "" && ctx.NArg() > 0, ctx.NArg() > 1:
		return namedCode{}, usagef("one code at a time: a FILE, HEX or --codehash")
	case hash != "":
		return codeByHash(hash, ctx.String("codes"))
	case ctx.NArg() == 0:
		return namedCode{}, usagef("nothing to compile: give a FILE, HEX or --codehash")
	}
	return readCode(ctx.Args().First())
}

// compilation is a code on its way through the compiler.
type compilation struct {
	namedCode
	fork    opcode.Revision
	dir     string
	arch    string // of a GPU
	passes  []passRun
	f       *compiler.Func
	refused *compiler.Ineligible
	files   int
	text    string // in CUDA C
	ptx     bool   // there is PTX
	times   []timed
	lacking []string // files that could not be made
}

// passRun is what a pass did.
type passRun struct {
	name          string
	found         int // what it counts
	blocks, words int // values and parameters, after it
	took          time.Duration
}

func (c *compilation) run() error {
	var failed error
	mark := time.Now()
	watch := func(stage string, f *compiler.Func) {
		run := passRun{name: stage, found: f.Notes.Counts[stage], took: time.Since(mark), blocks: len(f.Blocks)}
		for _, b := range f.Blocks {
			run.words += len(b.Values) + len(b.Params)
		}
		c.passes = append(c.passes, run)
		failed = firstError(failed, c.afterPass(stage, f))
		mark = time.Now()
	}
	f, err := compiler.Compile(c.code, compiler.Options{Revision: c.fork, Watch: watch})
	if errors.As(err, &c.refused) {
		return c.write("ineligible.txt", c.refused.Error()+"\n")
	}
	if err = firstError(err, failed); err != nil {
		return err
	}
	c.f = f
	for _, s := range stages {
		if err := s.write(c); err != nil {
			return fmt.Errorf("%s: %w", s.files, err)
		}
	}
	return nil
}

// print tells what became of the code.
func (c *compilation) print(w io.Writer) error {
	if c.refused != nil {
		fmt.Fprintf(w, "not compiled, the interpreter runs it: %s\n", c.refused)
		return nil
	}
	fmt.Fprint(w, "eligible\n\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "pass\tfound\tblocks\tvalues before\tafter\tms\t")
	before, total := 0, time.Duration(0)
	for i, p := range c.passes {
		found, was := fmt.Sprint(p.found), fmt.Sprint(before)
		if i == 0 {
			found, was = "-", "-"
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%d\t%.2f\t\n", p.name, found, p.blocks, was, p.words, ms(p.took))
		before, total = p.words, total+p.took
	}
	fmt.Fprintf(t, "all\t\t\t\t\t%.2f\t\n", ms(total))
	if err := t.Flush(); err != nil {
		return err
	}
	n, m := &c.f.Notes, c.f.MeasureILP().Whole
	fmt.Fprintf(w, "\n%d basic blocks at %d positions; %d of %d jumps may go where only the interpreter follows; %d blocks leave to it\n",
		n.Blocks, n.Places, n.OpenJumps, n.Jumps, n.Leaves)
	fmt.Fprintf(w, "cycles, each block once: stack form %d (span %d), SSA %d (span %d), scheduled %d, in program order %d\n",
		m.Stack.Work, m.Stack.Span, m.SSA.Work, m.SSA.Span, m.Budget.Span, m.Program.Span)
	for _, t := range c.times {
		fmt.Fprintf(w, "%s: %.2f s\n", t.what, t.took.Seconds())
	}
	for _, l := range c.lacking {
		fmt.Fprintln(w, l)
	}
	fmt.Fprintf(w, "%d files in %s\n", c.files, c.dir)
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
