package statebench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/statedb"
	"github.com/gpuevm/gpuevm/statedb/forest"
	"github.com/gpuevm/gpuevm/statedb/store"
)

// ours is statedb.DB with its defaults.
type ours struct {
	w      *World
	dir    string
	forest forest.Options
	db     *statedb.DB
}

func newOurs(w *World, dir string, o forest.Options) *ours {
	return &ours{w: w, dir: filepath.Join(dir, "gpuevm"), forest: o}
}

func (o *ours) name() string { return "gpuevm" }

// make loads the first state, which must have this root.
func (o *ours) make(ctx context.Context, root common.Hash, progress func(int)) (got common.Hash, err error) {
	s, err := store.Open(o.dir, store.Options{})
	if err != nil {
		return got, err
	}
	err = s.Load(1, o.w.hash(1), root, func(l *store.Loader) error {
		if err := l.Code(theCodeHash, theCode); err != nil {
			return err
		}
		var err error
		got, err = o.w.stream(ctx, ourSink{l}, progress)
		return err
	})
	if err == nil && got != root {
		err = fmt.Errorf("state was made twice, with roots %s and %s", root.Hex(), got.Hex())
	}
	if e := s.Close(); err == nil {
		err = e
	}
	return got, err
}

type ourSink struct{ *store.Loader }

func (s ourSink) account(addr common.Address, _ common.Hash, a *types.StateAccount) error {
	acct := store.Account{Nonce: a.Nonce, Balance: a.Balance.Bytes32()}
	if code := common.BytesToHash(a.CodeHash); code != types.EmptyCodeHash {
		acct.CodeHash = code
	}
	return s.Account(addr, acct)
}

func (s ourSink) slot(addr common.Address, _, slot, _, value common.Hash) error {
	return s.Slot(addr, slot, value)
}

func (s ourSink) node(owner common.Hash, path []byte, hash common.Hash, blob []byte) error {
	return s.Node(store.Node{Owner: owner, Path: path, Hash: hash, Blob: blob})
}

func (o *ours) open() (err error) {
	o.db, err = statedb.Open(o.dir, statedb.Options{Forest: o.forest})
	return err
}

func (o *ours) close() error { return o.db.Close() }

func (o *ours) height() uint64 { return o.db.Head().Height }

func (o *ours) flush() error { return nil }

// walk hands every key to Expect, as a block's access list would.
func (o *ours) walk(ctx context.Context) error {
	work, err := o.db.Begin(o.db.Head().Hash)
	if err != nil {
		return err
	}
	const chunk = 1 << 14
	keys := make([]gpuevm.Key, 0, chunk)
	wait := func() error {
		work.Expect(keys)
		keys = keys[:0]
		for o.db.Stats().Forest.Waiting > 0 {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			time.Sleep(time.Millisecond)
		}
		return nil
	}
	add := func(key gpuevm.Key) error {
		if keys = append(keys, key); len(keys) < chunk {
			return nil
		}
		return wait()
	}
	for _, p := range o.w.order() {
		i := int(p.index)
		addr := o.w.address(i)
		err := add(gpuevm.Key{Addr: addr, Kind: gpuevm.Balance})
		for _, q := range o.w.slotOrder(i) {
			if err == nil {
				err = add(gpuevm.Key{Addr: addr, Kind: gpuevm.Slot, Slot: o.w.slot(i, int(q.index))})
			}
		}
		if err != nil {
			return errors.Join(err, work.Discard())
		}
	}
	if err := wait(); err != nil {
		return err
	}
	return work.Discard()
}

func (o *ours) run(ctx context.Context, b *block, how how) (*Sample, error) {
	diff, s := b.diff(), &Sample{Mode: "plain"}
	before, written := o.db.Stats().Forest, o.db.Store().Progress().Written
	watch := newWatch()
	work, err := o.db.Begin(o.db.Head().Hash)
	if err != nil {
		return nil, err
	}
	if how.mode == "statedb" {
		s.Mode = "ahead"
		work.Expect(keysOf(diff))
	}
	for i := range diff.Cells {
		if _, err := work.Read(diff.Cells[i].Key); err != nil {
			return nil, err
		}
	}
	s.Load = watch.lap()
	watch.restart()
	if err := work.Apply(diff); err != nil {
		return nil, err
	}
	root, err := work.Root()
	if err != nil {
		return nil, err
	}
	s.ToRoot, s.Cores = watch.lap(), watch.cores()
	c, err := work.Commit(ctx, statedb.Block{Height: b.Height, Hash: o.w.hash(b.Height), Want: root, Diff: diff})
	if err != nil {
		return nil, err
	}
	if _, err := c.Root(ctx); err != nil {
		return nil, err
	}
	s.Commit = watch.lap()
	if err := c.Durable(ctx); err != nil {
		return nil, err
	}
	s.Flush = watch.lap()
	s.Root, s.Durable = root.Hex(), s.ToRoot+s.Commit+s.Flush
	o.parts(s, &before)
	s.Batch = int64(o.db.Store().Progress().Written - written)
	return s, nil
}

func keysOf(d *gpuevm.StateDiff) []gpuevm.Key {
	keys := make([]gpuevm.Key, len(d.Cells))
	for i := range d.Cells {
		keys[i] = d.Cells[i].Key
	}
	return keys
}

func (o *ours) parts(s *Sample, before *forest.Stats) {
	now := o.db.Stats().Forest
	s.Resolve, s.Update = ms(now.Load-before.Load), ms(now.Update-before.Update)
	s.Hash, s.Collect = ms(now.Hash-before.Hash), ms(now.Collect-before.Collect)
	s.Nodes = now.Loaded - before.Loaded
}

func (o *ours) readers() ([]reader, error) {
	view, err := o.db.View(o.db.Head().Root)
	if err != nil {
		return nil, err
	}
	return []reader{{
		name: "gpuevm flat",
		account: func(addr common.Address) (bool, error) {
			v, err := view.Read(gpuevm.Key{Addr: addr, Kind: gpuevm.Exists})
			return v != (common.Hash{}), err
		},
		slot: func(addr common.Address, slot common.Hash) (bool, error) {
			v, err := view.Read(gpuevm.Key{Addr: addr, Kind: gpuevm.Slot, Slot: slot})
			return v != (common.Hash{}), err
		},
		again: func() error { return nil },
		close: view.Close,
	}}, nil
}
