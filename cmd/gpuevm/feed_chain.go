package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/gpuevm/gpuevm/bench/source"
	"github.com/gpuevm/gpuevm/statedb"
	"github.com/gpuevm/gpuevm/statedb/store"
	"github.com/urfave/cli/v2"
)

// chainFeed carries the state from block to block, in memory or in a directory, and ends
// at the first block that does not lead to the state that its header states.
type chainFeed struct {
	chain  *source.Chain
	ground ground
	disk   *disk // the ground; nil: it is in memory
	tries  *statedb.Tries
	rival  bool // tries are wanted
	notes  io.Writer

	resumed bool
	held    *source.Block // read and not handed out
	broken  string        // after this block there is no state
	ended   bool
}

func openChainFeed(ctx *cli.Context, o *stateOptions, genesisPath, path string) (*feed, error) {
	chain, err := source.OpenChain(genesisPath, path)
	if err != nil {
		return nil, usageError{err}
	}
	c := &chainFeed{chain: chain, rival: ctx.Bool("compare"), notes: ctx.App.ErrWriter}
	f := &feed{next: c.next, ran: c.ran, stop: c.stop, close: c.close}
	f.begin = func(ctx context.Context, x *executor) error {
		if err := o.hashWith(x); err != nil {
			return err
		}
		if err := c.open(ctx, o); err != nil {
			return fmt.Errorf("%s: %w", genesisPath, err)
		}
		f.disk = c.disk
		return nil
	}
	return f, nil
}

func (c *chainFeed) open(ctx context.Context, o *stateOptions) error {
	genesis, alloc := c.chain.Genesis()
	if o.dir == "" {
		m, err := newMemory(alloc, o.tries)
		if err != nil {
			return err
		}
		if m.root != genesis.Root() {
			return fmt.Errorf("state root is %s, go-ethereum makes it %s", m.root.Hex(), genesis.Root().Hex())
		}
		c.ground, c.resumed = m, true
		if c.rival {
			c.tries, err = statedb.TriesFromAlloc(alloc)
		}
		return err
	}
	d, err := openDisk(ctx, o, genesis.Header(), alloc)
	if err != nil {
		return err
	}
	c.disk, c.ground = d, d
	return nil
}

func (c *chainFeed) close() error {
	err := c.chain.Close()
	if c.disk != nil {
		err = errors.Join(err, c.disk.close())
	}
	return err
}

func (c *chainFeed) stop(name string) { c.broken = name }

func (c *chainFeed) ran(ctx context.Context, t *trial, out *outcome) (*landing, error) {
	want := t.Block.Root()
	l, err := out.commit(ctx, t, want)
	if err == nil && c.tries != nil {
		c.tries, err = follow(c.tries, out.result.Diff(), want)
	}
	return l, err
}

func (c *chainFeed) next(ctx context.Context) (string, *entry, error) {
	if c.ended {
		return "", nil, io.EOF
	}
	end := func(err error) (string, *entry, error) {
		c.ended = true
		return "blocks after " + c.last(), nil, err
	}
	if c.broken != "" {
		return end(fmt.Errorf("the state after %s is not the header's", c.broken))
	}
	if !c.resumed {
		c.resumed = true
		if err := c.resume(ctx); err != nil {
			return end(err)
		}
	}
	b, err := c.read()
	if err == io.EOF {
		return "", nil, io.EOF
	}
	if err != nil {
		return end(err)
	}
	if b.Pre, err = c.ground.view(); err != nil {
		return end(err)
	}
	return b.Name, &entry{Block: b, ground: c.ground, tries: c.tries}, nil
}

// last names the block that the next one comes after.
func (c *chainFeed) last() string {
	switch name := c.chain.Last(); {
	case c.broken != "":
		return c.broken
	case c.held != nil || name == "":
		return "the genesis"
	default:
		return name
	}
}

func (c *chainFeed) read() (*source.Block, error) {
	if b := c.held; b != nil {
		c.held = nil
		return b, nil
	}
	return c.chain.Next()
}

// resume passes over the blocks that the directory has, and leaves the ground at the last
// of them: the head, or where the chain leaves that of the directory.
func (c *chainFeed) resume(ctx context.Context) error {
	head := c.disk.at
	for c.held == nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		b, err := c.chain.Next()
		if err == io.EOF {
			fmt.Fprintf(c.notes, "%s is at block %d; the chain has no block after it\n", c.disk.dir, head.Height)
			return nil
		}
		if err != nil {
			return err
		}
		has, err := c.has(b, head)
		if err != nil {
			return err
		}
		if !has {
			c.held = b
		}
	}
	if err := c.parent(head); err != nil {
		return err
	}
	if c.rival {
		var err error
		if c.tries, err = triesOf(c.disk.db, c.disk.at); err != nil {
			return fmt.Errorf("state of block %d for go-ethereum: %w", c.disk.at.Height, err)
		}
	}
	return nil
}

// has says whether the directory is past this block. Of blocks before an imported state it
// knows nothing; the hashes of those after them bind them.
func (c *chainFeed) has(b *source.Block, head store.Head) (bool, error) {
	number := b.Block.NumberU64()
	if number > head.Height {
		return false, nil
	}
	hash, err := c.disk.db.Store().BlockHash(number)
	if errors.Is(err, store.ErrUnknown) && number < head.Height {
		return true, nil
	}
	return hash == b.Block.Hash(), err
}

// parent goes to the block that the held one comes after.
func (c *chainFeed) parent(head store.Head) error {
	number, hash := c.held.Block.NumberU64(), c.held.Block.ParentHash()
	if hash == head.Hash {
		if number > 1 {
			fmt.Fprintf(c.notes, "%s has the blocks up to %d\n", c.disk.dir, head.Height)
		}
		return nil
	}
	v, err := c.disk.db.Store().ViewBlock(hash)
	if err != nil {
		floor := c.disk.db.Store().Progress().Floor
		return fmt.Errorf("%s is at block %d %s of another fork: the chain's block %d comes after %s, whose state is not there (the oldest is that of block %d): %w",
			c.disk.dir, head.Height, head.Hash.Hex(), number, hash.Hex(), floor, err)
	}
	defer v.Close()
	c.disk.to(v.Block())
	fmt.Fprintf(c.notes, "%s is at block %d of another fork; going back to block %d\n", c.disk.dir, head.Height, number-1)
	return nil
}

// triesOf is the state after a block in go-ethereum's tries, in memory.
func triesOf(db *statedb.DB, at store.Head) (*statedb.Tries, error) {
	alloc, err := allocOf(db.Store())
	if err != nil {
		return nil, err
	}
	tries, err := statedb.TriesFromAlloc(alloc)
	if err != nil {
		return nil, err
	}
	if head := db.Head(); head.Hash != at.Hash {
		d, err := db.Store().Delta(head.Hash, at.Hash)
		if err != nil {
			return nil, err
		}
		return follow(tries, d, at.Root)
	}
	if got := tries.ViewRoot(); got != at.Root {
		return nil, fmt.Errorf("its cells make the state root %s, want %s", got.Hex(), at.Root.Hex())
	}
	return tries, nil
}
