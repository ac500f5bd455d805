package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/gpuevm/gpuevm/bench/source"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/hostsched"
	"github.com/gpuevm/gpuevm/statedb/forest"
	"github.com/gpuevm/gpuevm/statedb/mpt"
)

// witnessed is the state before one block as its witness has it. Each run starts with
// nothing decoded, as go-ethereum's does.
type witnessed struct {
	block  *source.Block
	nodes  *forest.Nodes
	tries  forest.Options
	forest *forest.Forest
}

func newWitnessed(b *source.Block, tries forest.Options) *witnessed {
	tries.Partial = true
	w := &witnessed{block: b, nodes: forest.NewNodes(b.Nodes...), tries: tries}
	w.open()
	return w
}

func (w *witnessed) open() {
	w.forest = forest.New(w.tries, w.block.Tries.ViewRoot(), w.nodes)
}

// view is flat where the block has that, else go-ethereum's tries with nothing read yet.
func (w *witnessed) view() (gpuevm.StateView, error) {
	if w.block.Pre == gpuevmView(w.block.Tries) {
		return reopen(w.block.Tries)
	}
	return w.block.Pre, nil
}

func (w *witnessed) begin() (hostsched.Roots, error) {
	return &witnessRoots{forest: w.forest}, nil
}

func (w *witnessed) stats() forest.Stats { return w.forest.Stats() }

func (w *witnessed) commit(context.Context, *types.Block, common.Hash, *gpuevm.StateDiff) (*landing, error) {
	return nil, errors.New("a witness has no state after its block")
}

func (w *witnessed) discard(*gpuevm.StateDiff) error {
	w.open()
	return nil
}

// witnessRoots says whom a node that the witness lacks was needed for: the trie knows only
// hashes. It is not hostsched.Early: a block must be applied in one piece.
type witnessRoots struct {
	forest *forest.Forest
	diffs  []*gpuevm.StateDiff
}

// Apply implements hostsched.Roots.
func (w *witnessRoots) Apply(d *gpuevm.StateDiff) error {
	w.diffs = append(w.diffs, d)
	return w.forest.Apply(d)
}

// Root implements hostsched.Roots.
func (w *witnessRoots) Root() (common.Hash, error) {
	root, err := w.forest.Root()
	var missing *mpt.MissingNodeError
	if errors.As(err, &missing) {
		err = fmt.Errorf("the witness lacks a node that the state root needs%s: %w", w.needs(missing), err)
	}
	return root, err
}

// needs names a cell whose change needs the node: one below it, or one beside it that
// leaves a branch with a single child.
func (w *witnessRoots) needs(m *mpt.MissingNodeError) string {
	for _, near := range [][]byte{m.Path, m.Path[:max(0, len(m.Path)-1)]} {
		for _, d := range w.diffs {
			for i := range d.Cells {
				if key := &d.Cells[i].Key; below(m.Owner, near, key) {
					return fmt.Sprintf(" (for %s)", key)
				}
			}
		}
	}
	return ""
}

// below says whether a cell is below this place of a trie.
func below(owner common.Hash, path []byte, key *gpuevm.Key) bool {
	hash := crypto.Keccak256(key.Addr[:])
	if owner != (common.Hash{}) {
		if key.Kind != gpuevm.Slot || !bytes.Equal(owner[:], hash) {
			return false
		}
		hash = crypto.Keccak256(key.Slot[:])
	}
	for i, nibble := range path {
		if i >= 2*len(hash) || hash[i/2]>>(4*(1-i%2))&15 != nibble {
			return false
		}
	}
	return true
}
