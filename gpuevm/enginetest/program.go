package enginetest

import (
	"math/rand"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/holiman/uint256"
)

// author writes random programs: most of them run to an end, since every statement leaves
// the stack as it found it and every expression leaves one word on it.
type author struct {
	rnd   *rand.Rand
	known func(vm.OpCode) bool // the opcode is one of the fork
	pool  []common.Address     // whom programs call, create, ask about and die for
	made  [][]byte             // programs written so far: what CREATE deploys
	code  code
	depth int // of blocks
	stack int // words that the enclosing statements keep on the stack
}

// program returns a random program.
func (a *author) program(statements int) []byte {
	a.code, a.depth, a.stack = nil, 0, 0
	a.block(statements)
	if a.rnd.Intn(3) == 0 {
		a.end()
	}
	if a.rnd.Intn(12) == 0 { // something that no author would write
		noise := make([]byte, 1+a.rnd.Intn(24))
		a.rnd.Read(noise)
		at := a.rnd.Intn(len(a.code) + 1)
		a.code = append(a.code[:at:at], append(noise, a.code[at:]...)...)
	}
	a.made = append(a.made, a.code)
	return a.code
}

func (a *author) one(list ...vm.OpCode) vm.OpCode {
	for range 8 {
		if op := list[a.rnd.Intn(len(list))]; a.known(op) || a.rnd.Intn(400) == 0 {
			return op
		}
	}
	return list[0]
}

func (a *author) address() common.Address {
	if a.rnd.Intn(8) == 0 { // precompiles, and a few that are none
		return common.BytesToAddress([]byte{byte(a.rnd.Intn(0x13))})
	}
	return a.pool[a.rnd.Intn(len(a.pool))]
}

func (a *author) block(statements int) {
	for range statements {
		a.statement()
	}
}

var (
	binary = []vm.OpCode{vm.ADD, vm.MUL, vm.SUB, vm.DIV, vm.SDIV, vm.MOD, vm.SMOD, vm.EXP, vm.SIGNEXTEND,
		vm.LT, vm.GT, vm.SLT, vm.SGT, vm.EQ, vm.AND, vm.OR, vm.XOR, vm.BYTE, vm.SHL, vm.SHR, vm.SAR}
	unary = []vm.OpCode{vm.ISZERO, vm.NOT, vm.CALLDATALOAD, vm.CLZ, vm.BLOCKHASH, vm.BLOBHASH}
	facts = []vm.OpCode{vm.ADDRESS, vm.ORIGIN, vm.CALLER, vm.CALLVALUE, vm.CALLDATASIZE, vm.CODESIZE, vm.GASPRICE,
		vm.RETURNDATASIZE, vm.COINBASE, vm.TIMESTAMP, vm.NUMBER, vm.DIFFICULTY, vm.GASLIMIT, vm.CHAINID,
		vm.SELFBALANCE, vm.BASEFEE, vm.BLOBBASEFEE, vm.PC, vm.MSIZE, vm.GAS, vm.PUSH0}
	asking = []vm.OpCode{vm.BALANCE, vm.EXTCODESIZE, vm.EXTCODEHASH}
)

// expr leaves one word on the stack.
func (a *author) expr(depth int) {
	c := &a.code
	if depth <= 0 {
		a.leaf()
		return
	}
	switch a.rnd.Intn(14) {
	case 0, 1, 2, 3:
		a.expr(depth - 1)
		a.expr(depth - 1)
		c.op(a.one(binary...))
	case 4:
		a.expr(depth - 1)
		c.op(a.one(unary...))
	case 5:
		a.expr(depth - 1)
		a.expr(depth - 1)
		a.expr(depth - 1)
		c.op(a.one(vm.ADDMOD, vm.MULMOD))
	case 6:
		a.slot()
		c.op(a.one(vm.SLOAD, vm.SLOAD, vm.TLOAD))
	case 7:
		a.who()
		c.op(a.one(asking...))
	case 8:
		a.small()
		a.small()
		c.op(vm.KECCAK256)
	case 9:
		a.small()
		c.op(vm.MLOAD)
	default:
		a.leaf()
	}
}

