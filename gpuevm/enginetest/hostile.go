package enginetest

import (
	"bytes"
	"context"
	"math"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/params"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/holiman/uint256"
)

// attack is a contract, and a call of it, that asks for as much as it can get.
type attack struct {
	name string
	code []byte
	data []byte
	gas  uint64 // 0: 16 million, the most since Osaka
}

// ownCalls calls itself until it can't, then stores the depth that it was told.
func ownCalls() []byte {
	var c code
	c.num(0).op(vm.CALLDATALOAD).num(1).op(vm.ADD).num(0).op(vm.MSTORE)
	c.num(0).num(0).num(32).num(0).num(0).op(vm.ADDRESS, vm.GAS, vm.CALL)
	c.op(vm.ISZERO)
	at := c.hole()
	c.op(vm.JUMPI, vm.STOP)
	c.fill(at)
	c.op(vm.JUMPDEST).num(0).op(vm.MLOAD).num(1).op(vm.SSTORE, vm.STOP)
	return c
}

// ownCreations creates a contract that does the same, one inside the other.
func ownCreations() []byte {
	var c code
	c.op(vm.CODESIZE).num(0).num(0).op(vm.CODECOPY, vm.CODESIZE).num(0).num(0).op(vm.CREATE)
	return *c.op(vm.POP, vm.STOP)
}

// touches writes a byte at each of these places.
func touches(places ...uint64) []byte {
	var c code
	for _, at := range places {
		c.num(1).num(at).op(vm.MSTORE8)
	}
	return *c.op(vm.MSIZE).num(0).op(vm.SSTORE, vm.STOP)
}

// loop repeats a body until the gas is gone.
func loop(body func(*code)) []byte {
	var c code
	top := c.label()
	body(&c)
	return *c.num(uint64(top)).op(vm.JUMP)
}

// collidingSlots reads transient slots whose words cancel out in a hash that only multiplies and
// adds them up.
func collidingSlots() []byte {
	var c code
	c.num(0)
	top := c.label()
	step := new(uint256.Int).AddUint64(new(uint256.Int).Lsh(uint256.NewInt(1), 64), 3)
	c.push(step).op(vm.ADD, vm.DUP1, vm.TLOAD, vm.POP)
	return *c.num(uint64(top)).op(vm.JUMP)
}

// newCodeCalls makes a contract of the largest size and calls it as often as it can: whoever looks
// through its code each time does so for nothing.
func newCodeCalls() []byte {
	var c, init code
	init.num(params.MaxCodeSize).num(0).op(vm.RETURN)
	c.bytes(init).num(0).op(vm.MSTORE).num(uint64(len(init))).num(uint64(32 - len(init))).num(0).op(vm.CREATE)
	top := c.label()
	c.num(0).num(0).num(0).num(0).num(0).op(vm.DUP6, vm.GAS, vm.CALL, vm.POP)
	return *c.num(uint64(top)).op(vm.JUMP)
}

// largest fills a contract of the largest size with copies of a piece.
func largest(piece ...byte) []byte {
	return bytes.Repeat(piece, params.MaxCodeSize/len(piece))
}

