package mpt

import (
	"errors"
	"math/bits"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/gpuevm/gpuevm/statedb/keccak"
)

const (
	unit      = 16      // bytes; a ref counts these
	slabUnits = 1 << 16 // 1 MiB at most. Huge pages made no difference: prefetching hides TLB misses
	maxSlabs  = 1 << 15 // 32 GiB in all
	// chunkUnits is what a heap takes off a slab at a time: enough that the lock does not
	// matter, little enough that many heaps don't keep much idle.
	chunkUnits = 1 << 12
	// exact classes have a free list for each size; above 1 KiB sizes are powers of two.
	exact   = 64
	classes = exact + 8
	// spareSlabs must be free when a batch starts: no allocation within it can fail then.
	spareSlabs = 4096
)

// ref is where a node lies in the arena; 0 is no node, or one that is known by its hash.
type ref uint32

// slab is where it begins. Units beyond its size have no memory, and no refs.
type slab unsafe.Pointer

// newSlab is the n-th: the first are small, for those who make arenas of a few nodes.
func newSlab(n int, least ref) (s slab, units ref) {
	units = max(min(ref(chunkUnits+2)<<min(n, 5), slabUnits), least)
	return slab(&make([]uint64, units*unit/8)[0]), units
}

var errFull = errors.New("the arena of trie nodes is full: prune it")

// Config is what an Arena is made with. The zero value is good.
type Config struct {
	Hasher  keccak.Hasher // nil: the fastest of this processor
	Workers int           // how many cores to work on at most; 0 and 1: no goroutines
	Readers int           // how many nodes Resolve asks for at once; 0 and 1: one
	Verify  bool          // hash what Sources return, in batches; a Source then need not
}

// Arena is memory for the nodes of many tries. Different tries of one arena may be used
// at the same time.
type Arena struct {
	slabs   atomic.Pointer[[]slab]
	epoch   atomic.Uint32
	hasher  keccak.Hasher
	verify  bool
	cores   chan struct{} // a token for every goroutine beside the caller's
	reads   chan struct{}
	idle    shelf[worker] // a hint, see hire
	hashers shelf[hashing]

	_       [64]byte // what is above is mostly read, by all cores and for every node
	live    atomic.Int64
	taken   atomic.Int64 // bytes of slabs
	guessed atomic.Int64

	mu      sync.Mutex
	next    ref // in the newest slab
	end     ref
	workers []*worker // all there are, with their heaps
}

// NewArena is an arena without nodes.
func NewArena(c Config) *Arena {
	if c.Hasher == nil {
		c.Hasher = keccak.Best()
	}
	a := &Arena{
		hasher: c.Hasher,
		verify: c.Verify,
		cores:  make(chan struct{}, max(c.Workers, 1)-1),
		reads:  make(chan struct{}, max(c.Readers, 1)-1),

		idle:    newShelf[worker](),
		hashers: newShelf[hashing](),
	}
	a.slabs.Store(new([]slab))
	return a
}

// Size is the number of bytes that nodes take up, their blocks' rounding included.
func (a *Arena) Size() int64 { return a.live.Load() }

// Footprint is the memory taken from Go, free blocks included.
func (a *Arena) Footprint() int64 { return a.taken.Load() }

// Guessed is how many leaves were not asked for, their content being known; see Trie.Guess.
func (a *Arena) Guessed() int64 { return a.guessed.Load() }

// SetEpoch says which block it is; what is touched from now on has its age from there.
func (a *Arena) SetEpoch(block uint32) { a.epoch.Store(block) }

func (a *Arena) room() error {
	if len(*a.slabs.Load()) > maxSlabs-spareSlabs {
		return errFull
	}
	return nil
}

// at is the only place where a ref becomes a pointer.
func (a *Arena) at(r ref) unsafe.Pointer {
	return unsafe.Add(unsafe.Pointer((*a.slabs.Load())[r/slabUnits]), r%slabUnits*unit)
}

// chunk cuts units off the newest slab.
func (a *Arena) chunk(units ref) ref {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.end-a.next < units {
		n := len(*a.slabs.Load())
		s, size := newSlab(n, units+2)      // ref 0 and the last
		slabs := append(*a.slabs.Load(), s) // a copy, or beyond what those reading the list see of it
		a.slabs.Store(&slabs)
		a.taken.Add(int64(size) * unit)
		a.next = ref(n) * slabUnits
		// The last unit stays out: end must not wrap, and what a node without children would
		// have after its head lies within the slab.
		a.end = a.next + size - 1
		if n == 0 {
			a.next++ // ref 0 is no node
		}
	}
	r := a.next
	a.next += units
	return r
}

// heap allocates for one goroutine at a time. Free blocks of a class are a list through
// their first words. What one heap allocated another may free.
type heap struct {
	free      [classes]ref
	bump, top ref   // the rest of the current chunk
	grown     int64 // allocated less freed, not yet in Arena.live
}

func classOf(size int) int {
	units := (size + unit - 1) / unit
	if units <= exact {
		return units
	}
	return exact + bits.Len(uint(units-1)) - bits.Len(exact-1)
}

func classUnits(class int) ref {
	if class <= exact {
		return ref(class)
	}
	return exact << (class - exact)
}

// alloc is a zeroed block.
func (w *worker) alloc(size int) ref {
	class := classOf(size)
	units := classUnits(class)
	w.grown += int64(units) * unit
	r := w.free[class]
	switch {
	case r != 0:
		w.free[class] = *(*ref)(w.at(r))
	case w.top-w.bump >= units:
		r = w.bump
		w.bump += units
		return r // never used before
	default:
		r = w.refill(class, units)
	}
	clear(unsafe.Slice((*uint64)(w.at(r)), int(units)*unit/8))
	return r
}

// refill splits a larger free block or, if there is none, starts a new chunk.
func (w *worker) refill(class int, units ref) ref {
	for c := class + 1; c <= exact; c++ {
		if r := w.free[c]; r != 0 {
			w.free[c] = *(*ref)(w.at(r))
			w.put(r+units, c-class)
			return r
		}
	}
	for w.bump < w.top { // the rest of the old chunk
		c := min(int(w.top-w.bump), exact)
		w.put(w.bump, c)
		w.bump += ref(c)
	}
	n := max(units, chunkUnits)
	r := w.chunk(n)
	w.bump, w.top = r+units, r+n
	return r
}

func (w *worker) put(r ref, class int) {
	*(*ref)(w.at(r)) = w.free[class]
	w.free[class] = r
}

// release frees a block of a size.
func (w *worker) release(r ref, size int) {
	class := classOf(size)
	w.grown -= int64(classUnits(class)) * unit
	w.put(r, class)
}
