package device

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// Reason is why the CPU Engine ran a transaction.
type Reason int

const (
	Refused     Reason = iota // can't be in a block on this state, or failed a check before
	Environment               // the block has rules, or numbers, that the device does not know
	TooLarge                  // its data, or what it needs of a lane's scratch
	TooLong                   // it ran for more basic blocks than a launch may take
	Precompile                // it called a precompile that is not on the device
	Unreadable                // the state could not be read, or does not fit on the device
	Scattered                 // it still missed state after many rounds
	Fault                     // the device failed, or was caught with a wrong result
	Small                     // the CPU is quicker with batches of that size
	Retired                   // the device failed too often to be used
	reasons
)

var reasonNames = [reasons]string{"refused", "environment", "too large", "too long", "precompile", "unreadable", "scattered", "fault", "quicker on the CPU", "retired"}

func (r Reason) String() string { return reasonNames[r] }

// counters are Stats under way.
type counters struct {
	batches, txs, onDevice             atomic.Int64
	takenOver                          [reasons]atomic.Int64
	precompiles                        [precompileCount]atomic.Int64
	rounds, misses, prefetched, kept   atomic.Int64
	refreshed, drops                   atomic.Int64
	launches, faults, reopened, checks atomic.Int64
	up, down                           atomic.Int64
	kernel, wall                       atomic.Int64 // ns
	blocksRun                          atomic.Int64
	classes                            [classCount]atomic.Int64
	compiled, ineligible, notCompiled  atomic.Int64
	compiling                          atomic.Int64 // ns
}

// precompileCount is one more than the largest number counted by itself; P256VERIFY is
// counted as 0.
const precompileCount = 0x20

// Stats says what became of the transactions that an engine was given, and what that took.
type Stats struct {
	Batches, Txs int64
	OnDevice     int64             // finished there
	TakenOver    map[Reason]int64  // by the CPU Engine
	Precompiles  map[uint64]int64  // of those, by the precompile that was missing
	Rounds       int64             // launches that a batch needed, one after another, summed
	Launches     int64             // kernels started, of all kinds
	Misses       int64             // cells and accounts that a launch found missing
	Prefetched   int64             // those brought before the first launch
	Refreshed    int64             // those brought again since they had changed
	Kept         int64             // batches whose state table was still that of the batch before
	Drops        int64             // times that the state table was emptied for lack of room
	ByClass      [classCount]int64 // finished in each class of scratch
	BlocksRun    int64             // basic blocks
	Faults       int64
	Reopened     int64
	SpotChecks   int64
	BytesUp      int64
	BytesDown    int64
	KernelTime   time.Duration
	WallTime     time.Duration // of batches, summed; they may overlap
	Compiled     int64         // codes that are swapped in
	Ineligible   int64         // those over a limit of the compiler
	NotCompiled  int64         // those that the device's compiler failed on
	CompileTime  time.Duration // of units, summed; they may overlap
}

func (c *counters) stats() Stats {
	s := Stats{
		Batches: c.batches.Load(), Txs: c.txs.Load(), OnDevice: c.onDevice.Load(),
		TakenOver: make(map[Reason]int64), Precompiles: make(map[uint64]int64),
		Rounds: c.rounds.Load(), Launches: c.launches.Load(), Misses: c.misses.Load(),
		Prefetched: c.prefetched.Load(), Refreshed: c.refreshed.Load(), Kept: c.kept.Load(), Drops: c.drops.Load(),
		BlocksRun: c.blocksRun.Load(), Faults: c.faults.Load(), Reopened: c.reopened.Load(), SpotChecks: c.checks.Load(),
		BytesUp: c.up.Load(), BytesDown: c.down.Load(),
		KernelTime: time.Duration(c.kernel.Load()), WallTime: time.Duration(c.wall.Load()),
		Compiled: c.compiled.Load(), Ineligible: c.ineligible.Load(), NotCompiled: c.notCompiled.Load(),
		CompileTime: time.Duration(c.compiling.Load()),
	}
	for r := range c.takenOver {
		if n := c.takenOver[r].Load(); n > 0 {
			s.TakenOver[Reason(r)] = n
		}
	}
	for p := range c.precompiles {
		if n := c.precompiles[p].Load(); n > 0 {
			s.Precompiles[uint64(p)] = n
		}
	}
	for i := range s.ByClass {
		s.ByClass[i] = c.classes[i].Load()
	}
	return s
}

// Share is the share of transactions that finished on the device.
func (s Stats) Share() float64 {
	if s.Txs == 0 {
		return 0
	}
	return float64(s.OnDevice) / float64(s.Txs)
}

// String is one line.
func (s Stats) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d transactions on the device (%.2f%%)", s.OnDevice, s.Txs, 100*s.Share())
	for r := range reasons {
		if n := s.TakenOver[r]; n > 0 {
			fmt.Fprintf(&b, ", %s %d", r, n)
		}
	}
	if len(s.Precompiles) > 0 {
		fmt.Fprintf(&b, " (by precompile: %v)", s.Precompiles)
	}
	fmt.Fprintf(&b, "; %d batches (%d on the table before), %d rounds, %d misses, %d prefetched, %d refreshed, %d drops; classes %v",
		s.Batches, s.Kept, s.Rounds, s.Misses, s.Prefetched, s.Refreshed, s.Drops, s.ByClass)
	fmt.Fprintf(&b, "; %d launches, kernels %v of %v, %.1f MB up, %.1f MB down", s.Launches, s.KernelTime.Round(time.Microsecond),
		s.WallTime.Round(time.Microsecond), float64(s.BytesUp)/1e6, float64(s.BytesDown)/1e6)
	if s.Compiled+s.Ineligible+s.NotCompiled > 0 {
		fmt.Fprintf(&b, "; %d codes compiled in %v, %d ineligible, %d failed", s.Compiled, s.CompileTime.Round(time.Millisecond), s.Ineligible, s.NotCompiled)
	}
	if s.Faults > 0 {
		fmt.Fprintf(&b, "; %d faults, reopened %d times", s.Faults, s.Reopened)
	}
	return b.String()
}
