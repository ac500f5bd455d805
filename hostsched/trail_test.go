package hostsched

import (
	"math/rand"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/gpuevm"
)

// ground is a state below, which the diffs of blocks are applied to, with as plain a
// history as can be: every key that ever changed.
type ground struct {
	cells map[gpuevm.Key]common.Hash
	log   []gpuevm.Key
	wipes int
}

func (g *ground) Read(k gpuevm.Key) (common.Hash, error) { return g.cells[k], nil }
func (g *ground) Code(common.Hash) ([]byte, error)       { return nil, nil }
func (g *ground) Since(m gpuevm.Mark) ([]gpuevm.Key, gpuevm.Mark, bool) {
	at, ok := m.(int)
	if !ok || at < g.wipes {
		return nil, len(g.log), false
	}
	return g.log[at:], len(g.log), true
}

func (g *ground) apply(d *gpuevm.StateDiff) {
	for _, addr := range d.Wiped {
		for k := range g.cells {
			if k.Addr == addr && k.Kind == gpuevm.Slot {
				delete(g.cells, k)
			}
		}
		g.wipes = len(g.log)
	}
	for _, c := range d.Cells {
		g.cells[c.Key] = c.Value
		g.log = append(g.log, c.Key)
	}
}

// keeper keeps every cell that it has read, as a device does, and drops only what views
// tell it to.
type keeper struct {
	mark  gpuevm.Mark
	cells map[gpuevm.Key]common.Hash
	kept  int
}

func (k *keeper) follow(v *view) {
	changed, now, ok := v.Since(k.mark)
	k.mark = now
	if !ok {
		clear(k.cells)
		return
	}
	k.kept++
	for _, key := range changed {
		delete(k.cells, key)
	}
}

// check holds what was kept, and then all that there is, to the view.
func (k *keeper) check(t *testing.T, v *view, keys []gpuevm.Key) {
	t.Helper()
	for key, have := range k.cells {
		if want, _ := v.Read(key); have != want {
			t.Fatalf("%v at %d: kept %x, is %x", key, v.at, have, want)
		}
	}
	for _, key := range keys {
		k.cells[key], _ = v.Read(key)
	}
}

// TestTrail runs random blocks, with views at random places in between, one after another
// on one state.
func TestTrail(t *testing.T) {
	for seed := range int64(300) {
		rnd := rand.New(rand.NewSource(seed))
		var keys []gpuevm.Key
		for a := range byte(4) {
			for kind := gpuevm.Exists; kind <= gpuevm.Slot; kind++ {
				keys = append(keys, gpuevm.Key{Addr: common.Address{a}, Kind: kind})
			}
			keys = append(keys, gpuevm.Key{Addr: common.Address{a}, Kind: gpuevm.Slot, Slot: common.Hash{1}})
		}
		g := &ground{cells: make(map[gpuevm.Key]common.Hash)}
		k := &keeper{cells: make(map[gpuevm.Key]common.Hash)}
		wipes := seed%3 == 0
		for range 6 {
			o := newOverlay(g)
			runTrailBlock(t, rnd, o, k, keys, wipes)
			if rnd.Intn(4) > 0 { // or the block is thrown away
				g.apply(o.diff(false))
			}
		}
		if k.kept == 0 && !wipes {
			t.Errorf("seed %d: nothing was ever kept", seed)
		}
	}
}

func runTrailBlock(t *testing.T, rnd *rand.Rand, o *overlay, k *keeper, keys []gpuevm.Key, wipes bool) {
	const txs = 8
	random := func() *gpuevm.StateDiff {
		d := new(gpuevm.StateDiff)
		for range rnd.Intn(4) {
			c := gpuevm.Cell{Key: keys[rnd.Intn(len(keys))], Value: common.Hash{31: byte(rnd.Intn(3))}}
			if c.Key.Kind == gpuevm.Balance && rnd.Intn(2) == 0 {
				d.Adds = append(d.Adds, c)
			} else {
				d.Cells = append(d.Cells, c)
			}
		}
		if wipes && rnd.Intn(8) == 0 {
			d.Wiped = append(d.Wiped, common.Address{byte(rnd.Intn(4))})
		}
		return d
	}
	var published [txs]*gpuevm.StateDiff
	for frontier := 0; frontier < txs; {
		switch i := frontier + rnd.Intn(txs-frontier); {
		case rnd.Intn(3) == 0:
			v := &view{o, int32(frontier + rnd.Intn(txs-frontier+1))}
			k.follow(v)
			k.check(t, v, keys[:rnd.Intn(len(keys))])
		case i > frontier && published[i] == nil:
			published[i] = random()
			o.publish(int32(i), published[i])
		case i == frontier:
			d := published[i]
			if d == nil || rnd.Intn(3) == 0 {
				if d != nil {
					o.withdraw(int32(i), d)
				}
				d = random()
			}
			if err := o.apply(int32(i), d); err != nil {
				t.Fatal(err)
			}
			frontier++
		}
	}
}
