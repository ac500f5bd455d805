package main

import (
	"github.com/gpuevm/gpuevm/gpuevm/device"
	"github.com/urfave/cli/v2"
)

// tierFlags say when a device runs contracts compiled.
var tierFlags = []cli.Flag{
	&cli.StringFlag{Name: "compile", Value: "never", Usage: "which contracts the device runs compiled: never, auto (those that run often) or always (all)"},
	&cli.IntFlag{Name: "compile-after", Value: 32, Usage: "with --compile auto: how often a code runs before it is compiled"},
	&cli.BoolFlag{Name: "compile-wait", Usage: "wait until what is to be compiled is: for tests and benchmarks"},
}

// tiersOf are the flags, checked.
func tiersOf(ctx *cli.Context) (device.Compile, error) {
	modes := map[string]device.CompileMode{"never": device.CompileNever, "auto": device.CompileAuto, "always": device.CompileAlways}
	name := ctx.String("compile")
	mode, ok := modes[name]
	c := device.Compile{Mode: mode, After: ctx.Int("compile-after"), Wait: ctx.Bool("compile-wait")}
	switch {
	case !ok:
		return c, usagef("--compile %q: it is never, auto or always", name)
	case c.After < 1:
		return c, usagef("--compile-after %d: it is 1 or more", c.After)
	case mode == device.CompileNever && c.Wait:
		return c, usagef("--compile-wait: nothing is compiled without --compile auto or --compile always")
	case mode != device.CompileAuto && ctx.IsSet("compile-after"):
		return c, usagef("--compile-after is of --compile auto, and it is %s", name)
	case mode != device.CompileNever && ctx.String("device") == "go":
		return c, usagef("--compile %s with --device go: only a device runs compiled contracts", name)
	}
	return c, nil
}
