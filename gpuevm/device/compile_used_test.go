package device_test

import (
	"cmp"
	"context"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/gpuevm/gpuevm/bench/source"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/gpuevm/device"
	"github.com/gpuevm/gpuevm/gpuevm/enginetest/shareddata"
)

// called is a code and what real transactions call it, those of the block that spends most on it.
type called struct {
	code  common.Hash
	gas   uint64 // of all blocks
	most  uint64 // of this one
	block int
	txs   []gpuevm.Tx
}

// TestCompiledUsed compares compiled code with the interpreter on the 20 codes that transactions
// of real blocks spend most gas on by calling them, and what these call in turn: 256 transactions at
// a time, real ones over and over, each on the state before its block. Least kernel time of
// rounds in which the two take turns. It runs where GPUEVM_SPEED is set.
func TestCompiledUsed(t *testing.T) {
	usedSpeeds(t, openHost, 256)
}

// TestGPUCompiledUsed does so on a GPU, which wants many more transactions.
func TestGPUCompiledUsed(t *testing.T) {
	usedSpeeds(t, device.OpenGPU, 16384)
}

func usedSpeeds(t *testing.T, open opener, txs int) {
	wantSpeed(t)
	set, err := source.Open(shareddata.Folder(t, "blocks"))
	if err != nil {
		t.Fatal(err)
	}
	var ratios []float64
	for _, c := range mostCalled(t, open(t, device.Options{SpotCheck: -1}), set, 20) {
		if ratio := usedSpeed(t, open, set, c, txs); ratio > 0 {
			ratios = append(ratios, ratio)
		}
	}
	if len(ratios) == 0 {
		t.Fatal("nothing was compared")
	}
	slices.Sort(ratios)
	t.Logf("%d codes: %.2fx to %.2fx, median %.2fx", len(ratios), ratios[0], ratios[len(ratios)-1], ratios[len(ratios)/2])
}

// mostCalled are the n codes that transactions spend most gas on, most first.
func mostCalled(t *testing.T, e *device.Engine, set *source.Set, n int) []*called {
	codes := map[common.Hash]*called{}
	for i := range set.Len() {
		b, err := set.Load(i)
		if err != nil {
			t.Fatal(err)
		}
		for code, txs := range callsOf(t, b) {
			results, err := e.Execute(context.Background(), envOf(b), txs, b.Pre)
			if err != nil {
				t.Fatalf("%s: %v", b.Name, err)
			}
			gas, valid := uint64(0), txs[:0]
			for k, r := range results {
				if r.Status == gpuevm.Success {
					gas += r.GasUsed
					valid = append(valid, txs[k])
				}
			}
			c := codes[code]
			if c == nil {
				c = &called{code: code}
				codes[code] = c
			}
			if c.gas += gas; gas > c.most {
				c.most, c.block, c.txs = gas, i, valid
			}
		}
	}
	list := slices.SortedFunc(maps.Values(codes), func(a, b *called) int {
		return cmp.Or(cmp.Compare(b.gas, a.gas), a.code.Cmp(b.code))
	})
	return list[:min(n, len(list))]
}

// callsOf are a block's transactions by the code that they call.
func callsOf(t *testing.T, b *source.Block) map[common.Hash][]gpuevm.Tx {
	signer := types.MakeSigner(b.Config, b.Block.Number(), b.Block.Time())
	calls := map[common.Hash][]gpuevm.Tx{}
	for _, tx := range b.Block.Transactions() {
		if tx.To() == nil {
			continue
		}
		code, err := b.Pre.Read(gpuevm.Key{Addr: *tx.To(), Kind: gpuevm.CodeHash})
		if err != nil || code == (common.Hash{}) || code == types.EmptyCodeHash {
			continue // also what a witness lacks, for an account that the block made
		}
		calls[code] = append(calls[code], txOf(t, tx, signer, b.Block.BaseFee()))
	}
	return calls
}

func envOf(b *source.Block) *gpuevm.BlockEnv {
	return gpuevm.NewBlockEnv(b.Config, b.Block.Header(), b.Author, b.BlockHash)
}

// usedSpeed is how many times faster a code runs compiled; 0 if the device does not run it.
func usedSpeed(t *testing.T, open opener, set *source.Set, c *called, n int) float64 {
	b, err := set.Load(c.block)
	if err != nil {
		t.Fatal(err)
	}
	txs := make([]gpuevm.Tx, n)
	for i := range txs {
		txs[i] = c.txs[i%len(c.txs)]
		txs[i].Index = i
	}
	engines := []*device.Engine{
		open(t, device.Options{SpotCheck: -1}),
		open(t, device.Options{SpotCheck: -1, Compile: device.Compile{Mode: device.CompileAlways, Wait: true}}),
	}
	defer func() {
		for _, e := range engines {
			_ = e.Close()
		}
	}()
	var took [2][]time.Duration
	var want []gpuevm.Result
	for round := range 12 {
		for k, e := range engines {
			before := e.Stats().KernelTime
			results, err := e.Execute(context.Background(), envOf(b), txs, b.Pre)
			if err != nil {
				t.Fatalf("%s in %s: %v", c.code.Hex(), b.Name, err)
			}
			if round > 1 {
				took[k] = append(took[k], e.Stats().KernelTime-before)
			}
			if want == nil {
				want = results
			}
			for i := range results {
				r, w := &results[i], &want[i]
				if r.Status != w.Status || r.GasUsed != w.GasUsed || !reflect.DeepEqual(r.Logs, w.Logs) {
					t.Fatalf("%s in %s, transaction %d: %v with %d gas, interpreted %v with %d", c.code.Hex(), b.Name, i, r.Status, r.GasUsed, w.Status, w.GasUsed)
				}
			}
		}
	}
	s := engines[1].Stats()
	if s.Compiled == 0 || s.NotCompiled > 0 || s.Faults > 0 {
		t.Errorf("%s: %d codes compiled, %d failed, %d faults", c.code.Hex(), s.Compiled, s.NotCompiled, s.Faults)
	}
	if len(s.TakenOver) > 0 {
		t.Logf("%s, %s: the CPU engine took over %v", c.code.Hex()[:18], b.Name, s.TakenOver)
		return 0
	}
	interpreted, now := slices.Min(took[0]), slices.Min(took[1])
	ratio := float64(interpreted) / float64(now)
	t.Logf("%s, %2d calls of %s, %7d gas each, %2d codes: interpreted %8.0f ns a transaction, compiled %8.0f: %.2fx", c.code.Hex()[:18],
		len(c.txs), b.Name, c.most/uint64(len(c.txs)), s.Compiled, float64(interpreted.Nanoseconds())/float64(n), float64(now.Nanoseconds())/float64(n), ratio)
	return ratio
}
