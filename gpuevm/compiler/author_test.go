package compiler

import (
	"math/rand"

	"github.com/holiman/uint256"
)

// author writes random programs. Most run to an end: statements leave the stack as they
// found it. It likes what the passes look for: memory at few offsets, slots of mappings,
// masks, functions with return addresses at several heights, jumps from tables.
type author struct {
	rnd   *rand.Rand
	code  []byte
	depth int
	stack int
	holes map[int]int // where the address of a function goes
	calls int
}

const functions = 3

func (a *author) op(ops ...byte) { a.code = append(a.code, ops...) }

func (a *author) push(v *uint256.Int) {
	b := v.Bytes()
	if len(b) == 0 {
		b = []byte{0}
	}
	a.op(0x5f + byte(len(b)))
	a.op(b...)
}

func (a *author) num(n int) { a.push(uint256.NewInt(uint64(n))) }

// hole is a PUSH2 that fill completes.
func (a *author) hole() int {
	a.op(0x61, 0, 0)
	return len(a.code) - 2
}

func (a *author) fill(at int) { a.code[at], a.code[at+1] = byte(len(a.code)>>8), byte(len(a.code)) }

func (a *author) label() int {
	a.op(jumpdest)
	return len(a.code) - 1
}

func (a *author) one(list ...byte) byte { return list[a.rnd.Intn(len(list))] }

func (a *author) program(statements int) []byte {
	a.code, a.depth, a.stack, a.holes, a.calls = nil, 0, 0, map[int]int{}, 0
	a.block(statements)
	a.end()
	for i := range functions {
		for at, which := range a.holes {
			if which == i {
				a.fill(at)
			}
		}
		a.function()
	}
	if a.rnd.Intn(10) == 0 {
		noise := make([]byte, 1+a.rnd.Intn(8))
		a.rnd.Read(noise)
		copy(a.code[a.rnd.Intn(len(a.code)):], noise)
	}
	return a.code
}

// function takes a word and the return address below it, and gives a word.
func (a *author) function() {
	a.label()
	a.stack += 2
	a.depth += 2
	if a.rnd.Intn(2) == 0 {
		a.statement()
	}
	a.expr(1)
	a.depth -= 2
	a.stack -= 2
	a.op(a.one(0x01, 0x03, 0x18), swap1, jump) // combine, return address on top
}

func (a *author) callFunction() {
	back := a.hole()
	a.expr(1)
	a.holes[a.hole()] = a.rnd.Intn(functions)
	a.op(jump)
	a.fill(back)
	a.label()
}

// jumpFromTable goes to one of two labels; which is computed.
func (a *author) jumpFromTable() {
	x, y := a.hole(), 0
	a.num(96)
	a.op(0x52)
	y = a.hole()
	a.num(128)
	a.op(0x52)
	a.expr(1)
	a.op(0x60, 1, 0x16, 0x60, 5, 0x1b, 0x60, 96, 0x01, 0x51, jump) // memory[96 + 32*(e&1)]
	a.fill(x)
	a.label()
	if a.depth < 2 {
		a.depth++
		a.statement()
		a.depth--
	}
	a.fill(y)
	a.label()
}

func (a *author) block(statements int) {
	for range statements {
		a.statement()
	}
}

func (a *author) expr(depth int) {
	if depth <= 0 {
		a.leaf()
		return
	}
	switch a.rnd.Intn(16) {
	case 0, 1, 2, 3:
		a.expr(depth - 1)
		a.stack++
		a.expr(depth - 1)
		a.stack--
		a.op(a.one(1, 2, 3, 4, 5, 6, 7, 0x0a, 0x0b, 1, 3))
	case 4, 5, 6:
		a.expr(depth - 1)
		a.stack++
		a.expr(depth - 1)
		a.stack--
		a.op(a.one(0x10, 0x11, 0x12, 0x13, 0x14, 0x16, 0x17, 0x18, 0x1a, 0x1b, 0x1c, 0x1d))
	case 7:
		a.expr(depth - 1)
		a.op(a.one(0x15, 0x19, 0x1e, 0x15, 0x35, 0x40, 0x49))
	case 8:
		for range 3 {
			a.expr(depth - 1)
			a.stack++
		}
		a.stack -= 3
		a.op(a.one(0x08, 0x09))
	case 9:
		a.slot()
		a.op(a.one(0x54, 0x54, 0x5c))
	case 10:
		a.who()
		a.op(a.one(0x31, 0x3b, 0x3f))
	case 11:
		a.small()
		a.offset()
		a.op(0x20)
	case 12:
		a.offset()
		a.op(0x51)
	case 13:
		a.mask(depth)
	case 14:
		if a.depth < 2 && a.calls < 6 {
			a.calls++
			a.callFunction()
			return
		}
		fallthrough
	default:
		a.leaf()
	}
}

