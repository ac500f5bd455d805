package bench

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/gpuevm/gpuevm/bench/source"
	"github.com/gpuevm/gpuevm/bench/statebench"
	"github.com/gpuevm/gpuevm/fallback"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/gpuevm/enginetest/shareddata"
	"github.com/gpuevm/gpuevm/hostsched"
	"github.com/gpuevm/gpuevm/statedb"
)

// plainWork hides that a Work can begin early.
type plainWork struct{ *statedb.Work }

func (plainWork) Expect()  {}
func (plainWork) Settled() {}

// BenchmarkOverlapCold is BenchmarkOverlap on a disk: each block is the first after the
// database was opened and the page cache dropped. The state is a million accounts
// (GPUEVM_ACCOUNTS), and what the block touches among them; contracts have only the slots
// that their block touches, so that real storage tries are deeper. Its roots are no header's;
// those of the two ways must be equal. Each way runs GPUEVM_ROUNDS times (3), in turns.
//
// Dropping the page cache needs root; without, there is nothing cold to measure.
func BenchmarkOverlapCold(b *testing.B) {
	set, err := source.Open(shareddata.Folder(b, "blocks"))
	if err != nil {
		b.Fatal(err)
	}
	if !statebench.DropPageCache() {
		b.Skip("the page cache can't be dropped: root can")
	}
	w := statebench.World{Seed: 1, Accounts: number(b, "GPUEVM_ACCOUNTS", 1_000_000), Slots: 1}
	dir, err := statebench.Load(b.Context(), b.TempDir(), w, func(int) {})
	if err != nil {
		b.Fatal(err)
	}
	g := &coldGround{b: b, dir: dir, rounds: number(b, "GPUEVM_ROUNDS", 3)}
	for b.Loop() {
		var sum [3]time.Duration
		for block, err := range set.All() {
			if err != nil {
				b.Fatal(err)
			}
			medians := g.block(block)
			fmt.Fprintf(os.Stderr, "%s, %d transactions: %v\n", block.Name, len(block.Block.Transactions()), medians)
			for i, d := range medians {
				sum[i] += d
			}
		}
		reportOverlap(b, sum)
	}
}

func number(b *testing.B, name string, n int) int {
	if s := os.Getenv(name); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			b.Fatal(name, err)
		}
	}
	return n
}

// coldGround is a database whose last block made the state before a real one.
type coldGround struct {
	b      *testing.B
	dir    string
	rounds int
	has    types.GenesisAlloc // of the last block
}

func (g *coldGround) must(err error) {
	g.b.Helper()
	if err != nil {
		g.b.Fatal(err)
	}
}

func (g *coldGround) open() *statedb.DB {
	db, err := statedb.Open(g.dir, statedb.Options{})
	g.must(err)
	return db
}

// block runs a block in the three ways in turns.
func (g *coldGround) block(block *source.Block) (medians [3]time.Duration) {
	g.prepare(block)
	var walls [3][]time.Duration
	var roots [3]common.Hash
	for round := range g.rounds {
		for i := range walls {
			way := (round + i) % len(walls)
			wall, root := g.run(block, way)
			walls[way] = append(walls[way], wall)
			roots[way] = root
		}
	}
	if roots[1] != roots[2] || roots[1] == (common.Hash{}) {
		g.b.Fatalf("%s: root %x, begun early %x", block.Name, roots[1], roots[2])
	}
	for way := range walls {
		slices.Sort(walls[way])
		medians[way] = walls[way][g.rounds/2]
	}
	return medians
}

// prepare makes the state before a block.
func (g *coldGround) prepare(block *source.Block) {
	alloc := block.Pre.(*statedb.Mem).Alloc()
	d, err := statedb.AllocDiff(alloc)
	g.must(err)
	for addr := range g.has {
		d.Wiped = append(d.Wiped, addr)
		if _, stays := alloc[addr]; stays {
			continue
		}
		for kind := gpuevm.Exists; kind < gpuevm.Slot; kind++ {
			d.Cells = append(d.Cells, gpuevm.Cell{Key: gpuevm.Key{Addr: addr, Kind: kind}})
		}
	}
	g.has = alloc
	db := g.open()
	head := db.Head()
	work, err := db.Begin(head.Hash)
	g.must(err)
	hash := crypto.Keccak256Hash(head.Hash[:], []byte(block.Name))
	c, err := work.Commit(context.Background(), statedb.Block{Height: head.Height + 1, Hash: hash, Diff: d})
	g.must(err)
	g.must(c.Durable(context.Background()))
	g.must(db.Close())
}

// run runs a block: without a root, with one at the end, with one begun early.
func (g *coldGround) run(block *source.Block, way int) (time.Duration, common.Hash) {
	db := g.open()
	statebench.Settle(g.b.Context(), time.Minute)
	if !statebench.DropPageCache() {
		g.b.Fatal("the page cache can't be dropped any more")
	}
	work, err := db.Begin(db.Head().Hash)
	g.must(err)
	job, err := (&Job{Name: block.Name, Config: block.Config, Block: block.Block, Author: block.Author, Parent: block.Parent,
		BlockHash: block.BlockHash, Pre: work, TxsOnly: true}).Fresh()
	g.must(err)
	roots := [3]hostsched.Roots{nil, plainWork{work}, work}[way]
	p := hostsched.New(hostsched.Options{Engine: fallback.New(0)})
	start := time.Now()
	result, err := p.Process(g.b.Context(), job.Ready(roots))
	wall := time.Since(start)
	g.must(err)
	var root common.Hash
	if way > 0 {
		root = *result.Root
	}
	g.must(work.Discard())
	g.must(db.Close())
	return wall, root
}
