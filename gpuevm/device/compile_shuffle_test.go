package device_test

import (
	"context"
	"math/big"
	"math/rand"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/gpuevm/device"
	"github.com/gpuevm/gpuevm/statedb"
	"github.com/holiman/uint256"
)

// TestCompiledShuffles runs loops that do little but move words about on the stack, each way
// through them in another order: where words share places, a move may overwrite what another
// is still to read.
func TestCompiledShuffles(t *testing.T) {
	const programs, runs = 100, 4
	e := openHost(t, device.Options{SpotCheck: 1, Compile: device.Compile{Mode: device.CompileAlways, Wait: true, Unit: programs, Workers: 2}})
	rnd := rand.New(rand.NewSource(1))
	from := common.Address{0xaa}
	alloc := types.GenesisAlloc{from: {Balance: big.NewInt(params.Ether)}}
	var txs []gpuevm.Tx
	for i := range programs {
		to := common.Address{0xbb, byte(i)}
		words := 3 + rnd.Intn(8)
		code := shuffle(rnd, words)
		if i == 0 {
			code = narrowed
		}
		alloc[to] = types.Account{Code: code, Balance: new(big.Int)}
		for range runs {
			data := make([]byte, 32*words)
			rnd.Read(data)
			txs = append(txs, gpuevm.Tx{
				Index: len(txs), From: from, To: &to, Gas: 1_000_000, TrustNonce: true, Data: data,
				Value: new(uint256.Int), GasPrice: new(uint256.Int), GasFeeCap: new(uint256.Int), GasTipCap: new(uint256.Int),
			})
		}
	}
	mem, err := statedb.FromAlloc(alloc)
	if err != nil {
		t.Fatal(err)
	}
	header := &types.Header{Number: big.NewInt(1), GasLimit: 1 << 40, BaseFee: new(big.Int), Difficulty: new(big.Int), Time: 1 << 31, ExcessBlobGas: new(uint64)}
	results, err := e.Execute(context.Background(), gpuevm.NewBlockEnv(params.MergedTestChainConfig, header, common.Address{1}, nil), txs, mem)
	if err != nil {
		t.Fatal(err)
	}
	for i := range results {
		if results[i].Status != gpuevm.Success {
			t.Errorf("transaction %d: %v, %v", i, results[i].Status, results[i].Err)
		}
	}
	if s := e.Stats(); s.Compiled != programs || s.OnDevice != int64(len(txs)) || s.SpotChecks == 0 || s.Faults != 0 {
		t.Errorf("not as the CPU engine, or not compiled: %v", s)
	}
}

// narrowed is a loop whose word is wide where it begins and narrow where it ends, with other
// blocks between: x = (x >> 64 ^ ^x) & 255, five times.
var narrowed = []byte{
	0x5f, 0x35, 0x60, 5, 0x5f, 0x52, // CALLDATALOAD; the counter
	0x5b, 0x80, 0x60, 64, 0x1c, 0x90, 0x19, 0x18, 0x60, 32, 0x35, 0x60, 21, 0x57, 0, // 6; to 21 if the second word is not 0
	0x5b, 0x60, 0xff, 0x16, 0x60, 32, 0x35, 0x60, 32, 0x57, 0, // 21: AND 255; to 32
	0x5b, 0x60, 1, 0x5f, 0x51, 0x03, 0x80, 0x5f, 0x52, 0x60, 6, 0x57, // 32: again
	0x5f, 0x55, 0,
}

// shuffle is a loop of five rounds, or of one, over words of the call's data, which are stored at
// the end.
func shuffle(rnd *rand.Rand, words int) (code []byte) {
	emit := func(b ...byte) { code = append(code, b...) }
	push := func() (at int) { emit(0x61, 0, 0); return len(code) - 2 } // PUSH2 of a place that is not known yet
	here := func(at int) { code[at], code[at+1] = byte(len(code)>>8), byte(len(code)); emit(0x5b) }
	swaps := func() {
		for range rnd.Intn(2 * words) {
			switch i := byte(rnd.Intn(words - 1)); rnd.Intn(8) {
			case 0:
				emit(0x01, 0x80+i) // ADD, DUP
			case 1:
				emit(0x60, 0xff, 0x16) // AND 0xff: a narrow word
			default:
				emit(0x90 + i) // SWAP
			}
		}
	}
	for i := range words {
		emit(0x61, byte(i*32>>8), byte(i*32), 0x35)
	}
	emit(0x60, 5, 0x5f, 0x52) // the counter is in memory
	loop := len(code)
	emit(0x5b)
	for range 1 + rnd.Intn(3) {
		swaps()
		emit(0x80, 0x60, 1, 0x16) // DUP1, AND 1
		odd := push()
		emit(0x57)
		swaps()
		join := push()
		emit(0x56)
		here(odd)
		swaps()
		here(join)
	}
	if rnd.Intn(2) == 0 {
		emit(0x60, 1, 0x5f, 0x51, 0x03, 0x80, 0x5f, 0x52, 0x61, byte(loop>>8), byte(loop), 0x57)
	}
	for i := range words {
		emit(0x60, byte(i), 0x55)
	}
	return append(code, 0)
}