// mask is what ABI decoders do.
func (a *author) mask(depth int) {
	a.expr(depth - 1)
	n := 8 * (1 + a.rnd.Intn(31))
	one := uint256.NewInt(1)
	low := new(uint256.Int).Sub(new(uint256.Int).Lsh(one, uint(n)), one)
	switch a.rnd.Intn(5) {
	case 0:
		a.push(low)
		a.op(0x16)
	case 1:
		a.push(new(uint256.Int).Not(low))
		a.op(0x16)
	case 2:
		a.num(n)
		a.op(a.one(0x1b, 0x1c))
		a.num(n)
		a.op(a.one(0x1b, 0x1c))
	case 3:
		a.push(new(uint256.Int).Lsh(one, uint(n)))
		a.op(0x90, a.one(0x04, 0x06, 0x02))
	default:
		a.op(0x15, 0x15)
	}
}

func (a *author) leaf() {
	switch a.rnd.Intn(9) {
	case 0:
		a.num(a.rnd.Intn(4))
	case 1:
		v := new(uint256.Int).Lsh(uint256.NewInt(1), uint(a.rnd.Intn(257)))
		a.push(v.SubUint64(v, uint64(a.rnd.Intn(2))))
	case 2:
		b := make([]byte, a.rnd.Intn(33))
		a.rnd.Read(b)
		a.push(new(uint256.Int).SetBytes(b))
	case 3, 4:
		a.num(a.rnd.Intn(3) * 32)
		a.op(0x35)
	case 5, 6:
		if a.stack > 0 {
			a.op(dup1 + byte(a.rnd.Intn(min(a.stack, 16))))
			return
		}
		fallthrough
	default:
		a.op(a.one(0x30, 0x32, 0x33, 0x34, 0x36, 0x38, 0x3a, 0x3d, 0x41, 0x42, 0x43, 0x45, 0x46, 0x47, 0x48, 0x4a, 0x58, 0x59, 0x5a, 0x5f))
	}
}

func (a *author) who() {
	switch a.rnd.Intn(5) {
	case 0:
		a.op(a.one(0x33, 0x41, 0x30))
	default:
		a.num(0xab00 + a.rnd.Intn(3))
	}
}

// slot leaves a storage index: a constant, one of a mapping, or one beside another.
func (a *author) slot() {
	switch a.rnd.Intn(6) {
	case 0, 1: // mapping
		a.leaf()
		a.num(0)
		a.op(0x52)
		a.num(a.rnd.Intn(2))
		a.num(32)
		a.op(0x52)
		a.num(64)
		a.num(0)
		a.op(0x20)
	case 2: // array
		a.num(a.rnd.Intn(2))
		a.num(0)
		a.op(0x52)
		a.num(32)
		a.num(0)
		a.op(0x20)
		a.num(a.rnd.Intn(2))
		a.op(0x01)
	default:
		a.num(a.rnd.Intn(4))
	}
}

// offset is one in memory; some are relative to an unknown base, as to Solidity's free
// memory pointer.
func (a *author) offset() {
	switch a.rnd.Intn(12) {
	case 0:
		a.num(a.rnd.Intn(100))
	case 1:
		if a.rnd.Intn(3) == 0 {
			a.num(a.rnd.Intn(20_000))
			return
		}
		a.expr(1)
	case 2, 3, 4:
		a.num(a.rnd.Intn(4) * 32)
		a.op(0x36, 0x01) // CALLDATASIZE ADD
	default:
		a.num(a.rnd.Intn(5) * 32)
	}
}

func (a *author) small() { a.num(int(a.one(0, 1, 31, 32, 32, 64, 64, 65, 96))) }

func (a *author) statement() {
	switch a.rnd.Intn(24) {
	case 0, 1, 2:
		a.expr(2)
		a.stack++
		a.slot()
		a.stack--
		a.op(a.one(0x55, 0x55, 0x5d))
	case 3, 4, 5, 6:
		a.expr(2)
		a.stack++
		a.offset()
		a.stack--
		a.op(a.one(0x52, 0x52, 0x52, 0x53))
	case 7:
		n := a.rnd.Intn(5)
		for range n {
			a.leaf()
		}
		a.small()
		a.offset()
		a.op(log0 + byte(n))
	case 8, 9:
		a.branch()
	case 10, 11:
		a.loop()
	case 12:
		a.copy()
	case 13, 14:
		a.shuffle()
	case 15:
		a.call()
	case 16:
		if a.depth < 1 {
			a.jumpFromTable()
			return
		}
		fallthrough
	case 17:
		if a.depth < 2 && a.calls < 6 {
			a.calls++
			a.callFunction()
			a.op(0x50)
			return
		}
		fallthrough
	case 18, 19:
		a.storage()
	case 20, 21:
		a.memory()
	default:
		a.expr(3)
		a.digest()
	}
}

// digest takes a word and lets the end of the program depend on it.
func (a *author) digest() {
	if a.rnd.Intn(2) == 0 {
		a.num(99)
		a.op(0x5c, 0x01)
		a.num(99)
		a.op(0x5d)
	} else {
		a.num(160)
		a.op(0x51, 0x18)
		a.num(160)
		a.op(0x52)
	}
}

