package statedb_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/statedb"
	"github.com/gpuevm/gpuevm/statedb/forest"
	"github.com/gpuevm/gpuevm/statedb/internal/world"
	"github.com/gpuevm/gpuevm/statedb/store"
)

var bg = context.Background()

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// grown is a block of the tests' tree, with its state.
type grown struct {
	height uint64
	hash   common.Hash
	root   common.Hash
	state  *statedb.Mem
}

// forestry grows a random tree of blocks.
type forestry struct {
	*world.World
	t      *testing.T
	fs     vfs.FS
	db     *statedb.DB
	blocks []*grown // all that can be parents, oldest first
	made   uint64
}

func (g *forestry) options() statedb.Options {
	small := store.Options{FS: g.fs, Depth: 12, AccountCache: 1 << 14, SlotCache: 1 << 14}
	small.Sync = []store.Sync{{}, {Blocks: 3}, store.OnDemand}[g.Intn(3)]
	return statedb.Options{Store: small, Forest: forest.Options{Limit: 30_000, Workers: 1 + g.Intn(3)}, Behind: 1 + g.Intn(4)}
}

func (g *forestry) open() {
	g.t.Helper()
	db, err := statedb.Open("db", g.options())
	must(g.t, err)
	g.db = db
}

func copyOf(t *testing.T, m *statedb.Mem) *statedb.Mem {
	t.Helper()
	c, err := statedb.FromAlloc(m.Alloc())
	must(t, err)
	return c
}

// grow adds a block on a parent and returns it with its commit. Some blocks are hinted at,
// some rooted before they are committed, some given up first.
func (g *forestry) grow(parent *grown) (*grown, *statedb.Commit) {
	g.t.Helper()
	g.State = copyOf(g.t, parent.state)
	w, err := g.db.Begin(parent.hash)
	must(g.t, err)
	d := world.Absolute(g.State, g.Diff(1+g.Intn(60), 9))
	if g.Intn(2) == 0 {
		w.Expect(world.KeysOf(d))
		w.Settled(g.SettledOf(g.State, d), nil, g.Intn(100))
	}
	if g.Intn(6) == 0 {
		if g.Intn(2) == 0 {
			must(g.t, w.Apply(d))
			_, err := w.Root()
			must(g.t, err)
		}
		must(g.t, w.Discard())
		if w, err = g.db.Begin(parent.hash); err != nil {
			g.t.Fatal(err)
		}
	}
	must(g.t, g.State.Apply(d))
	g.made++
	b := &grown{height: parent.height + 1, state: g.State, root: g.State.AllocRoot()}
	b.hash = crypto.Keccak256Hash(b.root[:], world.Word(g.made).Bytes())
	must(g.t, w.Apply(d))
	if g.Intn(2) == 0 {
		got, err := w.Root()
		if err != nil || got != b.root {
			g.t.Fatalf("block %d: root %x, want %x (%v)", b.height, got, b.root, err)
		}
	}
	c, err := w.Commit(bg, statedb.Block{Height: b.height, Hash: b.hash, Diff: d})
	must(g.t, err)
	return b, c
}

// same reads a state at random places.
func (g *forestry) same(b *grown) {
	g.t.Helper()
	v, err := g.db.Store().ViewBlock(b.hash)
	must(g.t, err)
	defer v.Close()
	for range 60 {
		key := gpuevm.Key{Addr: g.Addrs[g.Intn(len(g.Addrs))], Kind: gpuevm.Kind(g.Intn(5))}
		if key.Kind == gpuevm.Slot {
			key.Slot = world.Word(uint64(g.Intn(40)))
		}
		want, _ := b.state.Read(key)
		if got, err := v.Read(key); err != nil || got != want {
			g.t.Fatalf("block %d: %s is %x, want %x (%v)", b.height, key, got, want, err)
		}
	}
}

// TestTree grows random trees of blocks, with roots now and roots later, reads old states and
// those without a root yet, and closes or crashes in between. Every root is go-ethereum's,
// and what was acknowledged as durable is there afterwards.
func TestTree(t *testing.T) {
	seeds := int64(4)
	if testing.Short() {
		seeds = 2
	}
	for seed := range seeds {
		g := &forestry{World: world.New(seed), t: t, fs: vfs.NewCrashableMem()}
		g.blocks = []*grown{{root: types.EmptyRootHash, state: statedb.NewMem(nil)}}
		g.open()
		for range 12 {
			g.session()
		}
		must(t, g.db.Close())
	}
}

// session is some blocks, then a restart.
func (g *forestry) session() {
	type pending struct {
		*grown
		c *statedb.Commit
	}
	var waiting []pending
	var durable *grown
	settle := func() {
		for _, p := range waiting {
			got, err := p.c.Root(bg)
			if err != nil || got != p.root {
				g.t.Fatalf("block %d: root %x, want %x (%v)", p.height, got, p.root, err)
			}
			g.same(p.grown)
		}
		waiting = waiting[:0]
	}
	for range 5 + g.Intn(12) {
		parent := g.blocks[len(g.blocks)-1]
		if g.Intn(5) == 0 { // a fork
			parent = g.blocks[max(0, len(g.blocks)-1-g.Intn(4))]
		}
		b, c := g.grow(parent)
		if parent.height == 0 && parent.hash == (common.Hash{}) {
			g.blocks = nil // the first block has no siblings
		}
		g.blocks = append(g.blocks, b)
		waiting = append(waiting, pending{b, c})
		g.same(b)
		if g.Intn(3) == 0 {
			settle()
		}
		if g.Intn(6) == 0 {
			must(g.t, g.db.Sync(bg))
			must(g.t, c.Durable(bg))
			durable = b
		}
	}
	settle()
	g.restart(durable)
}

// restart closes the database, or has the machine crash.
func (g *forestry) restart(durable *grown) {
	clean := g.Intn(2) == 0
	if !clean {
		crashed := g.fs.(*vfs.MemFS).CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: g.Intn(101), RNG: rand.New(rand.NewPCG(g.Uint64(), 0))})
		must(g.t, g.db.Close())
		g.fs = crashed
	} else {
		must(g.t, g.db.Close())
	}
	g.open()
	head := g.db.Head()
	at := slices.IndexFunc(g.blocks, func(b *grown) bool { return b.hash == head.Hash })
	if at < 0 {
		g.t.Fatalf("head %d %x is none of the blocks", head.Height, head.Hash)
	}
	if least := slices.Index(g.blocks, durable); at < least {
		g.t.Fatalf("head is block %d, %d was acknowledged as durable", at, least)
	}
	if clean && at != len(g.blocks)-1 {
		g.t.Fatalf("head is block %d of %d after Close", at, len(g.blocks))
	}
	if g.blocks[at].root != head.Root {
		g.t.Fatalf("head has root %x, want %x", head.Root, g.blocks[at].root)
	}
	g.blocks = g.blocks[at : at+1]
	g.same(g.blocks[0])
}
