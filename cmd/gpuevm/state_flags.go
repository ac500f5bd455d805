package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gpuevm/gpuevm/statedb/forest"
	"github.com/gpuevm/gpuevm/statedb/keccak"
	"github.com/gpuevm/gpuevm/statedb/store"
	"github.com/urfave/cli/v2"
)

// stateFlags say where the state is kept, and how its root is computed.
var stateFlags = []cli.Flag{
	&cli.StringFlag{Name: "datadir", Usage: "keep the state in `DIR` and go on there next time; without it everything is in memory"},
	&cli.StringFlag{Name: "root", Value: "sync", Usage: "when a block's state root is computed: sync (before the next block runs) or async (while the next ones run; needs --datadir)"},
	&cli.StringFlag{Name: "sync-every", Value: "1", Usage: "how much a crash may take, with --datadir: `N` blocks (10), a time (2s), bytes (64MiB), or several with commas; the first reached syncs the disk"},
	&cli.StringFlag{Name: "hasher", Value: "auto", Usage: "what hashes trie nodes: auto (a GPU that executes, from the size of batches on from which it is quicker, else cpu), device (all of them), " +
		"cpu (the widest instructions there are), or x1, x4, x8 (as many at once)"},
}

// stateOptions are the flags, checked.
type stateOptions struct {
	dir      string // empty: in memory
	deferred bool   // roots come later
	sync     store.Sync
	hasher   string
	tries    forest.Options
}

// stateOptionsOf checks the flags.
func stateOptionsOf(ctx *cli.Context) (*stateOptions, error) {
	o := &stateOptions{dir: ctx.String("datadir"), hasher: ctx.String("hasher")}
	switch root := ctx.String("root"); {
	case root != "sync" && root != "async":
		return nil, usagef("--root %q: it is sync or async", root)
	case root == "async" && o.dir == "":
		return nil, usagef("--root async needs --datadir: without it there is no block after a block's root")
	default:
		o.deferred = root == "async"
	}
	if o.dir == "" && ctx.IsSet("datadir") {
		return nil, usagef("--datadir: no directory")
	}
	if o.dir == "" && ctx.IsSet("sync-every") {
		return nil, usagef("--sync-every needs --datadir")
	}
	if o.dir != "" && ctx.IsSet("rounds") && ctx.Int("rounds") > 1 {
		return nil, usagef("--rounds %d: with --datadir a block is run once", ctx.Int("rounds"))
	}
	if _, err := hasherNamed(o.hasher); err != nil {
		return nil, err
	}
	var err error
	o.sync, err = parseSync(ctx.String("sync-every"))
	return o, err
}

// hashWith has the tries hash with what --hasher names, now that the device is open.
func (o *stateOptions) hashWith(x *executor) (err error) {
	o.tries.Hasher, err = x.hasherOf(o.hasher)
	return err
}

// hasherNamed is a hasher of this processor: of the names that may be a device's the widest.
func hasherNamed(name string) (keccak.Hasher, error) {
	switch name {
	case "auto", "device", "cpu":
		return keccak.Best(), nil
	}
	h, err := keccak.ByName(name)
	if err != nil {
		return nil, usagef("--hasher: %v; or auto, device or cpu", err)
	}
	return h, nil
}

// rounds is how often a block is run.
func (o *stateOptions) rounds(ctx *cli.Context) int {
	if o.dir != "" {
		return 1
	}
	return ctx.Int("rounds")
}

// parseSync reads bounds: blocks, a time, bytes.
func parseSync(text string) (y store.Sync, err error) {
	for _, part := range strings.Split(text, ",") {
		part = strings.TrimSpace(part)
		if err := parseBound(&y, part); err != nil {
			return y, usagef("--sync-every %q: %v", part, err)
		}
	}
	return y, nil
}

func parseBound(y *store.Sync, part string) error {
	if n, err := strconv.Atoi(part); err == nil {
		if n < 1 {
			return fmt.Errorf("it is 1 block or more")
		}
		y.Blocks = n
		return nil
	}
	for _, unit := range []struct {
		name  string
		bytes int
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"B", 1}} {
		digits, has := strings.CutSuffix(part, unit.name)
		if !has {
			continue
		}
		n, err := strconv.Atoi(digits)
		if err != nil || n < 1 || n > (1<<40)/unit.bytes {
			return fmt.Errorf("it is 1B to 1024GiB")
		}
		y.Bytes = n * unit.bytes
		return nil
	}
	d, err := time.ParseDuration(part)
	if err != nil || d <= 0 {
		return fmt.Errorf("it is a number of blocks (10), a time (2s) or bytes (64MiB)")
	}
	y.Every = d
	return nil
}