func attacks() []attack {
	fill := func(n int) []byte { return bytes.Repeat([]byte{0xa5}, n) }
	jumps := largest(byte(vm.JUMPDEST))
	copies := (&code{}).op(vm.CALLDATASIZE).num(0).num(0).op(vm.CALLDATACOPY, vm.CALLDATASIZE).num(0).op(vm.KECCAK256).num(0).op(vm.SSTORE)
	return []attack{
		{name: "depth 1024", code: ownCalls(), gas: 1 << 40},
		{name: "depth by gas", code: ownCalls()},
		{name: "creations", code: ownCreations(), gas: 1 << 34},
		{name: "1 MB of memory", code: touches(1 << 20)},
		{name: "memory by and by", code: loop(func(c *code) { c.op(vm.MSIZE, vm.MLOAD, vm.POP) })},
		{name: "memory beyond counting", code: touches(math.MaxUint64 - 31)},
		{name: "memory beyond paying", code: touches(1 << 36)},
		{name: "gas of 2^63", code: touches(7), gas: 1 << 63},
		{name: "all JUMPDESTs", code: jumps},
		{name: "a jump on every other byte", code: largest(byte(vm.PUSH1), 0, byte(vm.POP), byte(vm.JUMPDEST))},
		{name: "jump into data", code: *(&code{}).num(1).op(vm.JUMP, vm.PUSH2, vm.JUMPDEST, vm.JUMPDEST)},
		{name: "a push at the end", code: append(jumps[:len(jumps)-1:len(jumps)-1], byte(vm.PUSH32))},
		{name: "stack to its limit", code: largest(byte(vm.ADDRESS))},
		{name: "a stack for each call", code: append(bytes.Repeat([]byte{byte(vm.ADDRESS)}, 1000), ownCalls()...), gas: 1 << 34},
		{name: "endless loop", code: loop(func(*code) {})},
		{name: "many slots", code: loop(func(c *code) { c.op(vm.GAS, vm.DUP1, vm.SSTORE) })},
		{name: "many reads", code: loop(func(c *code) { c.op(vm.GAS, vm.SLOAD, vm.POP) })},
		{name: "slots of one hash", code: collidingSlots()},
		{name: "calls of a new code", code: newCodeCalls()},
		{name: "many accounts", code: loop(func(c *code) { c.op(vm.GAS, vm.BALANCE, vm.POP) })},
		{name: "many logs", code: loop(func(c *code) { c.op(vm.GAS).num(100).num(7).op(vm.LOG1) })},
		{name: "a long log", code: *(&code{}).num(100_000).num(5).op(vm.LOG0, vm.STOP)},
		{name: "a long answer", code: *(&code{}).num(200_000).num(5).op(vm.RETURN)},
		{name: "a long refusal", code: *(&code{}).num(200_000).num(5).op(vm.REVERT)},
		{name: "128 KB of calldata", code: append(*copies, byte(vm.STOP)), data: fill(128 << 10)},
		{name: "reverted changes", code: loop(func(c *code) { c.num(1).op(vm.GAS, vm.SSTORE).num(1).op(vm.GAS, vm.SSTORE) })},
	}
}

// runHostile runs every attack between two ordinary transactions that must not notice, with
// ordinary gas and as much as a transaction can state.
func runHostile(t *testing.T, engine gpuevm.Engine) {
	for _, fork := range []string{"Istanbul", "Cancun", "Prague"} {
		t.Run(fork, func(t *testing.T) {
			w := newWorld(fork, 3)
			w.env.GasLimit = math.MaxUint64
			rich := new(big.Int).Lsh(big.NewInt(1), 120)
			w.pre.put(w.owners[0], gpuevm.Balance, common.BigToHash(rich))
			w.pre.put(w.owners[0], gpuevm.CodeHash, common.Hash{})
			var txs []gpuevm.Tx
			for i, a := range attacks() {
				addr := common.Address{0xba, 0xd0, byte(i)}
				alloc := fromAlloc(types.GenesisAlloc{addr: {Code: a.code, Nonce: 1, Balance: new(big.Int)}})
				for k, v := range alloc.values {
					w.pre.values[k] = v
				}
				for h, c := range alloc.codes {
					w.pre.codes[h] = c
				}
				if a.gas == 0 {
					a.gas = params.MaxTxGas
				}
				txs = append(txs, w.transaction(), w.hostile(addr, a))
			}
			txs = append(txs, w.transaction())
			for i := range txs {
				txs[i].Index, txs[i].Hash = i, common.Hash{0x66, byte(i)}
			}
			w.judge(t, engine, txs)
		})
	}
}

func (w *world) hostile(to common.Address, a attack) gpuevm.Tx {
	tx := gpuevm.Tx{
		From: w.owners[0], To: &to, Nonce: w.pre.get(w.owners[0], gpuevm.Nonce).Big().Uint64(),
		Value: new(uint256.Int), Gas: a.gas, GasPrice: uint256.NewInt(9), Data: a.data,
	}
	w.fees(&tx)
	return tx
}

// judge runs a batch and compares every result with go-ethereum's.
func (w *world) judge(t *testing.T, engine gpuevm.Engine, txs []gpuevm.Tx) {
	t.Helper()
	ref, err := newReferee(w.env, w.pre)
	if err != nil {
		t.Fatal(err)
	}
	results, err := engine.Execute(context.Background(), w.env, txs, w.pre)
	if err != nil {
		t.Fatal(err)
	}
	all := attacks()
	succeeded := 0
	for i := range results {
		if i%2 == 1 && results[i].Status == gpuevm.Success {
			succeeded++
		}
		name := "an ordinary transaction"
		if i%2 == 1 {
			name = all[i/2].name
		}
		if results[i].Status == gpuevm.Unsupported {
			t.Logf("%s: unsupported: %v", name, results[i].Err)
			continue
		}
		if err := ref.compare(&txs[i], &results[i], w.pre); err != nil {
			t.Errorf("%s: %.300v", name, err)
		}
	}
	if succeeded < len(all)/3 {
		t.Errorf("%d of %d attacks get what they ask for: they are too feeble to test anything", succeeded, len(all))
	}
}
