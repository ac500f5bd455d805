package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/bench/report"
	"github.com/gpuevm/gpuevm/statedb"
	"github.com/gpuevm/gpuevm/statedb/forest"
	"github.com/gpuevm/gpuevm/statedb/store"
	"github.com/urfave/cli/v2"
)

var datadirFlag = &cli.StringFlag{Name: "datadir", Usage: "the `DIR` with the state"}

var asJSONFlag = &cli.BoolFlag{Name: "json", Usage: "JSON instead of a table"}

var dbCommand = &cli.Command{
	Name:  "db",
	Usage: "look after the state that run and replay keep with --datadir",
	Description: "What only looks opens the directory for reading; a directory that another process has open is\n" +
		"refused. The exit code is 1 where the directory is not a store, is damaged, or is in use.\n\n" +
		"   gpuevm db import --datadir D --genesis genesis.json\n" +
		"   gpuevm db verify --datadir D\n" +
		"   gpuevm db stats --datadir D\n" +
		"   gpuevm db prune --datadir D\n" +
		"   gpuevm db prove --datadir D 0x00000000219ab540356cBB839Cbe05303d7705Fa 0x0",
	Subcommands: []*cli.Command{dbImport, dbDump, dbVerify, dbStats, dbPrune, dbProve, dbBench},
	Action: func(ctx *cli.Context) error {
		if ctx.NArg() > 0 {
			return usagef("no command %q of db; `gpuevm db help` lists them", ctx.Args().First())
		}
		return cli.ShowSubcommandHelp(ctx)
	},
}

func init() {
	for _, c := range dbCommand.Subcommands {
		c.OnUsageError = badUsage
	}
}

// noArguments refuses what a command would not look at.
func noArguments(ctx *cli.Context) error {
	if ctx.NArg() > 0 {
		return usagef("db %s takes no arguments, only flags: %q", ctx.Command.Name, ctx.Args().First())
	}
	return nil
}

// withDB opens the directory, to look or to change.
func withDB(ctx *cli.Context, readOnly bool, do func(*statedb.DB) error) (err error) {
	dir := ctx.String("datadir")
	if dir == "" {
		return usagef("db %s: --datadir is missing", ctx.Command.Name)
	}
	if there, err := isStore(dir); err != nil || !there {
		if err == nil {
			err = fmt.Errorf("--datadir %s: there is no store", dir)
		}
		return err
	}
	db, err := openStore(dir, statedb.Options{Store: store.Options{ReadOnly: readOnly}})
	if err != nil {
		return err
	}
	defer func() { err = firstError(err, db.Close()) }()
	for _, note := range db.Store().Recovery().Notes {
		fmt.Fprintln(ctx.App.ErrWriter, "note:", note)
	}
	return do(db)
}

var dbStats = &cli.Command{
	Name:  "stats",
	Usage: "say what is in the store; reads and checks every record",
	Flags: []cli.Flag{datadirFlag, asJSONFlag},
	Action: func(ctx *cli.Context) error {
		if err := noArguments(ctx); err != nil {
			return err
		}
		return withDB(ctx, true, func(db *statedb.DB) error {
			kinds, err := db.Store().Stats(ctx.Context)
			if err != nil {
				return err
			}
			size, err := sizeOf(ctx.String("datadir"))
			if err != nil {
				return err
			}
			s := report.ContentsOf(ctx.String("datadir"), db, kinds, size)
			if ctx.Bool("json") {
				return writeIndented(ctx.App.Writer, s)
			}
			s.Print(ctx.App.Writer)
			return nil
		})
	},
}

var dbPrune = &cli.Command{
	Name:  "prune",
	Usage: "remove what no state of the window needs",
	Description: "Removes undo records older than the window and codes that no account has any more, and gives\n" +
		"back the space of what was overwritten. No state that can be read changes.",
	Flags: []cli.Flag{datadirFlag, asJSONFlag},
	Action: func(ctx *cli.Context) error {
		if err := noArguments(ctx); err != nil {
			return err
		}
		return prune(ctx)
	},
}

