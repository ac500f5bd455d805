package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gpuevm/gpuevm/bench"
	"github.com/gpuevm/gpuevm/fallback"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/gpuevm/cuda"
	"github.com/gpuevm/gpuevm/gpuevm/device"
	"github.com/gpuevm/gpuevm/hostsched"
	"github.com/gpuevm/gpuevm/statedb/keccak"
	"github.com/urfave/cli/v2"
)

const deviceUsage = "what executes transactions: auto (a GPU where one can be used, else go), cuda, cuda:N, " +
	"host (the kernels, compiled for this machine's cores) or go (this machine's cores)"

// executor is what --device names, opened.
type executor struct {
	name   string        // for reports: "go", "host", "cuda:0"
	engine gpuevm.Engine // runs batches
	cpu    gpuevm.Engine // the referee, which also takes over
	device *device.Engine
	raw    cuda.Device    // the engine's
	twin   *device.Engine // of the host device: the referee
	says   string         // what was opened, or why not
	strict bool
	tiers  device.Compile
	hasher *bench.DeviceHasher // of trie nodes; nil: the CPU
	errs   io.Writer
	log    *slog.Logger
}

// choice is which device it is to be, and how.
type choice struct {
	name    string
	threads int
	strict  bool
	tiers   device.Compile
}

// choiceOf are the flags, checked.
func choiceOf(ctx *cli.Context) (*choice, error) {
	c := &choice{name: ctx.String("device"), threads: ctx.Int("threads"), strict: ctx.Bool("strict-gpu")}
	err := checkDevice(c.name, c.strict)
	if err == nil {
		c.tiers, err = tiersOf(ctx)
	}
	return c, err
}

// A wave goes to a device in pieces of so many transactions at most, so that the host packs
// one piece and commits another meanwhile.
const deviceBatch = 4096

// checkDevice says whether --device names something, whether or not it is there.
func checkDevice(name string, strict bool) error {
	switch name {
	case "auto", "cuda", "host":
		return nil
	case "go":
		if strict {
			return usagef("--strict-gpu with --device go: nothing there falls back")
		}
		return nil
	}
	if _, ok := gpuIndex(name); ok {
		return nil
	}
	return usagef("--device %q: it is auto, cuda, cuda:N, host or go; `gpuevm devices` lists what there is", name)
}

// gpuIndex is the N of "cuda:N".
func gpuIndex(name string) (int, bool) {
	digits, ok := strings.CutPrefix(name, "cuda:")
	n, err := strconv.ParseUint(digits, 10, 16)
	return int(n), ok && err == nil
}

// openExecutor opens a device. Where it can't be used the CPU engine stands in, unless
// strict.
func openExecutor(c *choice, errs io.Writer) (*executor, error) {
	name, cpu := c.name, fallback.New(c.threads)
	x := &executor{name: "go", engine: cpu, cpu: cpu, strict: c.strict, tiers: c.tiers, errs: errs}
	if name == "go" {
		return x, nil
	}
	first, err := x.open(name)
	switch {
	case err == nil:
		x.says = describe(x.raw.Info(), first)
	case c.strict:
		return nil, cli.Exit(fmt.Sprintf("--strict-gpu: %v", err), exitFailed)
	case c.tiers.Mode == device.CompileAlways:
		return nil, cli.Exit(fmt.Sprintf("--compile always: only a device runs compiled contracts: %v", err), exitFailed)
	case name == "auto":
		x.says = fmt.Sprintf("this machine's cores, for there is no GPU to use: %v", err)
	default:
		x.says = fmt.Sprintf("this machine's cores, for %s can't be used: %v", name, err)
	}
	return x, nil
}

// announce says in one line which device it is, or why it is not the one asked for.
func (x *executor) announce() {
	if x.says != "" {
		fmt.Fprintf(x.errs, "gpuevm: %s: %s\n", x.name, strings.ReplaceAll(x.says, "\n", "; "))
	}
}

// open opens the device and puts an engine on it.
func (x *executor) open(name string) (first time.Duration, err error) {
	label, dev, err := openDevice(name)
	if err != nil {
		return 0, err
	}
	return x.use(label, dev)
}

// use puts an engine on a device, if that can launch a kernel.
func (x *executor) use(label string, dev cuda.Device) (first time.Duration, err error) {
	x.log = slog.New(slog.NewTextHandler(x.errs, nil))
	if first, err = bench.FirstLaunch(dev); err == nil {
		x.device, err = device.New(dev, device.Options{
			CPU: x.cpu, Log: x.log, Reopen: func() (cuda.Device, error) { return cuda.Open(label) },
			Route:   dev.Info().Kind == "cuda" && !x.strict, // strict: all of it, to be measured
			Compile: x.tiers,
		})
	}
	if err == nil && dev.Info().Kind == "host" {
		err = x.openTwin(label)
	}
	if err != nil {
		x.device = nil
		return 0, errors.Join(fmt.Errorf("%s: %w", label, err), dev.Close())
	}
	x.name, x.engine, x.raw = label, x.device, dev
	return first, nil
}

