package main

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/gpuevm/gpuevm/bench/report"
	"github.com/gpuevm/gpuevm/statedb"
	"github.com/gpuevm/gpuevm/statedb/bulk"
	"github.com/gpuevm/gpuevm/statedb/store"
	"github.com/urfave/cli/v2"
)

var dbImport = &cli.Command{
	Name:  "import",
	Usage: "make a first state, of a genesis or of a dump",
	Description: "Fills an empty directory with the state of a genesis.json, or with one that `geth dump` wrote\n" +
		"(with preimages, code and storage; JSON lines of --iterative or one object; gzipped where the name\n" +
		"ends in .gz). Roots are computed from what is read and compared with those in the file. A state may be\n" +
		"larger than memory. An import that did not end leaves a directory that can't be opened.\n\n" +
		"   gpuevm db import --datadir D --genesis genesis.json\n" +
		"   gpuevm db import --datadir D --dump dump.jsonl.gz --number 19000000 --hash 0x4d2a...",
	Flags: []cli.Flag{
		datadirFlag, asJSONFlag,
		&cli.StringFlag{Name: "genesis", Usage: "genesis `FILE` (JSON)"},
		&cli.StringFlag{Name: "dump", Usage: "`FILE` of geth dump"},
		&cli.Uint64Flag{Name: "number", Usage: "number of the block that the dump's state comes after"},
		&cli.StringFlag{Name: "hash", Usage: "`HASH` of that block"},
	},
	Action: func(ctx *cli.Context) error {
		if err := noArguments(ctx); err != nil {
			return err
		}
		load, err := importer(ctx)
		if err != nil {
			return err
		}
		return importInto(ctx, load)
	},
}

// importer is what the flags ask for.
func importer(ctx *cli.Context) (func(*store.Store, bulk.Options) (*bulk.Report, error), error) {
	genesis, dump := ctx.String("genesis"), ctx.String("dump")
	if (genesis == "") == (dump == "") {
		return nil, usagef("db import: one of --genesis and --dump")
	}
	if genesis != "" {
		return func(s *store.Store, o bulk.Options) (*bulk.Report, error) {
			f, err := os.Open(genesis)
			if err != nil {
				return nil, err
			}
			defer f.Close()
			_, rep, err := bulk.ImportGenesis(ctx.Context, s, f, o)
			if err != nil {
				err = fmt.Errorf("%s: %w", genesis, err)
			}
			return rep, err
		}, nil
	}
	hash, err := hexutil.Decode(ctx.String("hash"))
	if err != nil || len(hash) != common.HashLength || common.Hash(hash) == (common.Hash{}) {
		return nil, usagef("--hash %q: want the 32 bytes of the block's hash, 0x first", ctx.String("hash"))
	}
	return func(s *store.Store, o bulk.Options) (*bulk.Report, error) {
		return bulk.Import(ctx.Context, s, ctx.Uint64("number"), common.Hash(hash), common.Hash{}, bulk.DumpFile(dump), o)
	}, nil
}

func readable(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return f.Close()
}

func importInto(ctx *cli.Context, load func(*store.Store, bulk.Options) (*bulk.Report, error)) (err error) {
	dir := ctx.String("datadir")
	if dir == "" {
		return usagef("db import: --datadir is missing")
	}
	// A wrong name is to cost no directory.
	if err := readable(cmp.Or(ctx.String("genesis"), ctx.String("dump"))); err != nil {
		return err
	}
	if _, err := isStore(dir); err != nil {
		return err
	}
	s, err := store.Open(dir, store.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if !s.Recovery().Empty {
		return fmt.Errorf("--datadir %s: there is a store already", dir)
	}
	rep, err := load(s, bulk.Options{Progress: percents(ctx.App.ErrWriter)})
	if err != nil {
		return err
	}
	head := s.Head()
	done := &report.Verified{DataDir: dir, Block: head.Height, Root: head.Root.Hex(),
		Accounts: rep.Accounts, Slots: rep.Slots, Nodes: rep.Nodes, States: 1}
	if ctx.Bool("json") {
		return writeIndented(ctx.App.Writer, done)
	}
	fmt.Fprintf(ctx.App.Writer, "%s: block %d %s\n  state root %s\n  %s accounts, %s slots, %s trie nodes\n", dir, head.Height, head.Hash.Hex(), head.Root.Hex(),
		report.Count(uint64(rep.Accounts)), report.Count(uint64(rep.Slots)), report.Count(uint64(rep.Nodes)))
	return nil
}

var dbDump = &cli.Command{
	Name:  "dump",
	Usage: "write the newest state as geth dump does",
	Description: "Writes the newest state as JSON lines, as `geth dump --iterative` does; import reads them.\n\n" +
		"   gpuevm db dump --datadir D -o dump.jsonl.gz",
	Flags: []cli.Flag{datadirFlag, &cli.StringFlag{Name: "o", Usage: "the `FILE` to write, gzipped if it ends in .gz; default: standard output"}},
	Action: func(ctx *cli.Context) error {
		if err := noArguments(ctx); err != nil {
			return err
		}
		return withDB(ctx, true, func(db *statedb.DB) error { return dumpTo(ctx, db.Store()) })
	},
}

func dumpTo(ctx *cli.Context, s *store.Store) (err error) {
	var out io.Writer = ctx.App.Writer
	if name := ctx.String("o"); name != "" {
		f, failed := os.Create(name)
		if failed != nil {
			return failed
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		if out = f; strings.HasSuffix(name, ".gz") {
			packed := gzip.NewWriter(f)
			defer func() { err = errors.Join(err, packed.Close()) }()
			out = packed
		}
	}
	w := bufio.NewWriterSize(out, 1<<16)
	if err := bulk.Dump(ctx.Context, s, w); err != nil {
		return err
	}
	return w.Flush()
}
