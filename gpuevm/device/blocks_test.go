package device_test

import (
	"context"
	"math"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/bench/source"
	"github.com/gpuevm/gpuevm/bench/workload"
	"github.com/gpuevm/gpuevm/fallback"
	"github.com/gpuevm/gpuevm/gpuevm/device"
	"github.com/gpuevm/gpuevm/gpuevm/enginetest/shareddata"
	"github.com/gpuevm/gpuevm/hostsched"
	"github.com/gpuevm/gpuevm/statedb"
)

var openHost = device.OpenHost

func processor(e *device.Engine) *hostsched.Processor {
	return hostsched.New(hostsched.Options{Engine: e, Referee: fallback.New(0), Batch: 4096})
}

// TestRealBlocks runs every real block on this machine's cores as a device: gas, receipts
// and the state afterwards are what the chain says, and nearly all of it stays there.
func TestRealBlocks(t *testing.T) {
	realBlocks(t, openHost(t, device.Options{SpotCheck: 4}))
}

// TestGPURealBlocks does so on a GPU.
func TestGPURealBlocks(t *testing.T) {
	realBlocks(t, device.OpenGPU(t, device.Options{SpotCheck: 4}))
}

func realBlocks(t *testing.T, e *device.Engine) { someRealBlocks(t, e, math.MaxInt) }

// someRealBlocks runs n of them, the latest.
func someRealBlocks(t *testing.T, e *device.Engine, n int) {
	set, err := source.Open(shareddata.Folder(t, "blocks"))
	if err != nil {
		t.Fatal(err)
	}
	p := processor(e)
	var again int
	for i := max(0, set.Len()-n); i < set.Len(); i++ {
		if testing.Short() && i%6 != 0 {
			continue
		}
		b, err := set.Load(i)
		if err != nil {
			t.Fatal(err)
		}
		run := &hostsched.Block{Block: b.Block, Config: b.Config, Author: b.Author, BlockHash: b.BlockHash, Pre: b.Pre, TxsOnly: true}
		result, err := p.Process(context.Background(), run)
		if err != nil {
			t.Fatalf("%s: %v", b.Name, err)
		}
		header := b.Block.Header()
		if result.GasUsed != header.GasUsed || result.Bloom != header.Bloom {
			t.Errorf("%s: gas %d, want %d, or another bloom", b.Name, result.GasUsed, header.GasUsed)
		}
		if b.Config.IsByzantium(header.Number) && result.ReceiptsRoot != header.ReceiptHash {
			t.Errorf("%s: receipts root %s, want %s", b.Name, result.ReceiptsRoot, header.ReceiptHash)
		}
		if got, err := b.PostAllocRoot(result.Diff()); err != nil || got != b.Expect.PostAllocRoot {
			t.Errorf("%s: state after the transactions %s, want %s (%v)", b.Name, got, b.Expect.PostAllocRoot, err)
		}
		again += result.Stats.Reexecuted
	}
	s := e.Stats()
	t.Logf("%d transactions executed again; %v", again, s)
	if s.Share() < 0.98 || s.Faults > 0 {
		t.Errorf("%.2f%% stayed on the device, %d faults", 100*s.Share(), s.Faults)
	}
}

// TestWorkloads runs blocks that follow one another, so that the state table stays on the
// device from block to block, and compares with go-ethereum's headers.
func TestWorkloads(t *testing.T) {
	for _, name := range workload.Names() {
		t.Run(name, func(t *testing.T) { runWorkload(t, name, openHost) })
	}
}

// TestGPUWorkloads does so on a GPU.
func TestGPUWorkloads(t *testing.T) {
	for _, name := range workload.Names() {
		t.Run(name, func(t *testing.T) { runWorkload(t, name, device.OpenGPU) })
	}
}

func runWorkload(t *testing.T, name string, open func(testing.TB, device.Options) *device.Engine) {
	w, err := workload.Generate(name, workload.Options{Seed: 1, Blocks: 3, Txs: 300})
	if err != nil {
		t.Fatal(err)
	}
	mem, err := statedb.FromAlloc(w.Alloc)
	if err != nil {
		t.Fatal(err)
	}
	e := open(t, device.Options{SpotCheck: 1})
	ours, cpu := processor(e), hostsched.New(hostsched.Options{Engine: fallback.New(0)})
	hashes := []common.Hash{w.Parent.Hash()}
	for _, block := range w.Blocks {
		run := &hostsched.Block{Block: block, Config: w.Config, Author: block.Coinbase(), Pre: mem, BlockHash: func(n uint64) common.Hash { return hashes[n] }}
		got, err := ours.Process(context.Background(), run)
		if err != nil {
			t.Fatal(err)
		}
		want, err := cpu.Process(context.Background(), run)
		if err != nil {
			t.Fatal(err)
		}
		if got.GasUsed != want.GasUsed || got.ReceiptsRoot != want.ReceiptsRoot || got.Bloom != want.Bloom {
			t.Errorf("block %d: gas %d, receipts %x, want %d, %x", block.NumberU64(), got.GasUsed, got.ReceiptsRoot, want.GasUsed, want.ReceiptsRoot)
		}
		t.Logf("%d waves, %d again", got.Stats.Waves, got.Stats.Reexecuted)
		if err := mem.Apply(got.Diff()); err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, block.Hash())
	}
	s := e.Stats()
	t.Log(s)
	if s.Kept == 0 || s.Faults > 0 {
		t.Errorf("the state table was never kept, or %d faults", s.Faults)
	}
}
