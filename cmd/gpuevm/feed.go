package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/gpuevm/gpuevm/bench/source"
	"github.com/gpuevm/gpuevm/statedb"
	"github.com/urfave/cli/v2"
)

// feed hands out the blocks of a replay.
type feed struct {
	total int // 0: unknown
	// next is the next block, io.EOF without a name after the last. Another error is
	// that of the block named; the next one may still be fine.
	next func(context.Context) (name string, b *source.Block, err error)
	// ran is told of a block that was run.
	ran   func(out *outcome, equal bool) error
	close func() error
}

// openFeed opens what the command line names: just one of paths, a chain, a node.
func openFeed(ctx *cli.Context) (*feed, error) {
	genesis, chain, rpc := ctx.String("genesis"), ctx.String("chain"), ctx.String("rpc")
	switch {
	case (genesis == "") != (chain == ""):
		return nil, usagef("--genesis and --chain go together")
	case chain != "" && rpc != "":
		return nil, usagef("--chain and --rpc: one of them")
	case chain != "" && ctx.NArg() > 0:
		return nil, usagef("--chain takes no paths besides: %q", ctx.Args().First())
	case chain != "":
		return chainFeed(genesis, chain)
	case rpc != "":
		return rpcFeed(rpc, ctx.Args().Slice())
	case ctx.NArg() == 0:
		return nil, usagef("nothing to replay: give files or folders of blocks, --genesis and --chain, or --rpc")
	}
	return fileFeed(ctx.Args().Slice())
}

func fileFeed(paths []string) (*feed, error) {
	for _, p := range paths {
		if strings.HasPrefix(p, "-") {
			return nil, usagef("%s: flags come before paths", p)
		}
	}
	set, err := source.Open(paths...)
	if err != nil {
		return nil, usageError{err}
	}
	i := 0
	return &feed{
		total: set.Len(),
		next: func(ctx context.Context) (string, *source.Block, error) {
			if i == set.Len() {
				return "", nil, io.EOF
			}
			i++
			b, err := await(ctx, func() (*source.Block, error) { return set.Load(i - 1) })
			return set.Name(i - 1), b, err
		},
		ran:   func(*outcome, bool) error { return nil },
		close: func() error { return nil },
	}, nil
}

func rpcFeed(url string, args []string) (*feed, error) {
	if len(args) != 1 {
		return nil, usagef("--rpc takes one range of blocks, FROM..TO")
	}
	from, to, err := parseRange(args[0])
	if err != nil {
		return nil, err
	}
	number := from
	return &feed{
		total: int(to - from + 1),
		next: func(ctx context.Context) (string, *source.Block, error) {
			if number > to {
				return "", nil, io.EOF
			}
			n := number
			number++
			b, err := source.FetchWitness(ctx, url, n)
			if err != nil {
				return fmt.Sprintf("block %d", n), nil, err
			}
			return b.Name, b, nil
		},
		ran:   func(*outcome, bool) error { return nil },
		close: func() error { return nil },
	}, nil
}

// maxRange keeps a slip of the keyboard from asking a node for ever.
const maxRange = 1_000_000

func parseRange(s string) (from, to uint64, err error) {
	first, last, isRange := strings.Cut(s, "..")
	if !isRange {
		last = first
	}
	if from, err = strconv.ParseUint(first, 10, 64); err == nil {
		to, err = strconv.ParseUint(last, 10, 64)
	}
	switch {
	case err != nil:
		return 0, 0, usagef("%q is no range of blocks: want FROM..TO, both included", s)
	case to < from || to-from >= maxRange:
		return 0, 0, usagef("%q: want 1 to %d blocks", s, maxRange)
	}
	return from, to, nil
}

// chainFeed carries the state from block to block, and ends at the first block that does
// not lead to the state that its header states.
func chainFeed(genesis, path string) (*feed, error) {
	chain, err := source.OpenChain(genesis, path)
	if err != nil {
		return nil, usageError{err}
	}
	var (
		state *statedb.Tries // nil: the blocks after this can't be run
		ended bool
		last  = "the genesis"
	)
	if state, err = chain.GenesisTries(); err != nil {
		chain.Close()
		return nil, fmt.Errorf("%s: %w", genesis, err)
	}
	return &feed{
		next: func(context.Context) (string, *source.Block, error) {
			if ended {
				return "", nil, io.EOF
			}
			if state == nil {
				ended = true
				return "blocks after " + last, nil, fmt.Errorf("the state after %s is not the header's", last)
			}
			b, err := chain.Next(state)
			if err == io.EOF {
				return "", nil, io.EOF
			}
			if err != nil {
				ended = true
				return "blocks after " + last, nil, err
			}
			state, last = nil, b.Name
			return b.Name, b, nil
		},
		ran: func(out *outcome, equal bool) (err error) {
			if equal {
				state, err = out.after.Commit()
			}
			return err
		},
		close: chain.Close,
	}, nil
}
