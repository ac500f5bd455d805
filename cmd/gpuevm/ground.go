package main

import (
	"context"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/hostsched"
	"github.com/gpuevm/gpuevm/statedb"
	"github.com/gpuevm/gpuevm/statedb/forest"
)

// ground is the state that our side runs a block on, in tries of our own. It goes from
// block to block.
//
//	view             what the block reads, the same until commit
//	begin            a run of the block starts: where its changes go
//	commit, discard  what becomes of them; one of the two follows every begin
//
// However often a block is begun and discarded, each run finds the same nodes in memory.
type ground interface {
	view() (gpuevm.StateView, error)
	begin() (hostsched.Roots, error)
	// commit makes the changes part of the state. want is the root that they must lead to;
	// zero: any.
	commit(ctx context.Context, b *types.Block, want common.Hash, d *gpuevm.StateDiff) (*landing, error)
	// discard takes everything back. d is what the run changed, nil where that is not known.
	discard(d *gpuevm.StateDiff) error
	stats() forest.Stats
}

// landing is a block's root, which may come later.
type landing struct {
	done chan struct{} // closed when what follows is known
	root common.Hash
	err  error
}

func landed(root common.Hash) *landing {
	l := &landing{done: make(chan struct{}), root: root}
	close(l.done)
	return l
}

// memory is a state in memory: flat cells to read, tries that stay decoded from block to
// block.
type memory struct {
	cells  *statedb.Mem
	nodes  *forest.Nodes
	forest *forest.Forest
	root   common.Hash
}

// newMemory is the state of an allocation.
func newMemory(alloc types.GenesisAlloc, tries forest.Options) (*memory, error) {
	d, err := statedb.AllocDiff(alloc)
	if err != nil {
		return nil, err
	}
	nodes := forest.NewNodes()
	m := &memory{cells: statedb.NewMem(nil), nodes: nodes, forest: forest.New(tries, common.Hash{}, nodes)}
	if err := m.forest.Apply(d); err != nil {
		return nil, err
	}
	return m, m.keep(common.Hash{}, d)
}

func (m *memory) view() (gpuevm.StateView, error) { return m.cells, nil }
func (m *memory) begin() (hostsched.Roots, error) { return m.forest, nil }
func (m *memory) stats() forest.Stats             { return m.forest.Stats() }

func (m *memory) commit(_ context.Context, b *types.Block, want common.Hash, d *gpuevm.StateDiff) (*landing, error) {
	if err := m.keep(want, d); err != nil {
		return nil, fmt.Errorf("block %d: %w", b.NumberU64(), err)
	}
	return landed(m.root), nil
}

// keep makes what was applied to the forest part of the state.
func (m *memory) keep(want common.Hash, d *gpuevm.StateDiff) error {
	root, err := m.forest.Root()
	if err != nil {
		return err
	}
	if want != (common.Hash{}) && root != want {
		return fmt.Errorf("%w: %s, want %s", statedb.ErrRoot, root.Hex(), want.Hex())
	}
	if err := m.forest.Collect(m.nodes.Keep); err != nil {
		return err
	}
	m.forest.Trim()
	m.root = root
	return m.cells.Apply(d)
}

// discard applies what leads back, for Undo would leave storage tries to be read again: the
// next run would not find what this one did. Storage that was wiped is not in the diff.
func (m *memory) discard(d *gpuevm.StateDiff) error {
	if d == nil || len(d.Wiped) > 0 {
		return m.forest.Undo()
	}
	back, err := inverse(m.cells, d)
	if err == nil {
		err = m.forest.Apply(back)
	}
	if err != nil {
		return err
	}
	root, err := m.forest.Root()
	if err == nil && root != m.root {
		err = fmt.Errorf("state root %s after the block was taken back, want %s", root.Hex(), m.root.Hex())
	}
	if err != nil {
		return err
	}
	return m.forest.Collect(m.nodes.Keep)
}

// inverse leads back from the state after a diff, one that wipes nothing and adds nothing.
func inverse(before gpuevm.StateView, d *gpuevm.StateDiff) (*gpuevm.StateDiff, error) {
	back := &gpuevm.StateDiff{Cells: make([]gpuevm.Cell, len(d.Cells))}
	for i := range d.Cells {
		key := d.Cells[i].Key
		v, err := before.Read(key)
		if err != nil {
			return nil, err
		}
		back.Cells[i] = gpuevm.Cell{Key: key, Value: v}
	}
	return back, nil
}
