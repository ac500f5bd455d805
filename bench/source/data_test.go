package source

import (
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/gpuevm/enginetest/shareddata"
	"github.com/gpuevm/gpuevm/statedb"
)

func TestRealBlocks(t *testing.T) {
	set, err := Open(shareddata.Folder(t, "blocks"))
	if err != nil {
		t.Fatal(err)
	}
	i, witnesses, txs := 0, 0, 0
	for b, err := range set.All() {
		if err != nil {
			t.Fatal(err)
		}
		if b.Name != set.Name(i) {
			t.Errorf("block %d is %s, the set says %s", i, b.Name, set.Name(i))
		}
		i++
		txs += len(b.Block.Transactions())
		if b.Tries != nil {
			witnesses++
		}
		t.Run(b.Name, func(t *testing.T) { checkRealBlock(t, b) })
	}
	if i != set.Len() {
		t.Errorf("%d blocks of %d", i, set.Len())
	}
	t.Logf("%d blocks, %d with witness, %d transactions", i, witnesses, txs)
}

func checkRealBlock(t *testing.T, b *Block) {
	header := b.Block.Header()
	if got := b.Pre.(*statedb.Mem).AllocRoot(); got != b.Expect.PreAllocRoot {
		t.Errorf("pre-state has root %s, want %s", got, b.Expect.PreAllocRoot)
	}
	if b.Author != header.Coinbase {
		t.Errorf("author is %s", b.Author)
	}
	if got := b.BlockHash(header.Number.Uint64() - 1); got != header.ParentHash {
		t.Errorf("hash of the parent is %s", got)
	}
	for _, n := range []uint64{header.Number.Uint64(), header.Number.Uint64() + 1, 1 << 63} {
		if got := b.BlockHash(n); got != (common.Hash{}) {
			t.Errorf("block %d, which is not before this one, has hash %s", n, got)
		}
	}
	signer := types.MakeSigner(b.Config, header.Number, header.Time)
	for i, tx := range b.Block.Transactions() {
		if from, err := types.Sender(signer, tx); err != nil || from != b.Expect.Senders[i] {
			t.Errorf("tx %d: sender %s, want %s, %v", i, from, b.Expect.Senders[i], err)
		}
	}
	if n := len(b.Expect.Receipts); n > 0 && b.Expect.Receipts[n-1].CumulativeGas != header.GasUsed {
		t.Errorf("receipts add up to %d gas, the header has %d", b.Expect.Receipts[n-1].CumulativeGas, header.GasUsed)
	}
	if b.Tries != nil {
		checkTries(t, b)
	}
}

// checkTries compares every cell of the pre-state with what the witness proves.
func checkTries(t *testing.T, b *Block) {
	if b.Parent != nil && b.Parent.Root != b.Tries.ViewRoot() {
		t.Error("witness does not hang on the parent")
	}
	compare := func(key gpuevm.Key) common.Hash {
		want, _ := b.Pre.Read(key)
		got, err := b.Tries.Read(key)
		if err != nil {
			t.Error(err)
		} else if got != want {
			t.Errorf("%s: %s in the witness, %s in the pre-state", key, got, want)
		}
		return want
	}
	for _, key := range b.Expect.Touched {
		if key.Kind == gpuevm.Slot {
			compare(key)
			continue
		}
		for kind := gpuevm.Exists; kind < gpuevm.CodeHash; kind++ {
			key.Kind = kind
			compare(key)
		}
		key.Kind = gpuevm.CodeHash
		if hash := compare(key); hash != (common.Hash{}) {
			if _, err := b.Tries.Code(hash); err != nil {
				t.Error(err)
			}
			if _, err := b.Pre.Code(hash); err != nil {
				t.Error(err)
			}
		}
	}
}
