package statedb

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/statedb/mpt"
	"github.com/gpuevm/gpuevm/statedb/store"
)

// Work is a block on its way into a DB: the state it executes on, and where its changes
// go. It is a gpuevm.Tracked to read, safe for concurrent use; its other methods are those
// that hostsched wants of a block's Roots, for one goroutine at a time.
//
// Whoever owns the forest has its changes in it while its block executes. That is a
// convenience: ownership can be taken away by a block that is committed meanwhile, and what
// was handed over early is lost then. Root and Commit bring everything again.
type Work struct {
	*store.View
	db     *DB
	parent common.Hash

	mu    sync.Mutex
	owns  bool
	early []early // before it owned the forest

	diffs   []*gpuevm.StateDiff // applied
	applied int                 // how many of them are in the forest
	root    common.Hash         // of the first rooted of them
	rooted  int
	over    bool
}

type early struct {
	diff    *gpuevm.StateDiff
	claimed []common.Address
	later   int
}

// maxEarly bounds what is kept for a block that does not own the forest yet.
const maxEarly = 1024

// Begin starts a block on the state after its parent: any block of the window, or zero for
// the first block of an empty database.
func (db *DB) Begin(parent common.Hash) (*Work, error) {
	view, err := db.store.ViewBlock(parent)
	if err != nil {
		return nil, err
	}
	w := &Work{View: view, db: db, parent: parent}
	db.jobs.Lock()
	db.next = w
	quiet := db.busy == 0
	db.jobs.Unlock()
	if quiet && db.seat.TryLock() {
		db.grant()
		db.seat.Unlock()
	}
	return w, nil
}

// grant gives the forest to the block that was begun last, where the forest is at its
// parent and nobody has it. The caller has the seat.
func (db *DB) grant() {
	db.jobs.Lock()
	w := db.next
	db.jobs.Unlock()
	if w == nil || db.owner != nil || w.parent != db.last {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return
	}
	db.owner, w.owns = w, true
	db.forest.Recall(w.View)
	for _, e := range w.early {
		db.forest.Settled(e.diff, e.claimed, e.later)
	}
	w.early = nil
}

// take makes w the owner of the forest, which is then at its parent's state with the first
// w.applied diffs on top. The caller has the seat.
func (db *DB) take(w *Work) error {
	if db.failed != nil {
		return db.failed
	}
	if db.owner == w {
		return nil
	}
	if err := db.evict(db.owner); err != nil {
		return err
	}
	if err := db.follow(w.parent); err != nil {
		return errors.Join(err, db.forest.Undo())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	db.owner, w.owns, w.applied, w.early = w, true, 0, nil
	db.forest.Recall(w.View)
	return nil
}

// evict takes the forest away from w, if w owns it.
func (db *DB) evict(w *Work) error {
	if w == nil || db.owner != w {
		return nil
	}
	w.lose()
	db.owner = nil
	return db.forest.Undo()
}

// follow brings the forest from the block that it is at to another.
func (db *DB) follow(to common.Hash) error {
	if to == db.last {
		return nil
	}
	d, err := db.store.Delta(db.last, to)
	if err == nil {
		err = db.forest.Apply(d)
	}
	if err != nil {
		return fmt.Errorf("from block %s to %s: %w", db.last.Hex(), to.Hex(), err)
	}
	return nil
}

// lose takes the forest away.
func (w *Work) lose() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.owns, w.applied = false, 0
}

// Expect names cells that the block will change; see forest.Forest.
func (w *Work) Expect(keys []gpuevm.Key) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.owns {
		w.db.forest.Expect(keys)
	}
}

// Settled hands over what no later transaction is known to change; see forest.Forest. Apply
// must follow.
func (w *Work) Settled(d *gpuevm.StateDiff, claimed []common.Address, later int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.owns:
		w.db.forest.Settled(d, claimed, later)
	case len(w.early) < maxEarly:
		w.early = append(w.early, early{d, claimed, later})
	}
}

// Apply notes a diff of the block.
func (w *Work) Apply(d *gpuevm.StateDiff) error {
	w.diffs = append(w.diffs, d)
	return nil
}

// Root is the state root after all that was applied. It waits for blocks that were
// committed before.
func (w *Work) Root() (common.Hash, error) {
	db := w.db
	db.jobs.Lock()
	tail := db.tail
	db.jobs.Unlock()
	<-tail
	db.seat.Lock()
	defer db.seat.Unlock()
	if err := db.take(w); err != nil {
		return common.Hash{}, err
	}
	return w.fold()
}

// fold is Root with the seat, as owner.
func (w *Work) fold() (common.Hash, error) {
	for ; w.applied < len(w.diffs); w.applied++ {
		if err := w.db.forest.Apply(w.diffs[w.applied]); err != nil {
			return common.Hash{}, err
		}
	}
	root, err := w.db.forest.Root()
	if err == nil {
		w.root, w.rooted = root, len(w.diffs)
	}
	return root, err
}

// Discard gives the block up: nothing of it stays.
func (w *Work) Discard() error {
	w.end()
	w.View.Close()
	w.db.seat.Lock()
	defer w.db.seat.Unlock()
	return w.db.evict(w)
}

func (w *Work) end() {
	w.db.jobs.Lock()
	if w.db.next == w {
		w.db.next = nil
	}
	w.db.jobs.Unlock()
	w.mu.Lock()
	w.over = true
	w.mu.Unlock()
}

