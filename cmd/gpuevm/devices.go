package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/gpuevm/gpuevm/gpuevm/cuda"
	"github.com/urfave/cli/v2"
)

var devicesCommand = &cli.Command{
	Name:  "devices",
	Usage: "list what can execute transactions, and why what is there can't be used",
	Description: "One line for each: this machine's cores (go), the kernels compiled for them (host, for tests: auto\n" +
		"never takes it), and every GPU that the driver shows, numbered as CUDA_VISIBLE_DEVICES leaves them.\n" +
		"The one that --device auto takes is marked with a star.",
	Action: listDevices,
	Flags:  []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "a line of JSON for each"}},
}

// deviceRow is a device, or why it can't be used.
type deviceRow struct {
	Device     string `json:"device"`
	Usable     bool   `json:"usable"`
	Auto       bool   `json:"auto"` // the one that --device auto takes
	Name       string `json:"name,omitempty"`
	Driver     string `json:"driver,omitempty"`
	Capability string `json:"compute_capability,omitempty"`
	Memory     uint64 `json:"memory,omitempty"`
	Why        string `json:"why,omitempty"`
}

func listDevices(ctx *cli.Context) error {
	if ctx.NArg() > 0 {
		return usagef("devices takes no arguments: %q", ctx.Args().First())
	}
	for _, r := range deviceRows(cuda.List()) {
		if !ctx.Bool("json") {
			fmt.Fprintln(ctx.App.Writer, r)
			continue
		}
		raw, err := json.Marshal(r)
		if err != nil {
			return err
		}
		fmt.Fprintln(ctx.App.Writer, string(raw))
	}
	return nil
}

func deviceRows(list []cuda.Found) []*deviceRow {
	cores := &deviceRow{Device: "go", Usable: true, Auto: true, Name: fmt.Sprintf("%d cores", runtime.GOMAXPROCS(0)), Driver: "go-ethereum's EVM"}
	rows := []*deviceRow{cores}
	for i := range list {
		found := &list[i]
		r := &deviceRow{Device: found.Name, Usable: found.Err == nil}
		if r.Usable {
			r.Name, r.Driver, r.Capability, r.Memory = found.Info.Name, found.Info.Driver, found.Info.Capability, found.Info.Memory
			if cores.Auto && found.Info.Kind == "cuda" {
				cores.Auto, r.Auto = false, true
			}
		} else {
			r.Why = why(found.Err)
		}
		rows = append(rows, r)
	}
	return rows
}

// why leaves out of an error what the table says anyway.
func why(err error) string {
	text := err.Error()
	if errors.Is(err, cuda.ErrNoDevice) {
		text = strings.TrimPrefix(text, cuda.ErrNoDevice.Error()+": ")
	}
	return strings.ReplaceAll(text, "\n", "; ")
}

// String is a line.
func (r *deviceRow) String() string {
	mark := " "
	if r.Auto {
		mark = "*"
	}
	if !r.Usable {
		return fmt.Sprintf("%s %-7s can't be used: %s", mark, r.Device, r.Why)
	}
	line := fmt.Sprintf("%s %-7s %s; %s", mark, r.Device, r.Name, r.Driver)
	if r.Capability != "" {
		line += "; compute capability " + r.Capability
	}
	if r.Memory > 0 {
		line += fmt.Sprintf("; %.1f GiB", float64(r.Memory)/(1<<30))
	}
	return line
}
