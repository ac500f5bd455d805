package statedb

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/gpuevm/gpuevm/statedb/forest"
	"github.com/gpuevm/gpuevm/statedb/mpt"
	"github.com/gpuevm/gpuevm/statedb/store"
)

// Options are how a DB is opened. Zero values mean the defaults.
type Options struct {
	Store  store.Options
	Forest forest.Options
	// Behind is how many blocks may be executed beyond the last whose root is known, where
	// roots come later; default 4.
	Behind int
}

// DB is a chain's states on disk, with roots: a store for cells and nodes, and the tries of
// the block that the disk is at or on its way to.
//
//	work, _ := db.Begin(parent)            // the state to execute on
//	...                                    // hostsched: Pre: work, Roots: work
//	commit, _ := work.Commit(ctx, block)   // readable now
//	root, _ := commit.Root(ctx)            // known, and on its way to the disk
//	_ = commit.Durable(ctx)                // outlives a crash
//
// Blocks go through the tries one after another, in the order of Commit. Any block of the
// store's window may be a parent, which is how a fork is followed.
type DB struct {
	store  *store.Store
	behind int

	seat    sync.Mutex // who has it may work on the forest, and change what follows
	forest  *forest.Forest
	owner   *Work       // whose changes are in the forest; nil: nobody's
	last    common.Hash // the block that the forest is at without these
	refused map[common.Hash]error
	failed  error // ends everything that needs the forest

	jobs sync.Mutex // of the blocks committed and not done yet
	idle *sync.Cond
	busy int
	next *Work // begun last
	tail chan struct{}
	shut bool
}

// Open opens the states in a directory, or makes an empty one there. What was found is in
// Store().Recovery.
func Open(dir string, o Options) (*DB, error) {
	s, err := store.Open(dir, o.Store)
	if err != nil {
		return nil, err
	}
	if o.Behind <= 0 {
		o.Behind = 4
	}
	done := make(chan struct{})
	close(done)
	head := s.Head()
	db := &DB{
		store: s, behind: o.Behind, last: head.Hash, refused: make(map[common.Hash]error), tail: done,
		forest: forest.New(o.Forest, head.Root, nodes{s}),
	}
	db.idle = sync.NewCond(&db.jobs)
	return db, nil
}

// nodes are the store's trie nodes as the forest asks for them.
type nodes struct{ *store.Store }

// Node implements mpt.Source.
func (n nodes) Node(owner common.Hash, path []byte, hash common.Hash) ([]byte, error) {
	return n.Store.Node(owner, path, hash)
}

// Sweep implements mpt.Sweeper.
func (n nodes) Sweep() mpt.Sweep { return n.Store.Sweep() }

var _ mpt.Sweeper = nodes{}

// Genesis makes an allocation the first state of an empty database, that of a block of
// height 0. It must have this root.
func (db *DB) Genesis(ctx context.Context, hash, root common.Hash, alloc types.GenesisAlloc) error {
	d, err := AllocDiff(alloc)
	if err != nil {
		return err
	}
	w, err := db.Begin(common.Hash{})
	if err != nil {
		return err
	}
	c, err := w.Commit(ctx, Block{Hash: hash, Want: root, Diff: d})
	if err != nil {
		return err
	}
	_, err = c.Root(ctx)
	return err
}

// Store is where the states are.
func (db *DB) Store() *store.Store { return db.store }

// Head is the last block whose root is known; it is on disk or on its way there.
func (db *DB) Head() store.Head { return db.store.Head() }

// View is the state with this root, one of the window.
func (db *DB) View(root common.Hash) (*store.View, error) { return db.store.View(root) }

// Stats are of the tries, the store and what waits for them.
type Stats struct {
	Forest forest.Stats
	Store  store.Progress
	Blocks int // committed, root not known yet
}

// Stats says what was done and what waits.
func (db *DB) Stats() Stats {
	db.jobs.Lock()
	busy := db.busy
	db.jobs.Unlock()
	return Stats{db.forest.Stats(), db.store.Progress(), busy}
}

// Waiting is how many keys and accounts were handed over early and not looked at yet.
func (db *DB) Waiting() int { return db.forest.Waiting() }

var errShut = errors.New("state database is closed")

// Close waits for the blocks that were committed, writes them, and lets go of everything.
func (db *DB) Close() error {
	db.jobs.Lock()
	db.shut = true
	for db.busy > 0 {
		db.idle.Wait()
	}
	db.jobs.Unlock()
	db.seat.Lock()
	defer db.seat.Unlock()
	db.failed = errShut
	return errors.Join(db.evict(db.owner), db.store.Close())
}

// Prove proves an account and slots of it under a root of the window, as eth_getProof
// does. States other than the newest are made from it, which takes as long as the blocks
// in between.
func (db *DB) Prove(root common.Hash, addr common.Address, slots []common.Hash) (*forest.AccountProof, error) {
	view, err := db.store.View(root)
	if err != nil {
		return nil, err
	}
	defer view.Close()
	db.seat.Lock()
	defer db.seat.Unlock()
	head := db.store.Head()
	old := forest.New(forest.Options{}, head.Root, nodes{db.store})
	d, err := db.store.Delta(head.Hash, view.Block().Hash)
	if err != nil {
		return nil, err
	}
	if err := old.Apply(d); err != nil {
		return nil, err
	}
	got, err := old.Root()
	if err == nil && got != root {
		err = fmt.Errorf("state of block %d has root %s, made from that of block %d it has %s",
			view.Height(), root.Hex(), head.Height, got.Hex())
	}
	if err != nil {
		return nil, err
	}
	return old.Prove(addr, slots)
}

// Sync returns when all blocks that were committed so far would survive a crash.
func (db *DB) Sync(ctx context.Context) error {
	db.jobs.Lock()
	tail := db.tail
	db.jobs.Unlock()
	select {
	case <-tail:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return db.store.Sync(ctx)
}
