package device_test

import (
	"context"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/gpuevm/gpuevm/bench/workload"
	"github.com/gpuevm/gpuevm/fallback"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/gpuevm/device"
	"github.com/gpuevm/gpuevm/statedb"
	"github.com/holiman/uint256"
)

func TestTmpBench(t *testing.T) {
	for _, name := range []string{"transfer", "erc20", "swap", "nft"} {
		w, err := workload.Generate(name, workload.Options{Seed: 1, Blocks: 1, Txs: 4000})
		if err != nil {
			t.Fatal(err)
		}
		mem, _ := statedb.FromAlloc(w.Alloc)
		block := w.Blocks[0]
		env := gpuevm.NewBlockEnv(w.Config, block.Header(), block.Coinbase(), nil)
		signer := types.MakeSigner(w.Config, block.Number(), block.Time())
		var txs []gpuevm.Tx
		for i, tx := range block.Transactions() {
			m, err := core.TransactionToMessage(tx, signer, block.BaseFee())
			if err != nil {
				t.Fatal(err)
			}
			txs = append(txs, gpuevm.Tx{Index: i, From: m.From, To: m.To, Nonce: m.Nonce, Value: m.Value, Gas: m.GasLimit, GasPrice: m.GasPrice, GasFeeCap: m.GasFeeCap, GasTipCap: m.GasTipCap, Data: m.Data, TrustNonce: true})
		}
		_ = uint256.NewInt
		e := openHost(t, device.Options{SpotCheck: -1})
		cpu := fallback.New(0)
		var gas uint64
		for round := range 6 {
			before := e.Stats()
			start := time.Now()
			res, err := e.Execute(context.Background(), env, txs, mem)
			if err != nil {
				t.Fatal(err)
			}
			dev := time.Since(start)
			after := e.Stats()
			start = time.Now()
			_, _ = cpu.Execute(context.Background(), env, txs, mem)
			c := time.Since(start)
			gas = 0
			ok := 0
			for i := range res {
				gas += res[i].GasUsed
				if res[i].Status == gpuevm.Success {
					ok++
				}
			}
			t.Logf("%s round %d: kernel %v wall %v, go %v; rounds %d, gas %d ok %d", name, round, after.KernelTime-before.KernelTime, dev, c, after.Rounds-before.Rounds, gas, ok)
		}
	}
}
