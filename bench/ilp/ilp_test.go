package ilp

import (
	"context"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/gpuevm/gpuevm/bench"
	"github.com/gpuevm/gpuevm/bench/source"
	"github.com/gpuevm/gpuevm/gpuevm/enginetest/shareddata"
)

func realSet(t *testing.T, names ...string) *source.Set {
	t.Helper()
	dir := shareddata.Folder(t, "blocks")
	var paths []string
	for _, name := range names {
		paths = append(paths, filepath.Join(dir, name+".json.gz"))
	}
	set, err := source.Open(paths...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func studied(t *testing.T, set *source.Set) *Report {
	t.Helper()
	s := NewStudy(Options{Heaviest: 5, Graphs: 3, Threads: runtime.GOMAXPROCS(0)})
	if err := s.Blocks(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	r, err := s.Report()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Failed(); err != nil {
		t.Error(err)
	}
	return r
}

// countedSteps is how many steps go-ethereum's tracer sees in each transaction.
func countedSteps(t *testing.T, b *source.Block) map[int]uint64 {
	t.Helper()
	steps, current := map[int]uint64{}, 0
	hooks := &tracing.Hooks{OnOpcode: func(uint64, byte, uint64, uint64, tracing.OpContext, []byte, int, error) { steps[current]++ }}
	sdb, err := bench.OverView(b.Pre)
	if err != nil {
		t.Fatal(err)
	}
	header := b.Block.Header()
	env := core.NewEVMBlockContext(header, chain{config: b.Config}, &b.Author)
	env.GetHash = b.BlockHash
	evm := vm.NewEVM(env, sdb, b.Config, vm.Config{Tracer: hooks})
	pool := core.NewGasPool(header.GasLimit)
	for i, tx := range b.Block.Transactions() {
		current = i
		msg, err := core.TransactionToMessage(tx, types.MakeSigner(b.Config, header.Number, header.Time), header.BaseFee)
		if err != nil {
			t.Fatal(err)
		}
		sdb.SetTxContext(tx.Hash(), i, uint32(i+1))
		if _, err := core.ApplyMessage(evm, msg, pool); err != nil {
			t.Fatal(err)
		}
		sdb.Finalise(evm.GetRules())
	}
	return steps
}

// TestStepsOfRealBlocks: every step is in the stack form once, by transaction, by code and
// in all; go-ethereum's tracer counts the same.
func TestStepsOfRealBlocks(t *testing.T) {
	set := realSet(t, "mainnet-1150000", "mainnet-4864590", "mainnet-11114732")
	r := studied(t, set)
	for i, b := range r.Blocks {
		block, err := set.Load(i)
		if err != nil {
			t.Fatal(err)
		}
		want := countedSteps(t, block)
		if len(want) != len(b.Each) {
			t.Errorf("%s: %d transactions ran code, want %d", b.Name, len(b.Each), len(want))
		}
		for j := range b.Each {
			if tx := &b.Each[j]; tx.Steps != want[tx.Index] || tx.Stack.Ops != int(tx.Steps) {
				t.Errorf("%s, tx %d: %d steps, %d operations, want %d", b.Name, tx.Index, tx.Steps, tx.Stack.Ops, want[tx.Index])
			}
		}
	}
	byCode := new(Total)
	for _, c := range r.Codes {
		byCode.add(c.Executed)
	}
	if byCode.Steps != r.Executed.Steps || byCode.Measures != r.Executed.Measures || byCode.Frames != r.Executed.Frames {
		t.Errorf("codes sum up to %+v, blocks to %+v", byCode, r.Executed)
	}
	if got := r.Executed.Path.Total() + r.Executed.Left.Span; got != r.Executed.SSA.Span {
		t.Errorf("the path takes %d of %d cycles", got, r.Executed.SSA.Span)
	}
	if r.Executed.Left.Ops*10 > r.Executed.Stack.Ops {
		t.Errorf("%d of %d operations are left to the interpreter", r.Executed.Left.Ops, r.Executed.Stack.Ops)
	}
	t.Logf("%+v", *r.Executed)
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := NewStudy(Options{Threads: 1, Progress: func(done, _ int, _ string) { cancel() }})
	if err := s.Blocks(ctx, realSet(t, "mainnet-1150000", "mainnet-4864590")); err != context.Canceled {
		t.Error(err)
	}
	r, err := s.Report()
	if err != nil || len(r.Blocks) != 1 || r.Executed.Steps == 0 {
		t.Errorf("%d blocks, %v", len(r.Blocks), err)
	}
}
