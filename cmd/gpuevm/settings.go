package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"

	"github.com/ethereum/go-ethereum/log"
	"github.com/gpuevm/gpuevm/bench/report"
	"github.com/gpuevm/gpuevm/hostsched"
	"github.com/urfave/cli/v2"
)

// commonFlags are those of every command that runs blocks.
var commonFlags = slices.Concat([]cli.Flag{
	&cli.StringFlag{Name: "device", Value: "auto", Usage: deviceUsage},
	strictFlag,
}, tierFlags, []cli.Flag{
	&cli.StringFlag{Name: "policy", Value: "waves", Usage: "order of execution: waves or serial"},
	&cli.IntFlag{Name: "threads", Usage: "threads that execute and recover senders; 0: all cores. More than that may pay where the state is on a disk and not in memory"},
	&cli.StringFlag{Name: "json", Usage: "also write JSON, a line for each block, to `FILE`; -: to standard output, and the table to standard error"},
	&cli.StringFlag{Name: "cpuprofile", Usage: "write a CPU profile to `FILE`"},
	&cli.IntFlag{Name: "verbosity", Value: 2, Usage: "how much of go-ethereum's log is shown: 0 nothing, 1 errors, 2 warnings, 3 info, 4 debug, 5 all"},
})

var strictFlag = &cli.BoolFlag{Name: "strict-gpu", Usage: "not being able to use the device, or a fault of it, is an error"}

// settings are the common flags, checked and opened.
type settings struct {
	*executor
	policy  string
	threads int

	table  io.Writer
	json   io.Writer      // nil: none
	errs   io.Writer      // hides the executor's, which is the same
	closed []func() error // in order
}

func openSettings(ctx *cli.Context) (*settings, error) {
	s := &settings{policy: ctx.String("policy"), threads: ctx.Int("threads"), table: ctx.App.Writer, errs: ctx.App.ErrWriter}
	c, err := choiceOf(ctx)
	if err != nil {
		return nil, err
	}
	switch s.policy {
	case "waves", "": // bench has no policy
	case "serial":
		s.threads = 1
	default:
		return nil, usagef("--policy %q: it is waves or serial", s.policy)
	}
	if s.threads < 0 {
		return nil, usagef("--threads %d: it is 0 (all cores) or more", s.threads)
	}
	if v := ctx.Int("verbosity"); v < 0 || v > 5 {
		return nil, usagef("--verbosity %d: it is 0 to 5", v)
	}
	if s.threads == 0 {
		s.threads = runtime.GOMAXPROCS(0)
	}
	log.SetDefault(log.NewLogger(log.NewTerminalHandlerWithLevel(s.errs, log.FromLegacyLevel(ctx.Int("verbosity")), false)))
	if err := s.openFiles(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	c.threads = s.threads
	if s.executor, err = openExecutor(c, s.errs); err != nil {
		return nil, firstError(err, s.close())
	}
	s.announce()
	s.closed = append([]func() error{s.executor.close}, s.closed...)
	return s, nil
}

func (s *settings) openFiles(ctx *cli.Context) error {
	switch path := ctx.String("json"); path {
	case "":
	case "-":
		s.json, s.table = ctx.App.Writer, ctx.App.ErrWriter
	default:
		f, err := os.Create(path)
		if err != nil {
			return fmt.Errorf("--json: %w", err)
		}
		s.json, s.closed = f, append(s.closed, f.Close)
	}
	if path := ctx.String("cpuprofile"); path != "" {
		f, err := os.Create(path)
		if err != nil {
			return fmt.Errorf("--cpuprofile: %w", err)
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return errors.Join(fmt.Errorf("--cpuprofile: %w", err), f.Close())
		}
		s.closed = append(s.closed, func() error { pprof.StopCPUProfile(); return f.Close() })
	}
	return nil
}

// close ends what the flags began. It may be called again.
func (s *settings) close() error {
	var err error
	for _, c := range s.closed {
		err = firstError(err, c())
	}
	s.closed = nil
	return err
}

// processor is a processor that has seen nothing yet.
func (s *settings) processor() *hostsched.Processor {
	if s.policy == "serial" {
		o := hostsched.Serial(s.engine)
		o.Referee = s.cpu
		return hostsched.New(o)
	}
	return hostsched.New(s.executor.options(s.threads))
}

// line is a block's report before it ran.
func (s *settings) line(name string) *report.Line {
	return &report.Line{Block: name, Device: s.name, Policy: s.policy, Threads: s.threads}
}

func (s *settings) write(l *report.Line) error { return s.writeJSON(l) }

func (s *settings) writeJSON(l interface{ WriteJSON(io.Writer) error }) error {
	if s.json == nil {
		return nil
	}
	return l.WriteJSON(s.json)
}

func (s *settings) String() string {
	return fmt.Sprintf("device %s, policy %s, threads %d", s.name, s.policy, s.threads)
}
