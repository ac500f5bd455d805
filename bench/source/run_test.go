package source

import (
	"context"
	"testing"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/gpuevm/gpuevm/fallback"
	"github.com/gpuevm/gpuevm/gpuevm/enginetest/shareddata"
	"github.com/gpuevm/gpuevm/hostsched"
)

// What the files expect is what running them gives: receipts and the allocation
// afterwards, and over the witness the state root that the chain agreed on.
func TestRealBlocksRun(t *testing.T) {
	if testing.Short() {
		t.Skip("runs all real blocks")
	}
	set, err := Open(shareddata.Folder(t, "blocks"))
	if err != nil {
		t.Fatal(err)
	}
	p := hostsched.New(hostsched.Options{Engine: fallback.New(2)})
	for b, err := range set.All() {
		if err != nil {
			t.Fatal(err)
		}
		t.Run(b.Name, func(t *testing.T) {
			runOverAlloc(t, p, b)
			if b.Tries != nil {
				runOverTries(t, p, b)
			}
		})
	}
}

func toRun(b *Block) *hostsched.Block {
	return &hostsched.Block{Block: b.Block, Config: b.Config, Author: b.Author, BlockHash: b.BlockHash, Pre: b.Pre}
}

func runOverAlloc(t *testing.T, p *hostsched.Processor, b *Block) {
	run := toRun(b)
	run.TxsOnly = true
	result, err := p.Process(context.Background(), run)
	if err != nil {
		t.Fatal(err)
	}
	got, err := b.PostAllocRoot(result.Diff())
	if err != nil {
		t.Fatal(err)
	}
	if got != b.Expect.PostAllocRoot {
		t.Errorf("allocation afterwards has root %s, want %s", got, b.Expect.PostAllocRoot)
	}
	for i, r := range result.Receipts {
		checkReceipt(t, i, r, &b.Expect.Receipts[i])
	}
}

func checkReceipt(t *testing.T, i int, got *types.Receipt, want *Receipt) {
	logs, err := rlp.EncodeToBytes(got.Logs)
	if err != nil {
		t.Fatal(err)
	}
	if got.Status != want.Status || got.GasUsed != want.GasUsed || got.CumulativeGasUsed != want.CumulativeGas ||
		len(got.Logs) != want.Logs || crypto.Keccak256Hash(logs) != want.LogsHash {
		t.Errorf("tx %d: %+v, want %+v", i, got, want)
	}
}

func runOverTries(t *testing.T, p *hostsched.Processor, b *Block) {
	run := toRun(b)
	run.Pre, run.Roots = b.Tries, b.Tries
	result, err := p.Process(context.Background(), run)
	if err != nil {
		t.Fatal(err)
	}
	if *result.Root != b.Block.Root() {
		t.Errorf("state root %s, want %s", result.Root, b.Block.Root())
	}
	if result.ReceiptsRoot != b.Block.ReceiptHash() {
		t.Errorf("receipts root %s, want %s", result.ReceiptsRoot, b.Block.ReceiptHash())
	}
	if next, err := b.Tries.Commit(); err != nil || next.ViewRoot() != b.Block.Root() {
		t.Errorf("commit: %v", err)
	}
}
