package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"
)

const release = "0.1.0-dev"

// commit is set by the linker (see Makefile); a plain `go build` has it in its build info.
var commit string

var versionCommand = &cli.Command{
	Name:  "version",
	Usage: "print the version, and of what it is built",
	Description: "The first line is NAME version VERSION, where NAME is what the binary is called: gpuevm,\n" +
		"or evm for drivers that look for go-ethereum's.",
	Action: func(ctx *cli.Context) error {
		fmt.Fprintf(ctx.App.Writer, "%s version %s\n", ctx.App.Name, version())
		fmt.Fprintf(ctx.App.Writer, "go-ethereum %s\n", gethVersion())
		fmt.Fprintf(ctx.App.Writer, "%s %s/%s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return nil
	},
}

func version() string {
	c := commit
	if info, ok := debug.ReadBuildInfo(); ok && c == "" {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				c = s.Value[:min(8, len(s.Value))]
			}
		}
	}
	if c == "" {
		return release
	}
	return release + "-" + c
}

func gethVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == "github.com/ethereum/go-ethereum" {
				return m.Version
			}
		}
	}
	return "unknown"
}
