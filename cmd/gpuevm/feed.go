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
	// begin opens the state, whose trie nodes are hashed where --hasher and the executor say. It is
	// called once, before all else.
	begin func(context.Context, *executor) error
	// next is the next block, io.EOF without a name after the last. Another error is
	// that of the block named; the next one may still be fine.
	next func(context.Context) (name string, b *entry, err error)
	// ran takes the changes of a block that was run and came out right.
	ran func(ctx context.Context, t *trial, out *outcome) (*landing, error)
	// stop is told of a block that came out wrong.
	stop  func(name string)
	disk  *disk // where the state is kept; nil: nowhere
	close func() error
}

// entry is a block and the state before it.
type entry struct {
	*source.Block
	ground ground         // nil: no state root can be had
	tries  *statedb.Tries // for go-ethereum; nil: no state root, or no comparison
}

// alone is a feed of blocks that have nothing to do with each other.
func alone(o *stateOptions, total int, next func(context.Context) (string, *source.Block, error)) *feed {
	return &feed{
		total: total,
		begin: func(_ context.Context, x *executor) error { return o.hashWith(x) },
		next: func(ctx context.Context) (string, *entry, error) {
			name, b, err := next(ctx)
			if err != nil {
				return name, nil, err
			}
			e := &entry{Block: b, tries: b.Tries}
			if b.Tries != nil {
				e.ground = newWitnessed(b, o.tries)
			}
			return name, e, nil
		},
		ran:   func(_ context.Context, t *trial, out *outcome) (*landing, error) { return nil, out.discard(t) },
		stop:  func(string) {},
		close: func() error { return nil },
	}
}

// openFeed opens what the command line names: just one of paths, a chain, a node.
func openFeed(ctx *cli.Context) (*feed, error) {
	genesis, chain, rpc := ctx.String("genesis"), ctx.String("chain"), ctx.String("rpc")
	o, err := stateOptionsOf(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case (genesis == "") != (chain == ""):
		return nil, usagef("--genesis and --chain go together")
	case chain != "" && rpc != "":
		return nil, usagef("--chain and --rpc: one of them")
	case chain != "" && ctx.NArg() > 0:
		return nil, usagef("--chain takes no paths besides: %q", ctx.Args().First())
	case chain != "":
		return openChainFeed(ctx, o, genesis, chain)
	case o.dir != "":
		return nil, usagef("--datadir goes with --genesis and --chain: other blocks bring a state of their own")
	case rpc != "":
		return rpcFeed(o, rpc, ctx.Args().Slice())
	case ctx.NArg() == 0:
		return nil, usagef("nothing to replay: give files or folders of blocks, --genesis and --chain, or --rpc")
	}
	return fileFeed(o, ctx.Args().Slice())
}

func fileFeed(o *stateOptions, paths []string) (*feed, error) {
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
	return alone(o, set.Len(), func(ctx context.Context) (string, *source.Block, error) {
		if i == set.Len() {
			return "", nil, io.EOF
		}
		i++
		b, err := await(ctx, func() (*source.Block, error) { return set.Load(i - 1) })
		return set.Name(i - 1), b, err
	}), nil
}

func rpcFeed(o *stateOptions, url string, args []string) (*feed, error) {
	if len(args) != 1 {
		return nil, usagef("--rpc takes one range of blocks, FROM..TO")
	}
	from, to, err := parseRange(args[0])
	if err != nil {
		return nil, err
	}
	left := to - from + 1
	return alone(o, int(left), func(ctx context.Context) (string, *source.Block, error) {
		if left == 0 {
			return "", nil, io.EOF
		}
		n := to - left + 1
		left--
		b, err := source.FetchWitness(ctx, url, n)
		if err != nil {
			return fmt.Sprintf("block %d", n), nil, err
		}
		return b.Name, b, nil
	}), nil
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
