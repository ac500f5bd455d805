package forest

import (
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/statedb/mpt"
)

var benchAccounts = flag.Int("accounts", 1_000_000, "accounts in the benchmark's state, and slots in its one contract")

func benchAddress(i int) common.Address {
	return common.Address(crypto.Keccak256(binary.BigEndian.AppendUint64(nil, uint64(i)))[:20])
}

func benchWord(r *rand.Rand) (h common.Hash) {
	binary.BigEndian.PutUint64(h[24:], r.Uint64()|1)
	return h
}

type benchBlock func(r *rand.Rand, addrs []common.Address) []gpuevm.Cell

func benchAccountCells(r *rand.Rand, addrs []common.Address) []gpuevm.Cell {
	addr := addrs[r.IntN(len(addrs))]
	return []gpuevm.Cell{
		{Key: gpuevm.Key{Addr: addr, Kind: gpuevm.Nonce}, Value: benchWord(r)},
		{Key: gpuevm.Key{Addr: addr, Kind: gpuevm.Balance}, Value: benchWord(r)},
	}
}

// benchSlotCell is a slot of the first account.
func benchSlotCell(r *rand.Rand, addrs []common.Address) []gpuevm.Cell {
	slot := common.BigToHash(common.Big0)
	binary.BigEndian.PutUint64(slot[24:], r.Uint64N(uint64(len(addrs))))
	return []gpuevm.Cell{{Key: gpuevm.Key{Addr: addrs[0], Kind: gpuevm.Slot, Slot: slot}, Value: benchWord(r)}}
}

// benchForest is a state with everything in memory.
func benchForest(b *testing.B) (*Forest, []common.Address) {
	f := New(Options{Limit: 1 << 40}, common.Hash{}, NewNodes())
	r := rand.New(rand.NewPCG(1, 1))
	addrs := make([]common.Address, *benchAccounts)
	d := new(gpuevm.StateDiff)
	for i := range addrs {
		addrs[i] = benchAddress(i)
		d.Cells = append(d.Cells,
			gpuevm.Cell{Key: gpuevm.Key{Addr: addrs[i], Kind: gpuevm.Exists}, Value: common.Hash{31: 1}},
			gpuevm.Cell{Key: gpuevm.Key{Addr: addrs[i], Kind: gpuevm.Balance}, Value: benchWord(r)})
	}
	for i := range addrs {
		cell := benchSlotCell(r, addrs)[0]
		binary.BigEndian.PutUint64(cell.Key.Slot[24:], uint64(i))
		d.Cells = append(d.Cells, cell)
	}
	if err := f.Apply(d); err != nil {
		b.Fatal(err)
	}
	benchFinish(b, f)
	return f, addrs
}

func benchFinish(b *testing.B, f *Forest) {
	if _, err := f.Root(); err != nil {
		b.Fatal(err)
	}
	if err := f.Collect(func(*mpt.Change) error { return nil }); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkBlock takes blocks through a forest that is all in memory, and reports the median of
// each stage.
func BenchmarkBlock(b *testing.B) {
	f, addrs := benchForest(b)
	r := rand.New(rand.NewPCG(2, 2))
	for _, kind := range []struct {
		name  string
		cells benchBlock
	}{{"accounts", benchAccountCells}, {"storage", benchSlotCell}} {
		for _, n := range []int{1000, 10_000, 100_000} {
			b.Run(fmt.Sprintf("%s/%d", kind.name, n), func(b *testing.B) {
				var times [6][]float64
				for b.Loop() {
					d := new(gpuevm.StateDiff)
					seen := make(map[gpuevm.Key]bool)
					for range n {
						if cells := kind.cells(r, addrs); !seen[cells[0].Key] {
							seen[cells[0].Key] = true
							d.Cells = append(d.Cells, cells...)
						}
					}
					benchRun(b, f, d, &times)
				}
				b.ReportMetric(0, "ns/op")
				for i, name := range []string{"apply", "load", "update", "hash", "root", "collect"} {
					slices.Sort(times[i])
					b.ReportMetric(times[i][len(times[i])/2], name+"-ms")
				}
			})
		}
	}
}

// benchRun is one block; root is all but Collect.
func benchRun(b *testing.B, f *Forest, d *gpuevm.StateDiff, times *[6][]float64) {
	before, start := f.Stats(), time.Now()
	if err := f.Apply(d); err != nil {
		b.Fatal(err)
	}
	applied := time.Since(start)
	if _, err := f.Root(); err != nil {
		b.Fatal(err)
	}
	root := time.Since(start)
	if err := f.Collect(func(*mpt.Change) error { return nil }); err != nil {
		b.Fatal(err)
	}
	after := f.Stats()
	for i, d := range [...]time.Duration{applied, after.Load - before.Load, after.Update - before.Update,
		after.Hash - before.Hash, root, after.Collect - before.Collect} {
		times[i] = append(times[i], d.Seconds()*1e3)
	}
}
