package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/gpuevm/gpuevm/bench/report"
	"github.com/gpuevm/gpuevm/statedb"
	"github.com/gpuevm/gpuevm/statedb/bulk"
	"github.com/gpuevm/gpuevm/statedb/forest"
	"github.com/gpuevm/gpuevm/statedb/mpt"
	"github.com/gpuevm/gpuevm/statedb/store"
	"github.com/urfave/cli/v2"
)

var dbVerify = &cli.Command{
	Name:  "verify",
	Usage: "recompute every root from the cells and compare",
	Description: "Reads every record; computes all tries of the newest state from its cells alone, on go-ethereum's\n" +
		"stack trie, and compares their roots and every node with what is stored; then goes back block by\n" +
		"block through the states that can be read and compares their roots. What is wrong is counted, the\n" +
		"first of each kind named, and the exit code is 1. States larger than memory are sorted on disk; of the\n" +
		"trie nodes, those that the blocks gone back changed are kept in memory.",
	Flags: []cli.Flag{datadirFlag, asJSONFlag},
	Action: func(ctx *cli.Context) error {
		if err := noArguments(ctx); err != nil {
			return err
		}
		return withDB(ctx, true, func(db *statedb.DB) error {
			v := &verification{db: db, errs: ctx.App.ErrWriter}
			v.DataDir = ctx.String("datadir")
			err := v.run(ctx.Context)
			if err != nil {
				err = fmt.Errorf("%s: %w", v.DataDir, err)
				v.Error = err.Error()
			}
			if ctx.Bool("json") {
				return firstError(err, writeIndented(ctx.App.Writer, &v.Verified))
			}
			if err != nil {
				return err
			}
			v.Verified.Print(ctx.App.Writer)
			return nil
		})
	},
}

// verification recomputes a store.
type verification struct {
	report.Verified
	db   *statedb.DB
	errs io.Writer
}

func (v *verification) run(ctx context.Context) error {
	head := v.db.Head()
	v.Block, v.Root = head.Height, head.Root.Hex()
	fmt.Fprintln(v.errs, "1/2 computing the newest state's tries from its cells, reading every record")
	if err := v.recompute(ctx); err != nil {
		return err
	}
	fmt.Fprintln(v.errs, "2/2 going back through the states")
	return v.back(ctx, head)
}

// recompute checks the newest state and all records.
func (v *verification) recompute(ctx context.Context) error {
	rep, err := bulk.Verify(ctx, v.db.Store(), bulk.Options{Progress: percents(v.errs)})
	if err != nil {
		return err
	}
	for _, p := range rep.Listed {
		fmt.Fprintf(v.errs, "%s: %s\n", p.Kind, p.What)
		if !slices.ContainsFunc(v.Wrong, func(w report.Wrong) bool { return w.Kind == string(p.Kind) }) {
			v.Wrong = append(v.Wrong, report.Wrong{Kind: string(p.Kind), Count: rep.Problems[p.Kind], First: p.What})
		}
	}
	v.Accounts, v.Slots, v.Codes, v.Nodes = rep.Accounts, rep.Slots, rep.Codes, rep.Nodes
	return rep.Err()
}

// percents shows how far a work is, in steps of a tenth.
func percents(w io.Writer) func(done, total int64) {
	last := int64(0)
	return func(done, total int64) {
		if total <= 0 || done > total {
			return
		}
		if tenth := 10 * done / total; tenth > last {
			last = tenth
			fmt.Fprintf(w, "  %d%%\n", 10*tenth)
		}
	}
}

// back goes through the older states that can be read, the newest first.
func (v *verification) back(ctx context.Context, head store.Head) error {
	s := v.db.Store()
	f := forest.New(forest.Options{}, head.Root, storeNodes{s})
	v.States = 1
	for at := head; at.Height > s.Progress().Floor; v.States++ {
		below, err := blockBefore(s, at)
		if err != nil {
			return err
		}
		d, err := s.Delta(at.Hash, below.Hash)
		if err == nil {
			err = f.Apply(d)
		}
		if err != nil {
			return fmt.Errorf("from block %d to %d: %w", at.Height, below.Height, err)
		}
		root, err := f.Root()
		if err != nil {
			return fmt.Errorf("state of block %d: %w", below.Height, err)
		}
		if root != below.Root {
			return fmt.Errorf("%w: the state of block %d makes the root %s, it has %s", store.ErrCorrupt, below.Height, root.Hex(), below.Root.Hex())
		}
		// The nodes stay in memory, in their last version, as the disk does not have them; what
		// the tries know of the changes needs not.
		if err := f.Collect(func(*mpt.Change) error { return nil }); err != nil {
			return fmt.Errorf("state of block %d: %w", below.Height, err)
		}
		at = below
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// blockBefore is the block of the state before. Heights may have gaps.
func blockBefore(s *store.Store, at store.Head) (store.Head, error) {
	for number := at.Height; number > 0; {
		number--
		hash, err := s.BlockHash(number)
		if errors.Is(err, store.ErrUnknown) {
			continue
		}
		if err != nil {
			return store.Head{}, err
		}
		view, err := s.ViewBlock(hash)
		if err != nil {
			return store.Head{}, fmt.Errorf("block %d: %w", number, err)
		}
		defer view.Close()
		return view.Block(), nil
	}
	return store.Head{}, fmt.Errorf("%w: no block before block %d", store.ErrCorrupt, at.Height)
}

// storeNodes are a store's nodes for a forest of one's own.
type storeNodes struct{ *store.Store }
