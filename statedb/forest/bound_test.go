package forest_test

import (
	"math/rand"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/statedb"
	"github.com/gpuevm/gpuevm/statedb/forest"
	"github.com/gpuevm/gpuevm/statedb/internal/world"
)

// TestBound: of a state of more than ten times the limit no more than the limit stays in
// memory from block to block, and every root is right.
func TestBound(t *testing.T) {
	const limit = 400_000
	r := rand.New(rand.NewSource(1))
	nodes, state := make(disk), statedb.NewMem(nil)
	f := forest.New(forest.Options{Limit: limit}, common.Hash{}, nodes)
	var addrs []common.Address
	largest := int64(0)
	for n := range 40 {
		d := new(gpuevm.StateDiff)
		for i := range 700 {
			var addr common.Address
			r.Read(addr[:])
			if i%7 == 0 && n > 0 { // one that has been forgotten
				addr = addrs[r.Intn(len(addrs))]
			}
			addrs = append(addrs, addr)
			d.Cells = append(d.Cells, gpuevm.Cell{Key: gpuevm.Key{Addr: addr}, Value: world.Word(1)},
				gpuevm.Cell{Key: gpuevm.Key{Addr: addr, Kind: gpuevm.Slot, Slot: world.Word(r.Uint64())}, Value: world.Word(r.Uint64() | 1)})
		}
		d.Cells = world.Once(d.Cells)
		check(t, f.Apply(d))
		check(t, state.Apply(d))
		got, err := f.Root()
		check(t, err)
		largest = max(largest, f.Stats().Bytes)
		check(t, f.Collect(nodes.put))
		if f.Trim(); f.Stats().Bytes > limit || f.Stats().Tries > 2000 {
			t.Fatalf("block %d: %d bytes and %d tries stay, the limit is %d bytes", n, f.Stats().Bytes, f.Stats().Tries, limit)
		}
		if n%10 == 9 && got != state.AllocRoot() {
			t.Fatalf("block %d: root %x, want %x", n, got, state.AllocRoot())
		}
	}
	whole := int64(0)
	for _, blob := range nodes {
		whole += int64(len(blob))
	}
	if whole < 10*limit || largest > 4*limit {
		t.Fatalf("the state has %d bytes of nodes, %d were in memory at once; the limit is %d", whole, largest, limit)
	}
}
