package main

import (
	"context"
	"fmt"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/gpuevm/gpuevm/bench"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/hostsched"
	"github.com/gpuevm/gpuevm/statedb"
)

// serialRun is what serial go-ethereum made of a block.
type serialRun struct {
	*bench.GethResult
	root     *common.Hash // nil without tries
	rootTime time.Duration
	txsOnly  bool // ours left out what follows the transactions
	// comparable: receipts hold no intermediate state root, which go-ethereum's side
	// does not compute.
	comparable bool
}

// opponent runs one block through serial go-ethereum, over the same cells as our side.
type opponent struct {
	*trial
	geth  *bench.Geth
	roots *rootedReader
}

// run runs the block. ours is our result of it: what it changed is what go-ethereum will
// ask storage roots of.
func (o *opponent) run(ctx context.Context, ours *hostsched.BlockResult) (*serialRun, error) {
	sdb, err := o.state(ours)
	if err != nil {
		return nil, err
	}
	job, err := o.Fresh()
	if err != nil {
		return nil, err
	}
	return await(ctx, func() (*serialRun, error) {
		res, err := o.geth.Run(ctx, job, sdb)
		if err != nil {
			return nil, err
		}
		number := job.Block.Number()
		run := &serialRun{GethResult: res, txsOnly: job.TxsOnly, comparable: job.Config.IsByzantium(number)}
		if o.tries != nil && run.comparable && rewards(job) == nil { // else its end of the block lacks or adds rewards
			start := time.Now()
			root := sdb.IntermediateRoot(job.Config.Rules(number, job.Block.Difficulty().Sign() == 0, job.Block.Time()))
			run.root, run.rootTime = &root, time.Since(start)
		}
		return run, sdb.Error()
	})
}

// state is the state before the block for go-ethereum.
func (o *opponent) state(ours *hostsched.BlockResult) (*state.StateDB, error) {
	if o.tries == nil {
		return bench.OverView(o.Pre)
	}
	tries, err := reopen(o.tries)
	if err != nil {
		return nil, err
	}
	db, root := tries.Database(), tries.ViewRoot()
	if o.Pre == gpuevmView(o.tries) {
		return state.New(root, db)
	}
	if o.roots == nil {
		if o.roots, err = newRootedReader(o.Pre, db, root, ours.Diff()); err != nil {
			return nil, err
		}
	}
	return state.NewWithReader(root, db, o.roots)
}

// rootedReader reads from the flat state, which knows no storage roots; go-ethereum needs
// those of the accounts that change. They are looked up beforehand, so that go-ethereum
// is not charged for walks that our side does not make either: a node has them flat too.
type rootedReader struct {
	state.Reader
	tries state.Reader
	roots map[common.Address]common.Hash
}

func newRootedReader(pre gpuevm.StateView, db state.Database, root common.Hash, d *gpuevm.StateDiff) (*rootedReader, error) {
	flat, err := bench.OverView(pre)
	if err != nil {
		return nil, err
	}
	tries, err := db.Reader(root)
	if err != nil {
		return nil, err
	}
	r := &rootedReader{Reader: flat.Reader(), tries: tries, roots: make(map[common.Address]common.Hash)}
	note := func(addr common.Address) {
		if _, known := r.roots[addr]; !known && err == nil {
			r.roots[addr], err = r.root(addr)
		}
	}
	for _, addr := range d.Wiped {
		note(addr)
	}
	for i := range d.Cells {
		note(d.Cells[i].Key.Addr)
	}
	for i := range d.Adds {
		note(d.Adds[i].Key.Addr)
	}
	return r, err
}

// Account implements state.Reader.
func (r *rootedReader) Account(addr common.Address) (*types.StateAccount, error) {
	a, err := r.Reader.Account(addr)
	if err != nil || a == nil {
		return a, err
	}
	root, known := r.roots[addr]
	if !known {
		if root, err = r.root(addr); err != nil {
			return nil, err
		}
	}
	a.Root = root
	return a, nil
}

func (r *rootedReader) root(addr common.Address) (common.Hash, error) {
	a, err := r.tries.Account(addr)
	if err != nil || a == nil {
		return types.EmptyRootHash, err
	}
	return a.Root, nil
}

// follow is the state after a block on go-ethereum's side. The root that it must have is
// what our tries made of the block.
func follow(t *statedb.Tries, d *gpuevm.StateDiff, want common.Hash) (*statedb.Tries, error) {
	t, err := reopen(t)
	if err != nil {
		return nil, err
	}
	if err := t.Apply(d); err != nil {
		return nil, err
	}
	next, err := t.Commit()
	if err == nil && next.ViewRoot() != want {
		err = fmt.Errorf("go-ethereum's tries come to state root %s, ours to %s", next.ViewRoot().Hex(), want.Hex())
	}
	return next, err
}

// reopen is the same state with nothing read and nothing applied.
func reopen(t *statedb.Tries) (*statedb.Tries, error) {
	db := t.Database().TrieDB()
	return statedb.NewTries(db, state.NewCodeDB(db.Disk()), t.ViewRoot())
}

func gpuevmView(t *statedb.Tries) gpuevm.StateView { return t }

// rewards are hostsched's default but under clique, which pays none.
func rewards(j *bench.Job) func(*types.Header, []*types.Header) []hostsched.Credit {
	if j.Config.Clique == nil || j.Block.Difficulty().Sign() == 0 {
		return nil
	}
	return func(*types.Header, []*types.Header) []hostsched.Credit { return nil }
}

// await is for work that can't be told to stop: it is left behind when ctx ends.
func await[T any](ctx context.Context, work func() (T, error)) (T, error) {
	type done struct {
		value T
		err   error
	}
	ch := make(chan done, 1)
	go func() {
		v, err := work()
		ch <- done{v, err}
	}()
	select {
	case d := <-ch:
		return d.value, d.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}