func (a *author) leaf() {
	c := &a.code
	switch a.rnd.Intn(8) {
	case 0:
		c.num(uint64(a.rnd.Intn(4)))
	case 1:
		v := new(uint256.Int).Lsh(uint256.NewInt(1), uint(a.rnd.Intn(257))) // 0 where all is shifted out
		c.push(v.SubUint64(v, uint64(a.rnd.Intn(2))))
	case 2:
		b := make([]byte, a.rnd.Intn(33))
		a.rnd.Read(b)
		c.bytes(b)
	case 3:
		c.num(uint64(a.rnd.Intn(3) * 32)).op(vm.CALLDATALOAD)
	case 4:
		if a.stack > 0 {
			c.op(vm.DUP1 + vm.OpCode(a.rnd.Intn(min(a.stack, 16))))
			return
		}
		fallthrough
	default:
		c.op(a.one(facts...))
	}
}

// who leaves an address.
func (a *author) who() {
	switch a.rnd.Intn(8) {
	case 0:
		a.code.op(a.one(vm.CALLER, vm.ORIGIN, vm.COINBASE, vm.ADDRESS))
	case 1:
		a.code.num(0).op(vm.CALLDATALOAD)
	default:
		addr := a.address()
		a.code.bytes(addr[:])
	}
}

// slot leaves a storage index of a few that are used again and again.
func (a *author) slot() {
	if a.rnd.Intn(10) == 0 {
		a.code.op(vm.CALLER)
		return
	}
	a.code.num(uint64(a.rnd.Intn(4)))
}

// small leaves an offset or a length in memory.
func (a *author) small() {
	if a.rnd.Intn(60) == 0 {
		a.expr(1)
		return
	}
	a.code.num(uint64(a.rnd.Intn(100)))
}

func (a *author) statement() {
	c := &a.code
	switch a.rnd.Intn(27) {
	case 24, 25, 26:
		a.play()
	case 0, 1, 2, 3:
		a.expr(2)
		a.slot()
		c.op(a.one(vm.SSTORE, vm.SSTORE, vm.SSTORE, vm.TSTORE))
	case 4, 5:
		a.expr(2)
		a.small()
		c.op(a.one(vm.MSTORE, vm.MSTORE, vm.MSTORE8))
	case 6:
		n := a.rnd.Intn(5)
		for range n {
			a.leaf()
		}
		a.small()
		a.small()
		c.op(vm.LOG0 + vm.OpCode(n))
	case 7, 8:
		a.branch()
	case 9:
		a.loop()
	case 10, 11, 12, 13:
		a.call()
	case 14, 15:
		a.create()
	case 16:
		a.copy()
	case 17:
		a.shuffle()
	case 18:
		a.guarded(a.end)
	case 19:
		a.guarded(func() { a.who(); c.op(vm.SELFDESTRUCT) })
	default:
		a.expr(3)
		c.op(vm.POP)
	}
}

// guarded emits something that ends the program, mostly not reached.
func (a *author) guarded(emit func()) {
	a.expr(1)
	a.code.op(vm.PUSH1, 7, vm.AND) // one in eight
	skip := a.code.hole()
	a.code.op(vm.JUMPI)
	emit()
	a.code.fill(skip)
	a.code.label()
}

func (a *author) end() {
	a.small()
	a.small()
	a.code.op(a.one(vm.RETURN, vm.RETURN, vm.REVERT, vm.STOP, vm.INVALID))
}

func (a *author) branch() {
	if a.depth > 2 {
		return
	}
	a.depth++
	a.expr(2)
	skip := a.code.hole()
	a.code.op(vm.JUMPI)
	a.block(1 + a.rnd.Intn(3))
	a.code.fill(skip)
	a.code.label()
	a.depth--
}

