package store

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/gpuevm"
)

// TestResolve: of what a diff says twice the last holds, additions come after that, and what is
// written to an account that is no more is not there.
func TestResolve(t *testing.T) {
	s, err := Open(worldDir, smallOptions(vfs.NewMem()))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	gone, kept := common.Address{2}, common.Address{1}
	set := func(addr common.Address, kind gpuevm.Kind, slot byte, value byte) gpuevm.Cell {
		return gpuevm.Cell{Key: gpuevm.Key{Addr: addr, Kind: kind, Slot: common.Hash{31: slot}}, Value: common.Hash{31: value}}
	}
	before := &gpuevm.StateDiff{Cells: []gpuevm.Cell{
		set(gone, gpuevm.Exists, 0, 1), set(gone, gpuevm.Slot, 1, 5), set(gone, gpuevm.Slot, 2, 6),
		set(kept, gpuevm.Exists, 0, 1), set(kept, gpuevm.Slot, 3, 5),
	}}
	if err := s.Add(Block{Height: 1, Hash: common.Hash{1}, Diff: before}); err != nil {
		t.Fatal(err)
	}
	parent, err := s.tree.find(common.Hash{1})
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.resolve(parent, &gpuevm.StateDiff{
		Cells: []gpuevm.Cell{
			set(kept, gpuevm.Slot, 3, 1), set(gone, gpuevm.Slot, 1, 9), set(kept, gpuevm.Slot, 4, 1), set(kept, gpuevm.Slot, 4, 0),
			set(kept, gpuevm.Slot, 3, 2), set(kept, gpuevm.Balance, 0, 1), set(gone, gpuevm.Exists, 0, 0), set(kept, gpuevm.Balance, 0, 40),
		},
		Adds: []gpuevm.Cell{set(kept, gpuevm.Balance, 0, 3), set(kept, gpuevm.Balance, 0, 4)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.accounts) != 2 || c.accounts[0].addr != kept || c.accounts[0].after.balance != (common.Hash{31: 47}) || c.accounts[1].after != (account{}) {
		t.Errorf("%+v", c.accounts)
	}
	slot := func(addr common.Address, slot, before, after byte) slotChange {
		return slotChange{slotKey{addr, common.Hash{31: slot}}, common.Hash{31: before}, common.Hash{31: after}}
	}
	want := []slotChange{slot(kept, 3, 5, 2), slot(gone, 1, 5, 0), slot(gone, 2, 6, 0)}
	if len(c.slots) != len(want) || c.slots[0] != want[0] || c.slots[1] != want[1] || c.slots[2] != want[2] {
		t.Errorf("%+v, want %+v", c.slots, want)
	}
}

// TestLateMiss: what a miss brings from the disk late is not kept once the key was written,
// whether or not the cache had it.
func TestLateMiss(t *testing.T) {
	c := newCache[int, int](1<<20, nil)
	for _, had := range []bool{false, true} {
		_, _, version := c.get(1)
		if had {
			c.fill(1, 10, version)
		}
		c.update(1, 20) // while somebody reads what was there before
		c.fill(1, 10, version)
		if v, ok, _ := c.get(1); ok != had || had && v != 20 {
			t.Errorf("had %t: %d, %t", had, v, ok)
		}
	}
}

// TestFlight: nodes are found until all steps that have them have landed, and not kept longer.
func TestFlight(t *testing.T) {
	var f flight
	node := func(i byte) Node { return Node{Hash: common.Hash{i}, Blob: []byte{i}} }
	a, b, c := &step{Step: Step{Nodes: []Node{node(1), {}}}}, &step{Step: Step{Nodes: []Node{node(1), node(2)}}}, &step{Step: Step{Nodes: []Node{node(3)}}}
	f.board(a)
	f.board(b)
	has := func(i byte, want bool) {
		t.Helper()
		if blob, ok := f.get(common.Hash{i}); ok != want || ok && blob[0] != i {
			t.Errorf("node %d: %x, %t", i, blob, ok)
		}
	}
	has(1, true)
	has(3, false)
	f.board(c)
	f.land(a)
	has(1, true)
	has(2, true)
	f.land(b)
	has(1, false)
	has(2, false)
	f.board(a)
	f.land(a) // nobody asked
	has(3, true)
	f.land(c)
	has(3, false)
	if f.len() != 0 || len(f.byHash)+len(f.unread) != 0 {
		t.Errorf("%d nodes, %d in the map, %d steps are left", f.len(), len(f.byHash), len(f.unread))
	}
}