// storage loads and stores slots that may or may not be one.
func (a *author) storage() {
	key := func() {
		switch a.rnd.Intn(4) {
		case 0:
			a.op(0x5f, 0x35) // unknown, often 0
		case 1:
			a.op(0x5f, 0x35, 0x60, byte(a.rnd.Intn(2)), 0x01)
		default:
			a.num(a.rnd.Intn(2))
		}
	}
	for range 3 + a.rnd.Intn(3) {
		key()
		if a.rnd.Intn(3) > 0 {
			a.op(a.one(0x54, 0x54, 0x5c))
			a.digest()
			continue
		}
		a.op(0x60, byte(a.rnd.Intn(3)), swap1, a.one(0x55, 0x55, 0x5d))
	}
}

// memory stores and loads words that may or may not overlap.
func (a *author) memory() {
	at := func() {
		if a.rnd.Intn(3) == 0 {
			a.op(0x5f, 0x35, 0x60, 0x7f, 0x16) // unknown
		} else {
			a.num(a.rnd.Intn(3)*32 + []int{0, 0, 1, 31, 30}[a.rnd.Intn(5)])
		}
	}
	for range 3 + a.rnd.Intn(3) {
		switch a.rnd.Intn(5) {
		case 0, 1:
			at()
			a.op(0x51)
			a.digest()
		case 2:
			a.op(0x5a)
			at()
			a.op(0x52)
		case 3:
			a.op(0x5a)
			at()
			a.op(0x53)
		default:
			a.small()
			a.num(a.rnd.Intn(3))
			at()
			a.op(a.one(0x39, 0x37, 0x5e))
		}
	}
}

func (a *author) branch() {
	if a.depth > 2 {
		return
	}
	a.depth++
	a.expr(2)
	skip := a.hole()
	a.op(jumpi)
	a.block(1 + a.rnd.Intn(2))
	if a.rnd.Intn(6) == 0 {
		a.end()
	}
	a.fill(skip)
	a.label()
	a.depth--
}

// loop runs its body a few times, with a sum below the counter.
func (a *author) loop() {
	if a.depth > 1 {
		return
	}
	a.depth++
	up := a.rnd.Intn(2) == 0
	a.num(a.rnd.Intn(2) * a.rnd.Intn(100))
	n := 1 + a.rnd.Intn(4)
	if up {
		a.num(0)
	} else {
		a.num(n)
	}
	start := a.label()
	a.stack += 2
	a.block(1 + a.rnd.Intn(2))
	a.op(swap1)
	a.expr(1)
	a.stack -= 2
	a.op(a.one(0x01, 0x17, 0x01, 0x18), swap1)
	a.num(1)
	if up {
		a.op(0x01)
		a.num(n)
		a.op(dup1+1, 0x10)
	} else {
		a.op(swap1, 0x03, dup1)
	}
	a.op(0x61, byte(start>>8), byte(start), jumpi, 0x50)
	if a.rnd.Intn(2) == 0 {
		a.op(0x5f)
	} else {
		a.num(a.rnd.Intn(5) * 32)
	}
	a.op(a.one(0x52, 0x55, 0x5d))
	a.depth--
}

func (a *author) copy() {
	kind := a.one(0x37, 0x39, 0x3c, 0x5e, 0x3e)
	a.small()
	if kind == 0x3e && a.rnd.Intn(4) > 0 {
		a.op(0x50, 0x5f)
	}
	a.num(a.rnd.Intn(2) * a.rnd.Intn(100))
	if kind == 0x3e && a.rnd.Intn(4) > 0 {
		a.op(0x50, 0x5f)
	}
	a.offset()
	if kind == 0x3c {
		a.who()
	}
	a.op(kind)
}

func (a *author) shuffle() {
	n := 2 + a.rnd.Intn(8)
	for range n {
		a.leaf()
	}
	a.stack += n
	for range 4 {
		a.op(swap1 + byte(a.rnd.Intn(n-1)))
		a.op(dup1+byte(a.rnd.Intn(n)), 0x01)
	}
	a.stack -= n
	for range n - 1 {
		a.op(a.one(0x01, 0x18, 0x03))
	}
	a.op(0x5f, 0x55)
}

func (a *author) call() {
	for range 2 {
		a.small()
		a.offset()
	}
	kind := a.one(0xf1, 0xf4, 0xfa)
	if kind == 0xf1 {
		a.op(0x5f)
	}
	a.num(0xab00 + a.rnd.Intn(3))
	a.op(0x5a, kind, 0x50)
}

// end shows memory, or ends otherwise.
func (a *author) end() {
	switch a.rnd.Intn(8) {
	case 0:
		a.op(a.one(0x00, 0xfe, 0x50))
	case 1:
		a.offset()
		a.offset()
		a.op(0xfd)
	default:
		a.num(200)
		a.num(0)
		a.op(0xf3)
	}
}