// loop runs its body a few times; its counter is on the stack meanwhile. Few never end.
func (a *author) loop() {
	if a.depth > 1 {
		return
	}
	a.depth++
	a.code.num(uint64(1 + a.rnd.Intn(6)))
	start := a.code.label()
	a.stack++
	a.block(1 + a.rnd.Intn(2))
	a.stack--
	if a.rnd.Intn(25) > 0 {
		a.code.num(1).op(vm.SWAP1, vm.SUB)
	}
	a.code.op(vm.DUP1).num(uint64(start)).op(vm.JUMPI, vm.POP)
	a.depth--
}

// call calls someone and stores or forgets whether that went well.
func (a *author) call() {
	c := &a.code
	kind := a.one(vm.CALL, vm.CALL, vm.CALL, vm.DELEGATECALL, vm.CALLCODE, vm.STATICCALL)
	for range 4 {
		a.small() // out and in
	}
	if kind == vm.CALL || kind == vm.CALLCODE {
		a.amount()
	}
	a.who()
	switch a.rnd.Intn(4) {
	case 0:
		c.num(uint64(a.rnd.Intn(60_000)))
	case 1:
		a.expr(0)
	default:
		c.num(2).op(vm.GAS, vm.DIV)
	}
	c.op(kind)
	a.outcome()
}

func (a *author) amount() {
	switch a.rnd.Intn(5) {
	case 0:
		a.code.num(uint64(a.rnd.Intn(1000)))
	case 1:
		a.expr(1)
	case 2:
		a.code.num(1)
	default:
		a.code.num(0)
	}
}

// outcome takes the word that a call or a creation left.
func (a *author) outcome() {
	c := &a.code
	switch a.rnd.Intn(4) {
	case 0:
		a.slot()
		c.op(vm.SSTORE)
	case 1:
		if a.known(vm.RETURNDATACOPY) {
			c.op(vm.POP, vm.RETURNDATASIZE).num(uint64(a.rnd.Intn(8) / 7)).num(uint64(a.rnd.Intn(64))).op(vm.RETURNDATACOPY)
			return
		}
		fallthrough
	default:
		c.op(vm.POP)
	}
}

// create makes a contract of a program written before, and often calls it.
func (a *author) create() {
	c := &a.code
	var init []byte
	if n := len(a.made); n > 0 {
		init = a.made[a.rnd.Intn(n)]
	}
	if a.rnd.Intn(3) > 0 {
		init = deployer(init)
	}
	if len(init) > 300 {
		init = deployer([]byte{byte(vm.CALLER), byte(vm.SELFDESTRUCT)})
	}
	c.store(init)
	kind := a.one(vm.CREATE, vm.CREATE2)
	if kind == vm.CREATE2 {
		c.num(uint64(a.rnd.Intn(2)))
	}
	c.num(uint64(len(init))).num(0)
	a.amount()
	c.op(kind)
	if a.rnd.Intn(2) == 0 {
		c.num(0).num(0).num(32).num(0)
		a.amount()
		c.op(vm.DUP6).num(40_000).op(vm.CALL, vm.POP)
	}
	a.outcome()
}

func (a *author) copy() {
	c := &a.code
	kind := a.one(vm.CALLDATACOPY, vm.CODECOPY, vm.EXTCODECOPY, vm.MCOPY)
	a.small()
	a.small()
	a.small()
	if kind == vm.EXTCODECOPY {
		a.who()
	}
	c.op(kind)
}

// shuffle moves words about with DUP and SWAP.
func (a *author) shuffle() {
	n := 2 + a.rnd.Intn(15)
	for range n {
		a.leaf()
	}
	a.stack += n
	for range 4 {
		a.code.op(vm.SWAP1 + vm.OpCode(a.rnd.Intn(n-1)))
		a.code.op(vm.DUP1+vm.OpCode(a.rnd.Intn(n)), vm.OpCode(vm.ADD))
	}
	a.stack -= n
	for range n - 1 {
		a.code.op(a.one(vm.ADD, vm.XOR, vm.SUB))
	}
	a.slot()
	a.code.op(vm.SSTORE)
}
