package statebench

import (
	"context"
	"math/rand/v2"

	"github.com/ethereum/go-ethereum/common"
)

// Side is a state database that is measured.
type side interface {
	name() string
	// make makes the first state, in an empty directory.
	make(ctx context.Context, root common.Hash, progress func(int)) (common.Hash, error)
	open() error
	close() error
	// height is that of the last block that the disk has.
	height() uint64
	// walk goes to every account and slot in the tries once.
	walk(ctx context.Context) error
	// run takes a block through to the disk, or leaves it in memory where the side can
	// and keep says so.
	run(ctx context.Context, b *block, o how) (*Sample, error)
	// flush writes what run kept.
	flush() error
	// readers are the ways to read a cell of the newest state.
	readers() ([]reader, error)
}

// how a block is run.
type how struct {
	mode string // of the root: one of modes, for go-ethereum's tries and its StateDB
	keep bool
}

// modes are go-ethereum's ways to a root; see the package. Ours is plain with the first, and
// has hints with the second.
var modes = []string{"trie", "statedb"}

// Sample is one block on one side. Times are milliseconds.
type Sample struct {
	Root    string  `json:"-"`
	Mode    string  `json:"mode,omitempty"`
	Load    float64 `json:"load_ms"`
	ToRoot  float64 `json:"root_ms"`
	Commit  float64 `json:"commit_ms"`
	Flush   float64 `json:"flush_ms"`
	Durable float64 `json:"durable_ms"` // root, commit and flush
	Cores   float64 `json:"cores"`      // used on the way to the root
	Batch   int64   `json:"batch_bytes"`

	// Ours only: the parts of ToRoot, and of Commit.
	Resolve float64 `json:"resolve_ms,omitempty"`
	Update  float64 `json:"update_ms,omitempty"`
	Hash    float64 `json:"hash_ms,omitempty"`
	Collect float64 `json:"collect_ms,omitempty"`
	Nodes   int64   `json:"nodes_loaded,omitempty"`
	// Theirs in statedb mode: the setters, and what Finalise does, as a part of ToRoot.
	Mutate float64 `json:"mutate_ms,omitempty"`
}

// reader is a way to read cells. It may be used by several goroutines at once.
type reader struct {
	name string
	// account and slot say whether there is one.
	account func(addr common.Address) (bool, error)
	slot    func(addr common.Address, slot common.Hash) (bool, error)
	// again makes what a reader accumulates go away, as at a new block.
	again func() error
	close func()
}

// cell is one that is read.
type cell struct {
	addr   common.Address
	slot   common.Hash
	isSlot bool
	absent bool
}

// cells are random ones of the first state. Blocks add and clear slots, so that absence is
// sure of slots that no block names only.
func (w *World) cells(seed uint64, n int, slots, absent bool) []cell {
	r := rand.New(rand.NewPCG(seed, 2))
	list := make([]cell, n)
	for k := range list {
		c := &list[k]
		c.isSlot, c.absent = slots, absent
		i := r.IntN(w.Accounts)
		if slots {
			i = i / contractEach * contractEach
			j := r.IntN(w.slotsOf(i))
			if absent {
				j = 1<<22 + k
			}
			c.slot = w.slot(i, j)
		} else if absent {
			i = w.Accounts + 1 + 1<<22 + k
		}
		c.addr = w.address(i)
	}
	return list
}
