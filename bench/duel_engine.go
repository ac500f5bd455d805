package bench

import (
	"context"
	"fmt"
	"math/big"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/gpuevm/gpuevm/bench/workload"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/gpuevm/device"
	"github.com/gpuevm/gpuevm/statedb"
)

// gasPerTx is about what a transaction of a workload uses.
var gasPerTx = map[string]float64{
	"transfer": 21_000, "erc20": 38_841, "swap": 102_070, "nft": 74_484, "serial": 37_128, "mixed": 63_500,
}

// TxsFor is how many transactions of a workload use about so many million gas; 0: it is no
// workload that is measured.
func TxsFor(name string, mgas float64) int { return int(mgas * 1e6 / gasPerTx[name]) }

// GeneratedJob is a block of about so many million gas, over a state in memory.
func GeneratedJob(name string, mgas float64) (*Job, error) {
	w, err := workload.Generate(name, workload.Options{Txs: TxsFor(name, mgas), Blocks: 1, Seed: 1})
	if err != nil {
		return nil, err
	}
	pre, err := statedb.FromAlloc(w.Alloc)
	if err != nil {
		return nil, err
	}
	b := w.Blocks[0]
	return &Job{Name: name, Config: w.Config, Block: b, Author: b.Coinbase(), Parent: w.Parent, Pre: pre,
		BlockHash: func(uint64) common.Hash { return b.ParentHash() }}, nil
}

// engineWhat says what DuelEngines measures.
const engineWhat = "One batch of a block's transactions through the engine alone, each on the state before the block: " +
	"senders known, no commit, no receipts. Wall: pack, copy, launch, unpack, with the state that the batch reads on " +
	"the device from the round before; first: with nothing there"

// DuelEngines runs a block's transactions as one batch on a device's engine and on the CPU's.
func DuelEngines(ctx context.Context, job *Job, label string, dev *device.Engine, cpuName string, cpu gpuevm.Engine, rounds int) (*Measured, error) {
	env, txs, err := job.batch()
	if err != nil {
		return nil, err
	}
	before := dev.Stats()
	ours := engineDuelist(label, dev, env, txs, job.Pre)
	run := ours.Run
	ours.Run = func(ctx context.Context) (Took, error) {
		kernels := dev.Stats().KernelTime
		took, err := run(ctx)
		took.Kernel = dev.Stats().KernelTime - kernels
		return took, err
	}
	first, rest, err := Duel(ctx, rounds, ours, engineDuelist(cpuName, cpu, env, txs, job.Pre))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", job.Name, err)
	}
	after := dev.Stats()
	m := &Measured{Bench: job.Name, What: engineWhat, Items: len(txs), Unit: "tx", Gas: first[0].Gas, Rounds: rounds, Device: label, CPU: cpuName}
	m.OnDevice = new(round3(float64(after.OnDevice-before.OnDevice) / float64(after.Txs-before.Txs)))
	m.Launches = (after.Launches - before.Launches) / int64(rounds+1)
	m.fill(first, rest)
	return m, nil
}

// batch is the block as an engine takes it.
func (j *Job) batch() (*gpuevm.BlockEnv, []gpuevm.Tx, error) {
	header := j.Block.Header()
	signer := types.MakeSigner(j.Config, header.Number, header.Time)
	txs := make([]gpuevm.Tx, len(j.Block.Transactions()))
	for i, tx := range j.Block.Transactions() {
		var err error
		if txs[i], err = asTx(tx, i, signer, header.BaseFee); err != nil {
			return nil, nil, fmt.Errorf("%s: tx %d: %w", j.Name, i, err)
		}
	}
	return gpuevm.NewBlockEnv(j.Config, header, j.Author, j.BlockHash), txs, nil
}

// asTx is what hostsched makes of a transaction, its nonce trusted as in a wave.
func asTx(tx *types.Transaction, index int, signer types.Signer, baseFee *big.Int) (gpuevm.Tx, error) {
	msg, err := core.TransactionToMessage(tx, signer, baseFee)
	if err != nil {
		return gpuevm.Tx{}, err
	}
	return gpuevm.Tx{
		Index: index, Hash: tx.Hash(), From: msg.From, To: tx.To(), Nonce: msg.Nonce, Value: msg.Value, Gas: msg.GasLimit,
		GasPrice: msg.GasPrice, GasFeeCap: msg.GasFeeCap, GasTipCap: msg.GasTipCap, BlobFeeCap: msg.BlobGasFeeCap,
		BlobHashes: msg.BlobHashes, Data: msg.Data, AccessList: msg.AccessList, Auths: msg.SetCodeAuthorizations, TrustNonce: true,
	}, nil
}

func engineDuelist(name string, e gpuevm.Engine, env *gpuevm.BlockEnv, txs []gpuevm.Tx, pre gpuevm.StateView) Duelist {
	return Duelist{name, func(ctx context.Context) (Took, error) {
		start := time.Now()
		results, err := e.Execute(ctx, env, txs, pre)
		if err != nil {
			return Took{}, err
		}
		took := Took{Wall: time.Since(start), Made: digest(results)}
		for i := range results {
			took.Gas += results[i].GasUsed
		}
		return took, nil
	}}
}

// digest tells results apart by what they come to, whatever the order of a diff's cells.
func digest(results []gpuevm.Result) uint64 {
	var sum uint64
	for i := range results {
		r := &results[i]
		one := r.GasUsed + uint64(r.Status)<<48 + uint64(len(r.Logs))<<40 + r.Fee.Uint64()
		for _, cells := range [][]gpuevm.Cell{r.Diff.Cells, r.Diff.Adds} {
			for k := range cells {
				one += mix(cells[k].Key.Addr[:]) ^ 3*mix(cells[k].Key.Slot[:]) ^ 5*mix(cells[k].Value[:]) ^ uint64(cells[k].Key.Kind)
			}
		}
		sum = sum*0x9e3779b97f4a7c15 + one
	}
	return sum
}

// mix is FNV-1a.
func mix(b []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, x := range b {
		h = (h ^ uint64(x)) * 1099511628211
	}
	return h
}
