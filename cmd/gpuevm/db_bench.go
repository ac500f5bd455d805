package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gpuevm/gpuevm/bench/statebench"
	"github.com/gpuevm/gpuevm/statedb/forest"
	"github.com/gpuevm/gpuevm/statedb/keccak"
	"github.com/urfave/cli/v2"
)

var dbBench = &cli.Command{
	Name:  "bench",
	Usage: "measure the state store beside go-ethereum's",
	Description: "Makes a state of random accounts twice, in our store and in go-ethereum's (path scheme, flat state,\n" +
		"Pebble), and takes the same blocks through both in turns: time to the state root, time until the disk\n" +
		"has them, bytes written, reads. A root that differs ends it. Then each side runs alone, for its\n" +
		"memory. The states stay in --dir for the next time; a state of 10 million accounts takes 7 GB.\n\n" +
		"   gpuevm db bench --dir /tmp/bench --json bench.json\n" +
		"   gpuevm db bench --dir /tmp/bench --accounts 10000000 --kinds accounts --dirty 10000 --rounds 10",
	Action: runDBBench,
	Flags: []cli.Flag{
		&cli.StringFlag{Name: "dir", Usage: "where the states go, and are looked for"},
		&cli.IntFlag{Name: "accounts", Value: 1_000_000, Usage: "accounts in the state, a tenth of them with storage"},
		&cli.IntFlag{Name: "slots", Value: 1_000_000, Usage: "slots of the one large contract"},
		&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "another state, and other blocks"},
		&cli.StringFlag{Name: "kinds", Value: "accounts,mixed,storage", Usage: "what blocks change, with commas"},
		&cli.StringFlag{Name: "dirty", Value: "1000,10000,100000", Usage: "how many keys they change, with commas"},
		&cli.IntFlag{Name: "rounds", Value: 8, Usage: "blocks of each kind and size"},
		&cli.IntFlag{Name: "warmup", Value: 2, Usage: "blocks before them that do not count"},
		&cli.IntFlag{Name: "cold", Value: 4, Usage: "blocks of each that are run cold"},
		&cli.IntFlag{Name: "layers", Value: 4, Usage: "blocks of each that go-ethereum keeps in memory, as its node does"},
		&cli.IntFlag{Name: "reads", Value: 20_000, Usage: "cells read in each way"},
		&cli.StringFlag{Name: "hasher", Usage: "of the tries: " + strings.Join(keccak.Names(), ", ") + "; default: the fastest"},
		&cli.IntFlag{Name: "workers", Usage: "cores for our tries; default: all"},
		&cli.BoolFlag{Name: "no-walk", Usage: "warm blocks find only what earlier blocks brought in"},
		&cli.BoolFlag{Name: "no-history", Usage: "go-ethereum keeps no state histories"},
		&cli.BoolFlag{Name: "keep-page-cache", Usage: "cold blocks find the operating system's page cache warm"},
		&cli.BoolFlag{Name: "no-alone", Usage: "don't run each side alone afterwards"},
		&cli.StringFlag{Name: "only", Usage: "run one side: gpuevm or go-ethereum"},
		&cli.StringFlag{Name: "profile", Usage: "write a CPU profile of each kind and size of blocks, warm and cold, to a folder"},
		&cli.StringFlag{Name: "json", Usage: "write the result to a file"},
	},
}

func runDBBench(ctx *cli.Context) error {
	if err := noArguments(ctx); err != nil {
		return err
	}
	o, err := dbBenchOptions(ctx)
	if err != nil {
		return err
	}
	r, err := statebench.Run(ctx.Context, o)
	if r == nil {
		return err
	}
	if err == nil && o.Only == "" && !ctx.Bool("no-alone") {
		err = benchAlone(ctx, r)
	}
	r.Print(ctx.App.Writer)
	if file := ctx.String("json"); file != "" {
		err = firstError(err, writeJSON(file, r))
	}
	return err
}

func writeJSON(file string, r *statebench.Result) error {
	raw, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(raw, '\n'), 0o644)
}

func dbBenchOptions(ctx *cli.Context) (o statebench.Options, err error) {
	if ctx.String("dir") == "" {
		return o, usagef("db bench: --dir is missing")
	}
	o = statebench.Options{
		World: statebench.World{Seed: ctx.Uint64("seed"), Accounts: ctx.Int("accounts"), Slots: ctx.Int("slots")},
		Dir:   ctx.String("dir"), Rounds: ctx.Int("rounds"), Warmup: ctx.Int("warmup"), Cold: ctx.Int("cold"),
		Layers: ctx.Int("layers"), Reads: ctx.Int("reads"), Settle: 5 * time.Minute, Walk: !ctx.Bool("no-walk"),
		History: !ctx.Bool("no-history"), DropPageCache: !ctx.Bool("keep-page-cache"), Only: ctx.String("only"),
		Forest: forest.Options{Workers: ctx.Int("workers")}, Progress: ctx.App.ErrWriter,
	}
	for _, k := range strings.Split(ctx.String("kinds"), ",") {
		if !slices.Contains(statebench.Kinds, statebench.Kind(k)) {
			return o, usagef("--kinds %q: it is one or more of %v, with commas", k, statebench.Kinds)
		}
		o.Kinds = append(o.Kinds, statebench.Kind(k))
	}
	for _, s := range strings.Split(ctx.String("dirty"), ",") {
		n, err := strconv.Atoi(s)
		if err != nil {
			return o, usagef("--dirty %q: numbers with commas", s)
		}
		o.Dirty = append(o.Dirty, n)
	}
	if name := ctx.String("hasher"); name != "" {
		if o.Forest.Hasher, err = keccak.ByName(name); err != nil {
			return o, usageError{err}
		}
	}
	if dir := ctx.String("profile"); dir != "" {
		o.Profile, err = profiles(dir)
	}
	return o, err
}

// profiles are written to a folder, one for each kind and size of blocks.
func profiles(dir string) (func(string, statebench.Kind, int) func(), error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return func(memory string, kind statebench.Kind, dirty int) func() {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%s-%s-%d.pprof", memory, kind, dirty)))
		if err != nil {
			return func() {}
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return func() { _ = f.Close() }
		}
		return func() {
			pprof.StopCPUProfile()
			_ = f.Close()
		}
	}, nil
}

// benchAlone runs the warm blocks again with each side in a process of its own: only so can
// be told whose memory it is.
func benchAlone(ctx *cli.Context, r *statebench.Result) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "gpuevm-bench")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	r.Alone = make(map[string]*statebench.Result)
	for _, side := range []string{"gpuevm", "go-ethereum"} {
		file := filepath.Join(dir, side+".json")
		args := []string{"db", "bench", "--only", side, "--cold", "0", "--layers", "0", "--reads", "0", "--json", file}
		for _, name := range []string{"dir", "accounts", "slots", "seed", "kinds", "dirty", "rounds", "warmup", "hasher", "workers", "no-walk", "no-history"} {
			if ctx.IsSet(name) {
				args = append(args, fmt.Sprintf("--%s=%v", name, ctx.Value(name)))
			}
		}
		child := exec.CommandContext(ctx.Context, self, args...)
		child.Stderr = ctx.App.ErrWriter
		if err := child.Run(); err != nil {
			return fmt.Errorf("%s alone: %w", side, err)
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		one := new(statebench.Result)
		if err := json.Unmarshal(raw, one); err != nil {
			return fmt.Errorf("%s alone: %w", side, err)
		}
		r.Alone[side] = one
	}
	return r.Compare()
}
