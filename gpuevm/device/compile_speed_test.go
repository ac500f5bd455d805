package device_test

import (
	"context"
	"encoding/hex"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"
	"github.com/gpuevm/gpuevm/bench/source"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/gpuevm/compiler"
	"github.com/gpuevm/gpuevm/gpuevm/device"
	"github.com/gpuevm/gpuevm/gpuevm/enginetest/shareddata"
	"github.com/gpuevm/gpuevm/hostsched"
	"github.com/gpuevm/gpuevm/statedb"
	"github.com/holiman/uint256"
)

// loops are contracts that do one thing 4096 times.
var loops = map[string]string{
	// x = x*x + x; x ^= x >> 3
	"arithmetic": "611000 6007 5b 8080020180 60031c18 90 60019003 809190 600557 5f55 00",
	// memory[0] = n; memory[32] = keccak(memory[0:64])
	"keccak": "611000 5b 805f52 60405f20 602052 6001900380 600357 00",
}

// loop are calls of a loop, each by itself, and the state before them.
func loop(t testing.TB, text string, n int) (*gpuevm.BlockEnv, []gpuevm.Tx, *statedb.Mem) {
	code, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	from, to := common.Address{0xaa}, common.Address{0xbb}
	mem, err := statedb.FromAlloc(types.GenesisAlloc{
		from: {Balance: big.NewInt(params.Ether)}, to: {Code: code, Balance: new(big.Int)},
	})
	if err != nil {
		t.Fatal(err)
	}
	header := &types.Header{Number: big.NewInt(1), GasLimit: 1 << 40, BaseFee: new(big.Int), Difficulty: new(big.Int), Time: 1 << 31, ExcessBlobGas: new(uint64)}
	env := gpuevm.NewBlockEnv(params.MergedTestChainConfig, header, common.Address{1}, nil)
	var txs []gpuevm.Tx
	for i := range n {
		txs = append(txs, gpuevm.Tx{
			Index: i, From: from, To: &to, Gas: 10_000_000, TrustNonce: true,
			Value: new(uint256.Int), GasPrice: new(uint256.Int), GasFeeCap: new(uint256.Int), GasTipCap: new(uint256.Int),
		})
	}
	return env, txs, mem
}

// TestCompiledSpeed compares compiled code with the interpreter, and the schedule for
// parallelism with program order, by the time that kernels take: the least of rounds in which
// the three take turns. It runs where GPUEVM_SPEED is set.
func TestCompiledSpeed(t *testing.T) {
	speeds(t, openHost, 1)
}

// TestGPUCompiledSpeed does so on a GPU, which wants many more transactions.
func TestGPUCompiledSpeed(t *testing.T) {
	speeds(t, device.OpenGPU, 10)
}

// wantSpeed skips what takes minutes and says nothing on a busy machine.
func wantSpeed(t *testing.T) {
	if os.Getenv("GPUEVM_SPEED") == "" {
		t.Skip("GPUEVM_SPEED is not set")
	}
}

type opener = func(testing.TB, device.Options) *device.Engine

// speeds measures workloads of so many times what the host gets, loops, and real blocks.
func speeds(t *testing.T, open opener, times int) {
	wantSpeed(t)
	for _, w := range []struct {
		name string
		txs  int
	}{{"erc20", 2000}, {"swap", 1000}, {"nft", 1000}, {"pool", 200}, {"sort", 50}, {"sha256", 50}} {
		speed(t, open, w.name, func() (*gpuevm.BlockEnv, []gpuevm.Tx, *statedb.Mem) { return firstBlock(t, w.name, times*w.txs) })
	}
	for name, text := range loops {
		speed(t, open, name, func() (*gpuevm.BlockEnv, []gpuevm.Tx, *statedb.Mem) { return loop(t, text, 16*times) })
	}
	blockSpeed(t, open, 4)
}

// blockSpeed is speed over whole real blocks, whose waves depend on one another: the latest
// n, with what runs three times compiled.
func blockSpeed(t *testing.T, open opener, n int) {
	set, err := source.Open(shareddata.Folder(t, "blocks"))
	if err != nil {
		t.Fatal(err)
	}
	compiled := open(t, device.Options{SpotCheck: -1, Compile: device.Compile{Mode: device.CompileAuto, After: 3, Wait: true, Workers: 2}})
	engines := []*device.Engine{open(t, device.Options{SpotCheck: -1}), compiled}
	for i := set.Len() - n; i < set.Len(); i++ {
		b, err := set.Load(i)
		if err != nil {
			t.Fatal(err)
		}
		var took [2][]time.Duration
		for round := range 12 {
			for k, e := range engines {
				before := e.Stats().KernelTime
				run := &hostsched.Block{Block: b.Block, Config: b.Config, Author: b.Author, BlockHash: b.BlockHash, Pre: b.Pre, TxsOnly: true}
				result, err := processor(e).Process(context.Background(), run)
				if err != nil || result.GasUsed != b.Block.GasUsed() {
					t.Fatalf("%s: %v", b.Name, err)
				}
				if round > 1 { // the first compiles, the second may yet
					took[k] = append(took[k], e.Stats().KernelTime-before)
				}
			}
		}
		interpreted, now := slices.Min(took[0]), slices.Min(took[1])
		t.Logf("%s, %d transactions: kernels interpreted %v, compiled %v: %.2fx", b.Name, len(b.Block.Transactions()),
			interpreted, now, float64(interpreted)/float64(now))
	}
	if s := compiled.Stats(); s.Compiled == 0 || s.NotCompiled > 0 || s.Faults > 0 {
		t.Errorf("%d codes compiled, %d failed, %d faults", s.Compiled, s.NotCompiled, s.Faults)
	}
}

func speed(t *testing.T, open opener, name string, make func() (*gpuevm.BlockEnv, []gpuevm.Tx, *statedb.Mem)) {
	compiled := device.Compile{Mode: device.CompileAlways, Wait: true}
	inOrder := compiled
	inOrder.Order = compiler.Program
	env, txs, mem := make()
	var engines []*device.Engine
	for _, c := range []device.Compile{{}, compiled, inOrder} {
		engines = append(engines, open(t, device.Options{SpotCheck: -1, Compile: c}))
	}
	took := [3][]time.Duration{}
	defer func() {
		for i, e := range engines {
			if s := e.Stats(); (s.Compiled > 0) != (i > 0) || s.NotCompiled > 0 || s.Faults > 0 {
				t.Errorf("%s: engine %d has %d codes compiled, %d failed, %d faults", name, i, s.Compiled, s.NotCompiled, s.Faults)
			}
		}
	}()
	for round := range 30 {
		for i, e := range engines {
			before := e.Stats().KernelTime
			results, err := e.Execute(context.Background(), env, txs, mem)
			if err != nil || results[0].Status != gpuevm.Success || e.Stats().OnDevice == 0 {
				t.Fatalf("%s: %v, %v %v; %v", name, err, results[0].Status, results[0].Err, e.Stats())
			}
			if round > 1 {
				took[i] = append(took[i], e.Stats().KernelTime-before)
			}
		}
	}
	least := func(i int) float64 { return float64(slices.Min(took[i])) }
	t.Logf("%-12s interpreted %8.0f ns a transaction, compiled %8.0f: %.2fx; the schedule against program order: %.2fx",
		name, least(0)/float64(len(txs)), least(1)/float64(len(txs)), least(0)/least(1), least(2)/least(1))
}
