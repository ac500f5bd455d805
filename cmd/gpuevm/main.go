// Command gpuevm runs Ethereum blocks in waves and shows that the outcome is that of
// running them serially.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"
)

// Exit codes.
const (
	exitFailed      = 1 // a block differs, could not be loaded or was refused
	exitUsage       = 2
	exitInterrupted = 130 // as a shell has it
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	os.Exit(execute(ctx, os.Args, os.Stdout, os.Stderr))
}

// execute runs a command line and returns its exit code.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	err := newApp(args[0], stdout, stderr).RunContext(ctx, args)
	var usage usageError
	var coded cli.ExitCoder
	switch {
	case err == nil:
		return 0
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "gpuevm: interrupted")
		return exitInterrupted
	case errors.As(err, &usage):
		fmt.Fprintln(stderr, "gpuevm:", oneLine(err))
		return exitUsage
	case errors.As(err, &coded):
		fmt.Fprintln(stderr, "gpuevm:", err)
		return coded.ExitCode()
	}
	fmt.Fprintln(stderr, "gpuevm:", err)
	return exitFailed
}

func newApp(arg0 string, stdout, stderr io.Writer) *cli.App {
	app := &cli.App{
		Name:  "gpuevm",
		Usage: "run Ethereum blocks in waves, exactly as if their transactions ran one after another",
		Description: "Without a GPU everything runs on this machine's cores. Start with `gpuevm run`, which needs\n" +
			"no data: it makes a block, runs it in waves and serially, and compares.",
		Version:        version(),
		HideVersion:    false,
		Writer:         stdout,
		ErrWriter:      stderr,
		Commands:       []*cli.Command{runCommand, replayCommand, dbCommand, benchCommand, stateTestCommand, blockTestCommand, compileCommand, ilpCommand, devicesCommand, versionCommand},
		Action:         noCommand,
		OnUsageError:   badUsage,
		ExitErrHandler: func(*cli.Context, error) {}, // execute knows the codes
	}
	// Drivers of go-ethereum's evm ask it for its name.
	if strings.TrimSuffix(filepath.Base(arg0), ".exe") == "evm" {
		app.Name = "evm"
	}
	for _, c := range app.Commands {
		c.OnUsageError = badUsage
	}
	return app
}

func noCommand(ctx *cli.Context) error {
	if ctx.NArg() > 0 {
		return usagef("no command %q; `gpuevm help` lists them", ctx.Args().First())
	}
	return cli.ShowAppHelp(ctx)
}

// usageError is a command line that can't be run.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func badUsage(_ *cli.Context, err error, _ bool) error { return usageError{err} }

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
