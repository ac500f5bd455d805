package forest

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/gpuevm/gpuevm/statedb/keccak"
	"github.com/gpuevm/gpuevm/statedb/mpt"
)

// Options are how a forest works. Zero values mean the defaults.
type Options struct {
	Hasher  keccak.Hasher // default: the fastest of this processor
	Workers int           // cores to work on; default: all
	Readers int           // nodes asked for at once; default 32
	Limit   int64         // bytes of nodes that Trim leaves; default 1 GiB
	// Partial says that the source lacks nodes for good, as a witness does. Then a block
	// must be applied in one piece: a part of it may need what the whole does not.
	Partial bool
}

func (o *Options) fill() {
	if o.Hasher == nil {
		o.Hasher = keccak.Best()
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Readers <= 0 {
		o.Readers = 32
	}
	if o.Limit <= 0 {
		o.Limit = 1 << 30
	}
}

// Forest is the tries of a state. Expect may be called by anybody at any time, Settled,
// Apply and what follows by one goroutine at a time.
type Forest struct {
	opt    Options
	arena  *mpt.Arena
	source *source
	ahead  ahead
	// recaller has cells of the state before the block; nil: nobody has
	recaller atomic.Pointer[Recaller]

	mu       sync.Mutex // of all that follows
	accounts *mpt.Trie
	storage  map[common.Hash]*mpt.Trie // by the hash of the account's address
	root     common.Hash               // as of the last Collect
	block    uint32                    // counts Collects: the age of nodes
	changes  changes
	scratch  scratch
	stats    Stats
	err      error // until Undo
}

// New is the state with this root, whose nodes are in source.
func New(o Options, root common.Hash, from mpt.Source) *Forest {
	o.fill()
	if root == (common.Hash{}) {
		root = types.EmptyRootHash
	}
	f := &Forest{
		opt:     o,
		arena:   mpt.NewArena(mpt.Config{Hasher: o.Hasher, Workers: o.Workers, Readers: o.Readers}),
		source:  &source{Source: from},
		storage: make(map[common.Hash]*mpt.Trie),
		root:    root,
	}
	f.accounts = f.arena.New(common.Hash{}, root, f.source)
	f.changes.reset()
	return f
}

// Stats are sums over the forest's life.
type Stats struct {
	Load   time.Duration // reading accounts, resolving nodes
	Update time.Duration
	Hash   time.Duration
	// Early is how much of the above passed before Root was asked for.
	Early   time.Duration
	Collect time.Duration

	Accounts, Slots int   // updated in the tries
	Settled         int   // accounts among them that were done early
	Loaded          int64 // nodes from the source
	Guessed         int64 // leaves whose content was known
	Bytes           int64 // of nodes in memory
	Tries           int   // storage tries in memory
	Waiting         int   // see Forest.Waiting
}

// Waiting is how many keys and accounts were handed over early and not looked at yet. Unlike
// Stats it does not wait for a Root under way.
func (f *Forest) Waiting() int { return f.ahead.waiting() }

// Stats says what was done so far.
func (f *Forest) Stats() Stats {
	waiting := f.ahead.waiting()
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.stats
	s.Loaded, s.Guessed, s.Bytes = f.source.loaded.Load(), f.arena.Guessed(), f.arena.Size()
	s.Tries, s.Waiting = len(f.storage), waiting
	return s
}