// prune compares sizes with the directory closed: files that are needed no more go when
// nobody reads them.
func prune(ctx *cli.Context) error {
	dir := ctx.String("datadir")
	var records int
	var before int64
	err := withDB(ctx, false, func(db *statedb.DB) (err error) {
		if before, err = sizeOf(dir); err != nil {
			return err
		}
		fmt.Fprintf(ctx.App.ErrWriter, "pruning %s, %s bytes\n", dir, report.Count(uint64(before)))
		records, err = db.Store().Prune(ctx.Context)
		return err
	})
	if err != nil {
		return err
	}
	after, err := sizeOf(dir)
	if err != nil {
		return err
	}
	if ctx.Bool("json") {
		return writeIndented(ctx.App.Writer, map[string]any{"datadir": dir, "removed": records, "bytes_before": before, "bytes": after})
	}
	fmt.Fprintf(ctx.App.Writer, "removed %s records; the directory had %s bytes and has %s\n",
		report.Count(uint64(records)), report.Count(uint64(before)), report.Count(uint64(after)))
	return nil
}

var dbProve = &cli.Command{
	Name:      "prove",
	Usage:     "prove an account and slots of it, as eth_getProof does",
	ArgsUsage: "ADDRESS [SLOT...]",
	Description: "Prints the JSON of eth_getProof (EIP-1186) for the newest state, or for another of the last 128\n" +
		"by its root. States other than the newest are made from it, which takes as long as the blocks in\n" +
		"between.",
	Flags: []cli.Flag{datadirFlag, &cli.StringFlag{Name: "root", Usage: "the `ROOT` of the state; default: the newest"}},
	Action: func(ctx *cli.Context) error {
		addr, slots, root, err := proveArguments(ctx)
		if err != nil {
			return err
		}
		return withDB(ctx, true, func(db *statedb.DB) error {
			if root == (common.Hash{}) {
				root = db.Head().Root
			}
			proof, err := await(ctx.Context, func() (*forest.AccountProof, error) { return db.Prove(root, addr, slots) })
			if err != nil {
				return err
			}
			return writeIndented(ctx.App.Writer, proof)
		})
	},
}

func proveArguments(ctx *cli.Context) (addr common.Address, slots []common.Hash, root common.Hash, err error) {
	args := ctx.Args().Slice()
	switch {
	case len(args) == 0:
		return addr, nil, root, usagef("db prove: which ADDRESS?")
	case slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "-") }):
		return addr, nil, root, usagef("db prove: flags come before the address")
	case !common.IsHexAddress(args[0]):
		return addr, nil, root, usagef("%q is no address: want 20 bytes in hex", args[0])
	}
	for _, a := range args[1:] {
		slot, err := parseWord(a)
		if err != nil {
			return addr, nil, root, err
		}
		slots = append(slots, slot)
	}
	if r := ctx.String("root"); r != "" {
		if root, err = parseWord(r); err == nil && len(r) < 64 {
			err = usagef("--root %q: want 32 bytes in hex", r)
		}
	}
	return common.HexToAddress(args[0]), slots, root, err
}

// parseWord reads up to 32 bytes in hex.
func parseWord(text string) (common.Hash, error) {
	digits := strings.TrimPrefix(text, "0x")
	if len(digits) == 0 || len(digits) > 64 {
		return common.Hash{}, usagef("%q: want 1 to 32 bytes in hex", text)
	}
	for _, c := range digits {
		if !strings.ContainsRune("0123456789abcdefABCDEF", c) {
			return common.Hash{}, usagef("%q: want 1 to 32 bytes in hex", text)
		}
	}
	return common.HexToHash(text), nil
}

// sizeOf is how many bytes the files of a directory have. Pebble removes files while it is
// open: one that has just gone counts nothing.
func sizeOf(dir string) (size int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			size += info.Size()
		}
		return err
	})
	return size, err
}

func writeIndented(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
