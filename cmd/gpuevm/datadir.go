package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/gpuevm/gpuevm/bench/report"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/hostsched"
	"github.com/gpuevm/gpuevm/statedb"
	"github.com/gpuevm/gpuevm/statedb/forest"
	"github.com/gpuevm/gpuevm/statedb/store"
)

// isStore reports whether a directory has a store in it. One that is not there or empty has
// none and may become one; one with anything else in it is an error.
func isStore(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("--datadir: %w", err)
	}
	if found, _ := filepath.Glob(filepath.Join(dir, "marker.manifest.*")); len(found) > 0 {
		return true, nil
	}
	for _, e := range entries {
		if e.Name() != "LOCK" && e.Name() != "MANIFEST-000001" { // left by a first open that did not end
			return false, fmt.Errorf("--datadir %s: not a store of gpuevm: it has %s and no manifest", dir, e.Name())
		}
	}
	return false, nil
}

// openStore opens the states in a directory. Those that are to be looked at only must be
// there.
func openStore(dir string, o statedb.Options) (*statedb.DB, error) {
	there, err := isStore(dir)
	if err == nil && !there && o.Store.ReadOnly {
		err = fmt.Errorf("--datadir %s: there is no store", dir)
	}
	if err != nil {
		return nil, err
	}
	db, err := statedb.Open(dir, o)
	switch {
	case err == nil:
	case isLocked(err):
		err = fmt.Errorf("--datadir %s is in use by another process: %w", dir, err)
	case errors.Is(err, store.ErrChain):
		err = fmt.Errorf("--datadir %s: %w", dir, err)
	}
	return db, err
}

// disk is a state in a directory, with those before it and of forks.
type disk struct {
	dir   string
	db    *statedb.DB
	at    store.Head  // the block that the next one comes after
	cells *store.View // of that block; nil until it is read
	work  *statedb.Work
	since forest.Stats // when it was opened
}

// openDisk opens the state of a chain in a directory, and puts the genesis in an empty one.
func openDisk(ctx context.Context, o *stateOptions, genesis *types.Header, alloc types.GenesisAlloc) (*disk, error) {
	db, err := openStore(o.dir, statedb.Options{Store: store.Options{Genesis: genesis.Hash(), Sync: o.sync}, Forest: o.tries})
	if err != nil {
		return nil, err
	}
	if db.Store().Recovery().Empty {
		if err = db.Genesis(ctx, genesis.Hash(), genesis.Root, alloc); err == nil {
			err = db.Sync(ctx) // what is read next reads what is stored
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: genesis: %w", o.dir, err), db.Close())
	}
	return &disk{dir: o.dir, db: db, at: db.Head(), since: db.Stats().Forest}, nil
}

func (d *disk) view() (gpuevm.StateView, error) {
	if d.cells == nil {
		v, err := d.db.Store().ViewBlock(d.at.Hash)
		if err != nil {
			return nil, err
		}
		d.cells = v
	}
	return d.cells, nil
}

func (d *disk) begin() (hostsched.Roots, error) {
	w, err := d.db.Begin(d.at.Hash)
	d.work = w
	return w, err
}

func (d *disk) stats() forest.Stats { return d.db.Stats().Forest }

func (d *disk) commit(ctx context.Context, b *types.Block, want common.Hash, diff *gpuevm.StateDiff) (*landing, error) {
	c, err := d.work.Commit(ctx, statedb.Block{Height: b.NumberU64(), Hash: b.Hash(), Want: want, Diff: diff})
	if err != nil {
		return nil, err
	}
	d.to(store.Head{Height: b.NumberU64(), Hash: b.Hash(), Root: want})
	l := &landing{done: make(chan struct{})}
	go func() {
		l.root, l.err = c.Root(context.Background())
		close(l.done)
	}()
	return l, nil
}

// to makes the block the one that the next comes after.
func (d *disk) to(at store.Head) {
	if d.cells != nil {
		d.cells.Close()
	}
	d.cells, d.work, d.at = nil, nil, at
}

func (d *disk) discard(*gpuevm.StateDiff) error {
	w := d.work
	d.work = nil
	if w == nil {
		return nil
	}
	return w.Discard()
}

// close syncs what was committed, whatever became of the rest.
func (d *disk) close() error {
	if d.cells != nil {
		d.cells.Close()
	}
	return d.db.Close()
}

// finish syncs what was committed, and says what there is then.
func (d *disk) finish(lines []*report.Line) (*report.Ending, error) {
	if err := d.db.Sync(context.Background()); err != nil {
		return nil, fmt.Errorf("%s: %w", d.dir, err)
	}
	return report.EndingOf(d.dir, d.db, &d.since, lines), nil
}

// allocOf lists the stored state.
func allocOf(s *store.Store) (types.GenesisAlloc, error) {
	alloc := make(types.GenesisAlloc)
	view, err := s.ViewBlock(s.Head().Hash)
	if err != nil {
		return nil, err
	}
	defer view.Close()
	err = s.EachAccount(common.Address{}, func(addr common.Address, a store.Account) error {
		out := types.Account{Nonce: a.Nonce, Balance: new(big.Int).SetBytes(a.Balance[:]), Storage: make(map[common.Hash]common.Hash)}
		if a.CodeHash != (common.Hash{}) {
			code, err := view.Code(a.CodeHash)
			if err != nil {
				return err
			}
			out.Code = code
		}
		alloc[addr] = out
		return s.EachSlot(addr, func(slot, value common.Hash) error {
			out.Storage[slot] = value
			return nil
		})
	})
	return alloc, err
}

// isLocked tells the error of a lock that somebody has: Pebble has no name for it.
func isLocked(err error) bool {
	return errors.Is(err, syscall.EAGAIN) || strings.Contains(err.Error(), "lock held by current process")
}
