package device_test

import (
	"context"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/gpuevm/gpuevm/bench/workload"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/gpuevm/device"
	"github.com/gpuevm/gpuevm/statedb"
)

// erc20 are token transfers, which have reads, cells and logs, and the state before them.
func erc20(t testing.TB, n int) (*gpuevm.BlockEnv, []gpuevm.Tx, *statedb.Mem) {
	return firstBlock(t, "erc20", n)
}

// firstBlock is that of a workload, each transaction on the state before it.
func firstBlock(t testing.TB, name string, n int) (*gpuevm.BlockEnv, []gpuevm.Tx, *statedb.Mem) {
	w, err := workload.Generate(name, workload.Options{Seed: 1, Blocks: 1, Txs: n})
	if err != nil {
		t.Fatal(err)
	}
	mem, err := statedb.FromAlloc(w.Alloc)
	if err != nil {
		t.Fatal(err)
	}
	block := w.Blocks[0]
	signer := types.MakeSigner(w.Config, block.Number(), block.Time())
	var txs []gpuevm.Tx
	for i, tx := range block.Transactions() {
		txs = append(txs, txOf(t, tx, signer, block.BaseFee()))
		txs[i].Index = i
	}
	return gpuevm.NewBlockEnv(w.Config, block.Header(), block.Coinbase(), nil), txs, mem
}

// txOf is a signed transaction as one that can run on the state before its block, whatever its
// sender sent before it there.
func txOf(t testing.TB, tx *types.Transaction, signer types.Signer, baseFee *big.Int) gpuevm.Tx {
	m, err := core.TransactionToMessage(tx, signer, baseFee)
	if err != nil {
		t.Fatalf("%s: %v", tx.Hash().Hex(), err)
	}
	return gpuevm.Tx{
		Hash: tx.Hash(), From: m.From, To: m.To, Nonce: m.Nonce, Value: m.Value, Gas: m.GasLimit, GasPrice: m.GasPrice,
		GasFeeCap: m.GasFeeCap, GasTipCap: m.GasTipCap, BlobFeeCap: m.BlobGasFeeCap, BlobHashes: m.BlobHashes, Data: m.Data,
		AccessList: m.AccessList, Auths: m.SetCodeAuthorizations, TrustNonce: true,
	}
}

// TestAllocations: twice as many transactions cost hardly any more allocations.
func TestAllocations(t *testing.T) {
	env, txs, mem := erc20(t, 2000)
	e := openHost(t, device.Options{SpotCheck: -1})
	run := func(n int) float64 {
		return testing.AllocsPerRun(5, func() {
			results, err := e.Execute(context.Background(), env, txs[:n], mem)
			if err != nil || results[n-1].Status != gpuevm.Success || len(results[n-1].Logs) != 1 {
				t.Fatalf("%v, %+v", err, results[n-1])
			}
		})
	}
	run(2000)
	a, b := run(1000), run(2000)
	t.Logf("%.0f allocations for 1000 transactions, %.0f for 2000", a, b)
	if b > a+20 || b > 500 {
		t.Errorf("%.0f allocations for 1000 transactions, %.0f for 2000", a, b)
	}
}

func BenchmarkERC20(b *testing.B) {
	env, txs, mem := erc20(b, 4000)
	e := openHost(b, device.Options{SpotCheck: -1})
	for b.Loop() {
		if _, err := e.Execute(context.Background(), env, txs, mem); err != nil {
			b.Fatal(err)
		}
	}
	s := e.Stats()
	b.ReportMetric(float64(s.KernelTime.Nanoseconds())/float64(s.Txs), "kernel-ns/tx")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(txs)), "ns/tx")
}