// openTwin opens the device once more, for the referee.
func (x *executor) openTwin(label string) error {
	dev, err := cuda.Open(label)
	if err != nil {
		return err
	}
	if x.twin, err = x.device.Twin(dev); err != nil {
		x.twin = nil
		return errors.Join(err, dev.Close())
	}
	return nil
}

// openDevice opens a device: of GPUs where no number is given the first that lets itself be
// opened.
func openDevice(name string) (label string, dev cuda.Device, err error) {
	if name != "auto" && name != "cuda" {
		dev, err = cuda.Open(name)
		return name, dev, err
	}
	for _, found := range cuda.List() {
		if found.Name == "host" {
			continue
		}
		opened, failed := dev, found.Err
		if failed == nil {
			opened, failed = cuda.Open(found.Name)
		}
		if failed == nil {
			return found.Name, opened, nil
		}
		err = errors.Join(err, failed)
	}
	return name, nil, err
}

// describe is a device and how it came up, for a line.
func describe(info cuda.Info, first time.Duration) string {
	parts := []string{info.Name, info.Driver}
	if info.Kind == "cuda" {
		parts[1] = "driver " + info.Driver
	}
	if info.Capability != "" {
		parts = append(parts, "compute capability "+info.Capability)
	}
	var loading time.Duration
	var from []string
	for _, l := range info.Loaded {
		loading += l.Took
		if !slices.Contains(from, l.From) {
			from = append(from, l.From)
		}
	}
	return fmt.Sprintf("%s, %.1f GiB; opened in %s, kernels loaded in %s (%s), first launch %s", strings.Join(parts, ", "),
		float64(info.Memory)/(1<<30), millis(info.Startup), millis(loading), strings.Join(from, ", "), millis(first))
}

func millis(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1e3) }

// options are a processor's over the device.
func (x *executor) options(threads int) hostsched.Options {
	o := hostsched.Options{Engine: x.engine, Referee: x.cpu, Lanes: threads}
	if x.device == nil {
		return o
	}
	o.Batch, o.Log = deviceBatch, x.log
	// What does not stand is executed again one by one, which to a GPU would cost a launch each.
	// The referee needs a state table of its own: its views, at the first transaction not
	// committed, alternate with those of batches far ahead, and one table would have to follow
	// all that is pending between them to and fro (tried: blocks took up to six times as long).
	if x.twin != nil {
		o.Referee = x.twin
	}
	// On the same cores libsecp256k1 is quicker than the kernel; Go's own library is not.
	if x.raw.Info().Kind == "cuda" || !bench.Cgo {
		o.Recoverer = x.device
	}
	return o
}

// hasherOf is what --hasher names.
func (x *executor) hasherOf(name string) (keccak.Hasher, error) {
	cpu, err := hasherNamed(name)
	switch {
	case err != nil:
		return nil, err
	case name == "device" && x.device == nil:
		return nil, usagef("--hasher device: no device executes: %s", cmp.Or(x.says, "--device go"))
	case name == "device":
		x.hasher = bench.NewOnDevice(x.device, cpu)
	case name == "auto" && x.device != nil && x.raw.Info().Kind == "cuda":
		x.hasher = bench.NewDeviceHasher(x.device, cpu)
	default:
		return cpu, nil
	}
	return x.hasher, nil
}

// close says what became of the transactions and gives the device back. Under --strict-gpu
// a fault is an error now, though the CPU engine has made good for it.
func (x *executor) close() error {
	if x.device == nil {
		return nil
	}
	stats := x.device.Stats()
	err := x.device.Close()
	if x.twin != nil {
		err = errors.Join(err, x.twin.Close())
	}
	x.device, x.twin = nil, nil
	fmt.Fprintf(x.errs, "gpuevm: %s: %s\n", x.name, stats)
	if x.hasher != nil {
		fmt.Fprintf(x.errs, "gpuevm: %s: %s\n", x.name, x.hasher)
	}
	if err != nil {
		fmt.Fprintf(x.errs, "gpuevm: %s: close: %v\n", x.name, err) // all results are there already
	}
	if x.strict && stats.Faults > 0 {
		return cli.Exit(fmt.Sprintf("--strict-gpu: %s failed %d times, and the CPU engine took over", x.name, stats.Faults), exitFailed)
	}
	return nil
}
