package bench

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/bench/source"
	"github.com/gpuevm/gpuevm/fallback"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/gpuevm/enginetest/shareddata"
	"github.com/gpuevm/gpuevm/hostsched"
	"github.com/gpuevm/gpuevm/statedb"
	"github.com/gpuevm/gpuevm/statedb/forest"
)

// plainRoots hides that a forest can begin early.
type plainRoots struct{ *forest.Forest }

func (plainRoots) Expect()  {}
func (plainRoots) Settled() {}

// BenchmarkOverlap runs the real blocks without a state root, with one that is computed at
// the end, and with one that is begun while the block executes; tries are warm, the state is
// what the block touches. hidden-% is how much of the root's time the last saves:
//
//	(at the end - early) / (at the end - without)
//
// of sums of medians. Where execution keeps all cores busy there is nothing to save but
// waiting, and there is no waiting here, all nodes being in memory; so one core is left free
// in other runs.
func BenchmarkOverlap(b *testing.B) {
	all := runtime.GOMAXPROCS(0)
	for _, lanes := range []int{all, all - 1} {
		for _, settle := range []bool{false, true} {
			b.Run(fmt.Sprintf("lanes=%d,cores=%d,settle=%t", lanes, all, settle), func(b *testing.B) {
				overlap(b, hostsched.Options{Lanes: lanes, Settle: settle})
			})
		}
	}
}

func overlap(b *testing.B, o hostsched.Options) {
	set, err := source.Open(shareddata.Folder(b, "blocks"))
	if err != nil {
		b.Fatal(err)
	}
	var grounds []*overlapGround
	for block, err := range set.All() {
		if err != nil {
			b.Fatal(err)
		}
		grounds = append(grounds, newOverlapGround(b, block))
	}
	for b.Loop() {
		var sum [3]time.Duration
		for _, g := range grounds {
			for i, d := range g.run(b, 5, o) {
				sum[i] += d
			}
		}
		reportOverlap(b, sum)
	}
}

// reportOverlap is of times without a root, with one at the end, with one begun early.
func reportOverlap(b *testing.B, sum [3]time.Duration) {
	b.ReportMetric(float64(sum[0].Microseconds())/1000, "without-ms")
	b.ReportMetric(float64(sum[1].Microseconds())/1000, "end-ms")
	b.ReportMetric(float64(sum[2].Microseconds())/1000, "early-ms")
	b.ReportMetric(100*float64(sum[1]-sum[2])/float64(sum[1]-sum[0]), "hidden-%")
}

// overlapGround is a block, and the tries of the state before it.
type overlapGround struct {
	job    *Job
	nodes  *forest.Nodes
	forest *forest.Forest
	root   common.Hash
}

func newOverlapGround(b *testing.B, block *source.Block) *overlapGround {
	d, err := statedb.AllocDiff(block.Pre.(*statedb.Mem).Alloc())
	if err != nil {
		b.Fatal(err)
	}
	nodes := forest.NewNodes()
	g := &overlapGround{nodes: nodes, forest: forest.New(forest.Options{}, common.Hash{}, nodes),
		job: &Job{Name: block.Name, Config: block.Config, Block: block.Block, Author: block.Author, Parent: block.Parent,
			BlockHash: block.BlockHash, Pre: block.Pre, TxsOnly: true}}
	g.root = g.apply(b, d)
	return g
}

func (g *overlapGround) apply(b *testing.B, d *gpuevm.StateDiff) common.Hash {
	err := g.forest.Apply(d)
	var root common.Hash
	if err == nil {
		root, err = g.forest.Root()
	}
	if err == nil {
		err = g.forest.Collect(g.nodes.Keep)
	}
	if err != nil {
		b.Fatal(err)
	}
	return root
}

// run runs the block in the three ways in turns. Each begins with a processor that knows
// nothing, and with the same warm tries.
func (g *overlapGround) run(b *testing.B, rounds int, o hostsched.Options) (medians [3]time.Duration) {
	var walls [3][]time.Duration
	for range rounds {
		for way, roots := range []hostsched.Roots{nil, plainRoots{g.forest}, g.forest} {
			job, err := g.job.Fresh()
			if err != nil {
				b.Fatal(err)
			}
			o.Engine = fallback.New(0)
			p := hostsched.New(o)
			start := time.Now()
			result, err := p.Process(b.Context(), job.Ready(roots))
			walls[way] = append(walls[way], time.Since(start))
			if err != nil {
				b.Fatal(g.job.Name, err)
			}
			if way > 0 {
				g.back(b, result.Diff())
			}
		}
	}
	for way := range walls {
		slices.Sort(walls[way])
		medians[way] = walls[way][rounds/2]
	}
	return medians
}

// back undoes the block.
func (g *overlapGround) back(b *testing.B, d *gpuevm.StateDiff) {
	if len(d.Wiped) > 0 {
		if err := g.forest.Undo(); err != nil {
			b.Fatal(err)
		}
		return
	}
	inverse := &gpuevm.StateDiff{Cells: make([]gpuevm.Cell, len(d.Cells))}
	for i := range d.Cells {
		v, err := g.job.Pre.Read(d.Cells[i].Key)
		if err != nil {
			b.Fatal(err)
		}
		inverse.Cells[i] = gpuevm.Cell{Key: d.Cells[i].Key, Value: v}
	}
	if got := g.apply(b, inverse); got != g.root {
		b.Fatalf("%s: root %x after the block was undone, want %x", g.job.Name, got, g.root)
	}
}