// Block is an executed block.
type Block struct {
	Height uint64
	Hash   common.Hash       // names it; any unique value does while its real hash is not known
	Want   common.Hash       // the state root that it must have; zero: any
	Diff   *gpuevm.StateDiff // all that it changed
}

// Commit is a block that was committed.
type Commit struct {
	db   *DB
	work *Work
	Block
	done chan struct{} // closed when what follows is known
	root common.Hash
	step uint64
	err  error
}

// ErrRoot: a block's state root is not the one that it must have.
var ErrRoot = errors.New("wrong state root")

// Commit makes the state after the block readable, and sends it through the tries and to the
// disk. Where so many blocks wait for their roots that another would be too many it waits.
func (w *Work) Commit(ctx context.Context, b Block) (*Commit, error) {
	db := w.db
	w.end()
	if b.Diff == nil {
		b.Diff = new(gpuevm.StateDiff) // nothing changed
	}
	c := &Commit{db: db, work: w, Block: b, done: make(chan struct{})}
	if err := db.enter(ctx); err != nil {
		return nil, errors.Join(err, w.Discard())
	}
	if err := db.store.Add(store.Block{Height: b.Height, Hash: b.Hash, Parent: w.parent, Diff: b.Diff}); err != nil {
		db.leave()
		return nil, errors.Join(err, w.Discard())
	}
	db.jobs.Lock()
	before := db.tail
	db.tail = c.done
	db.jobs.Unlock()
	go c.run(before)
	return c, nil
}

// enter waits for a place among the blocks under way.
func (db *DB) enter(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		db.jobs.Lock()
		defer db.jobs.Unlock()
		db.idle.Broadcast()
	})
	defer stop()
	db.jobs.Lock()
	defer db.jobs.Unlock()
	for db.busy >= db.behind && !db.shut && ctx.Err() == nil {
		db.idle.Wait()
	}
	switch {
	case db.shut:
		return errShut
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	db.busy++
	return nil
}

func (db *DB) leave() {
	db.jobs.Lock()
	defer db.jobs.Unlock()
	db.busy--
	db.idle.Broadcast()
}

// run sends the block through the tries and to the disk, after the one before.
func (c *Commit) run(before chan struct{}) {
	<-before
	db, w := c.db, c.work
	db.seat.Lock()
	if c.err = c.pass(); c.err != nil {
		c.err = fmt.Errorf("block %d %s: %w", c.Height, c.Hash.Hex(), c.err)
		db.refused[c.Hash] = c.err
		if db.owner == w {
			db.owner = nil
			c.err = errors.Join(c.err, db.forest.Undo())
		}
	}
	w.lose()
	w.View.Close()
	db.grant()
	db.seat.Unlock()
	db.leave() // first, so that who has the root finds the forest free
	close(c.done)
}

// pass is update, hash and store.
func (c *Commit) pass() error {
	db, w := c.db, c.work
	if err := db.refused[w.parent]; err != nil {
		return fmt.Errorf("its parent was refused: %w", err)
	}
	if len(w.diffs) == 0 {
		w.diffs = append(w.diffs, c.Diff)
		if err := db.evict(w); err != nil { // the diff may lack what was handed over early
			return err
		}
	}
	if err := db.take(w); err != nil {
		return err
	}
	if w.rooted < len(w.diffs) || w.applied < len(w.diffs) {
		if _, err := w.fold(); err != nil {
			return err
		}
	}
	if c.root = w.root; c.Want != (common.Hash{}) && c.root != c.Want {
		return fmt.Errorf("%w: %s, want %s", ErrRoot, c.root.Hex(), c.Want.Hex())
	}
	return c.store()
}

// store hands the nodes that changed to the store.
func (c *Commit) store() (err error) {
	db := c.db
	st := store.Step{From: db.last, To: c.Hash, Root: c.root}
	var blobs bytesArena
	err = db.forest.Collect(func(n *mpt.Change) error {
		if n.All {
			st.Wiped = append(st.Wiped, n.Owner)
			return nil
		}
		st.Nodes = append(st.Nodes, store.Node{Owner: n.Owner, Path: blobs.keep(n.Path), Hash: n.Hash, Blob: blobs.keep(n.Blob)})
		return nil
	})
	if err == nil {
		c.step, err = db.store.Advance(context.Background(), st)
	}
	if db.owner = nil; err != nil {
		db.failed = err // the forest has left the block that the disk is at
		return err
	}
	db.last = c.Hash
	db.forest.Trim()
	return nil
}

// bytesArena keeps many short slices in few long ones.
type bytesArena struct{ free []byte }

const arenaChunk = 1 << 18

// keep is a copy; nil stays nil.
func (a *bytesArena) keep(b []byte) []byte {
	if b == nil {
		return nil
	}
	if len(a.free)+len(b) > cap(a.free) {
		a.free = make([]byte, 0, max(arenaChunk, len(b)))
	}
	n := len(a.free)
	a.free = append(a.free, b...)
	return a.free[n:len(a.free):len(a.free)]
}

// Root is the state root, once it is known. It is on its way to the disk then.
func (c *Commit) Root(ctx context.Context) (common.Hash, error) {
	select {
	case <-c.done:
		return c.root, c.err
	case <-ctx.Done():
		return common.Hash{}, context.Cause(ctx)
	}
}

// Durable returns when the block would survive a crash.
func (c *Commit) Durable(ctx context.Context) error {
	if _, err := c.Root(ctx); err != nil {
		return err
	}
	return c.db.store.WaitDurable(ctx, c.step)
}
