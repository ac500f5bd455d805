package spectest

import (
	"context"
	"fmt"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/gpuevm/gpuevm/hostsched"
	"github.com/gpuevm/gpuevm/statedb"
	"github.com/gpuevm/gpuevm/statedb/forest"
	"github.com/gpuevm/gpuevm/statedb/store"
)

// ownChain follows the chain of a test with nothing of go-ethereum's below it: our processor
// on our store, with roots of our tries. Forks are followed as they come.
type ownChain struct {
	chain     *core.BlockChain
	db        *statedb.DB
	processor *hostsched.Processor
}

func openOwn(chain *core.BlockChain, genesis *core.Genesis, o hostsched.Options) (*ownChain, error) {
	const small = 1 << 20
	db, err := statedb.Open("", statedb.Options{
		Store: store.Options{FS: vfs.NewMem(), AccountCache: small, SlotCache: small, CodeCache: small,
			BlockCache: small, MemTable: small, Readers: 1, Sync: store.OnDemand},
		Forest: forest.Options{Workers: 2},
	})
	if err != nil {
		return nil, err
	}
	block := chain.Genesis()
	if err := db.Genesis(context.Background(), block.Hash(), block.Root(), genesis.Alloc); err != nil {
		_ = db.Close()
		return nil, err
	}
	o.Settle = true // nothing here is timed
	return &ownChain{chain, db, hostsched.New(o)}, nil
}

// follow runs a block that go-ethereum's state has come to root with, and keeps it if that
// is the root it should have.
func (c *ownChain) follow(ctx context.Context, block *types.Block, root common.Hash) error {
	if _, err := c.db.Store().ViewBlock(block.Hash()); err == nil {
		return nil // imported again
	}
	work, err := c.db.Begin(block.ParentHash())
	if err != nil {
		return err
	}
	author, err := c.chain.Engine().Author(block.Header())
	if err != nil {
		return err
	}
	result, err := c.processor.Process(ctx, &hostsched.Block{
		Block: block, Config: c.chain.Config(), Author: author, BlockHash: hostsched.BlockHashes(block.Header(), c.chain),
		Pre: work, Roots: work,
	})
	if err == nil && *result.Root != root {
		err = fmt.Errorf("our tries have root %s, go-ethereum's %s", result.Root.Hex(), root.Hex())
	}
	if err != nil || root != block.Root() {
		if e := work.Discard(); err == nil {
			err = e
		}
		return err
	}
	_, err = work.Commit(ctx, statedb.Block{Height: block.NumberU64(), Hash: block.Hash(), Want: root, Diff: result.Diff()})
	return err
}

func (c *ownChain) close() error { return c.db.Close() }
