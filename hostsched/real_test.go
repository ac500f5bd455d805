package hostsched_test

import (
	"context"
	"testing"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/gpuevm/gpuevm/bench/source"
	"github.com/gpuevm/gpuevm/gpuevm/enginetest/shareddata"
	"github.com/gpuevm/gpuevm/hostsched"
)

// TestRealBlocks runs every real block in every way: its gas, bloom, receipts and the
// state afterwards must be what the chain or go-ethereum says.
func TestRealBlocks(t *testing.T) {
	set, err := source.Open(shareddata.Folder(t, "blocks"))
	if err != nil {
		t.Fatal(err)
	}
	processors := make(map[string]*hostsched.Processor) // they learn from block to block
	for name, o := range ways(1) {
		processors[name] = hostsched.New(o)
	}
	var again int
	for i := range set.Len() {
		if testing.Short() && i%6 != 0 {
			continue
		}
		for name, p := range processors {
			b, err := set.Load(i) // anew: tries can be folded once
			if err != nil {
				t.Fatal(err)
			}
			again += runReal(t, name, p, b)
		}
	}
	t.Logf("%d transactions executed again", again)
}

func runReal(t *testing.T, name string, p *hostsched.Processor, b *source.Block) int {
	t.Helper()
	run := &hostsched.Block{Block: b.Block, Config: b.Config, Author: b.Author, BlockHash: b.BlockHash, Pre: b.Pre, TxsOnly: true}
	result, err := p.Process(context.Background(), run)
	if err != nil {
		t.Fatalf("%s, %s: %v", b.Name, name, err)
	}
	header := b.Block.Header()
	if result.GasUsed != header.GasUsed || result.Bloom != header.Bloom {
		t.Errorf("%s, %s: gas %d, want %d, or another bloom", b.Name, name, result.GasUsed, header.GasUsed)
	}
	if b.Config.IsByzantium(header.Number) && result.ReceiptsRoot != header.ReceiptHash {
		t.Errorf("%s, %s: receipts root %s, want %s", b.Name, name, result.ReceiptsRoot, header.ReceiptHash)
	}
	if got, err := b.PostAllocRoot(result.Diff()); err != nil || got != b.Expect.PostAllocRoot {
		t.Errorf("%s, %s: state after the transactions %s, want %s (%v)", b.Name, name, got, b.Expect.PostAllocRoot, err)
	}
	for i, r := range result.Receipts {
		checkReceipt(t, b.Name, i, r, &b.Expect.Receipts[i])
	}
	if b.Tries == nil {
		return result.Stats.Reexecuted
	}
	run.Pre, run.Roots, run.TxsOnly = b.Tries, b.Tries, false
	if result, err = p.Process(context.Background(), run); err != nil {
		t.Fatalf("%s, %s, over tries: %v", b.Name, name, err)
	}
	if err := result.Verify(header); err != nil {
		t.Errorf("%s, %s, over tries: %v", b.Name, name, err)
	}
	return result.Stats.Reexecuted
}

func checkReceipt(t *testing.T, block string, i int, got *types.Receipt, want *source.Receipt) {
	t.Helper()
	logs, err := rlp.EncodeToBytes(got.Logs)
	if err != nil {
		t.Fatal(err)
	}
	if got.Status != want.Status || got.GasUsed != want.GasUsed || got.CumulativeGasUsed != want.CumulativeGas ||
		len(got.Logs) != want.Logs || crypto.Keccak256Hash(logs) != want.LogsHash {
		t.Errorf("%s, tx %d: %+v, want %+v", block, i, got, want)
	}
}
