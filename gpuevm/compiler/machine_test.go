package compiler

import (
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/gpuevm/gpuevm/gpuevm/opcode"
	"github.com/holiman/uint256"
)

// machine is a toy EVM for one frame of Osaka: enough to run what tests write, and to go on
// where SSA leaves. It refuses what would need another frame that does something.
type machine struct {
	code, input                  []byte
	gas                          uint64
	memory                       []byte
	storage, original, transient map[uint256.Int]uint256.Int
	warmSlots                    map[uint256.Int]bool
	warm                         map[common.Address]bool
	logs                         []logged
	refund                       int64
	block                        blockFacts

	why    failure // not "": it has ended
	output []byte
	left   int // how often SSA left to the interpreter
}

type logged struct {
	topics []uint256.Int
	data   []byte
}

type blockFacts struct{ gasLimit uint64 }

type failure string

const (
	ended        failure = "ended"
	reverted     failure = "reverted"
	outOfGas     failure = "out of gas"
	underflow    failure = "stack underflow"
	overflow     failure = "stack overflow"
	badJump      failure = "invalid jump destination"
	undefined    failure = "invalid opcode"
	tooFar       failure = "gas uint64 overflow"
	pastReturned failure = "return data out of bounds"
	refused      failure = "refused"
)

var (
	self     = common.HexToAddress("0xc0de")
	origin   = common.HexToAddress("0x0419")
	coinbase = common.HexToAddress("0xc014")
)

func newMachine(code, input []byte, gas uint64, storage map[uint256.Int]uint256.Int) *machine {
	m := &machine{
		code: code, input: input, gas: gas, original: storage,
		storage: map[uint256.Int]uint256.Int{}, transient: map[uint256.Int]uint256.Int{},
		warmSlots: map[uint256.Int]bool{}, warm: map[common.Address]bool{self: true, origin: true, coinbase: true},
	}
	for k, v := range storage {
		m.storage[k] = v
	}
	for i := byte(1); i <= 0x11; i++ {
		m.warm[common.BytesToAddress([]byte{i})] = true
	}
	m.warm[common.BytesToAddress([]byte{1, 0})] = true
	m.block.gasLimit = gas
	return m
}

func (m *machine) end(why failure) bool {
	m.why = why
	return false
}

func (m *machine) pay(cost uint64) bool {
	if m.gas < cost {
		return m.end(outOfGas)
	}
	m.gas -= cost
	return true
}

// reach is the end of a range of memory; false where that can't be.
func reach(offset, size *uint256.Int) (uint64, bool) {
	switch {
	case !size.IsUint64():
		return 0, false
	case size.IsZero():
		return 0, true
	case !offset.IsUint64():
		return 0, false
	}
	end := offset.Uint64() + size.Uint64()
	return end, end >= offset.Uint64() && end <= ^uint64(0)-31
}

// growth is the price of memory up to end; false where that is beyond counting.
func (m *machine) growth(end uint64) (uint64, bool) {
	if end <= uint64(len(m.memory)) {
		return 0, true
	}
	if end > 0x1FFFFFFFE0 {
		return 0, false
	}
	price := func(words uint64) uint64 { return words*3 + words*words/512 }
	return price((end+31)/32) - price(uint64(len(m.memory))/32), true
}

func (m *machine) grow(end uint64) {
	if end > uint64(len(m.memory)) {
		m.memory = append(m.memory, make([]byte, (end+31)/32*32-uint64(len(m.memory)))...)
	}
}

// touch pays and grows.
func (m *machine) touch(offset, size *uint256.Int, word, byte, fixed uint64) bool {
	cost, end, why := m.price(offset, size, word, byte, fixed)
	if why != "" {
		return m.end(why)
	}
	if !m.pay(cost) {
		return false
	}
	m.grow(end)
	return true
}

func (m *machine) price(offset, size *uint256.Int, word, byte, fixed uint64) (cost, end uint64, why failure) {
	end, ok := reach(offset, size)
	if !ok {
		return 0, 0, tooFar
	}
	cost, ok = m.growth(end)
	if !ok {
		return 0, 0, outOfGas
	}
	n := size.Uint64()
	if (word+byte) > 0 && n > 1<<40 {
		return 0, 0, outOfGas
	}
	return cost + (n+31)/32*word + n*byte + fixed, end, ""
}

func (m *machine) at(offset, size *uint256.Int) []byte {
	if size.IsZero() {
		return nil
	}
	return m.memory[offset.Uint64() : offset.Uint64()+size.Uint64()]
}

// padded is data from an offset, with zeros behind its end.
func padded(data []byte, offset *uint256.Int, size uint64) []byte {
	out := make([]byte, size)
	if offset.IsUint64() && offset.Uint64() < uint64(len(data)) {
		copy(out, data[offset.Uint64():])
	}
	return out
}

func (m *machine) cold(a *uint256.Int) uint64 {
	addr := common.Address(a.Bytes20())
	if m.warm[addr] {
		return 0
	}
	m.warm[addr] = true
	return 2500
}

// surcharge is what an instruction pays for what it meets for the first time.
func (m *machine) surcharge(op byte, a []*uint256.Int) uint64 {
	switch op {
	case 0x31, 0x3b, 0x3c, 0x3f:
		return m.cold(a[0])
	case 0x54:
		if m.warmSlots[*a[0]] {
			return 100
		}
		m.warmSlots[*a[0]] = true
		return 2100
	}
	return 0
}

// storeCost is that of EIP-2200, 2929 and 3529.
func (m *machine) storeCost(key, value *uint256.Int) (cost uint64) {
	if !m.warmSlots[*key] {
		m.warmSlots[*key] = true
		cost = 2100
	}
	original, current := m.original[*key], m.storage[*key]
	switch {
	case current == *value:
		return cost + 100
	case original == current && original.IsZero():
		return cost + 20000
	case original == current:
		if value.IsZero() {
			m.refund += 4800
		}
		return cost + 2900
	}
	if !original.IsZero() {
		if current.IsZero() {
			m.refund -= 4800
		} else if value.IsZero() {
			m.refund += 4800
		}
	}
	if original == *value {
		if original.IsZero() {
			m.refund += 19900
		} else {
			m.refund += 2800
		}
	}
	return cost + 100
}

func (m *machine) store(key, value *uint256.Int) bool {
	if m.gas <= 2300 {
		return m.end(outOfGas)
	}
	if !m.pay(m.storeCost(key, value)) {
		return false
	}
	m.storage[*key] = *value
	return true
}

// do is what an opcode does when all is paid; nil where it makes no word. Operands as on
// the stack.
func (m *machine) do(op byte, a []*uint256.Int) *uint256.Int {
	if z := evaluate(op, a); z != nil {
		return z
	}
	z := new(uint256.Int)
	switch op {
	case 0x20:
		return z.SetBytes(crypto.Keccak256(m.at(a[0], a[1])))
	case 0x35:
		return z.SetBytes(padded(m.input, a[0], 32))
	case 0x37:
		copy(m.at(a[0], a[2]), padded(m.input, a[1], a[2].Uint64()))
	case 0x39:
		copy(m.at(a[0], a[2]), padded(m.code, a[1], a[2].Uint64()))
	case 0x3c:
		var code []byte
		if common.Address(a[0].Bytes20()) == self {
			code = m.code
		}
		copy(m.at(a[1], a[3]), padded(code, a[2], a[3].Uint64()))
	case 0x3e:
		if sum, over := new(uint256.Int).AddOverflow(a[1], a[2]); over || !sum.IsZero() {
			m.end(pastReturned)
		}
	case 0x51:
		return z.SetBytes(m.at(a[0], uint256.NewInt(32)))
	case 0x52:
		word := a[1].Bytes32()
		copy(m.at(a[0], uint256.NewInt(32)), word[:])
	case 0x53:
		m.at(a[0], uint256.NewInt(1))[0] = byte(a[1].Uint64())
	case 0x54:
		v := m.storage[*a[0]]
		return &v
	case 0x55:
		m.store(a[0], a[1])
	case 0x5c:
		v := m.transient[*a[0]]
		return &v
	case 0x5d:
		m.transient[*a[0]] = *a[1]
	case 0x5e:
		copy(m.at(a[0], a[2]), m.at(a[1], a[2]))
	case 0xa0, 0xa1, 0xa2, 0xa3, 0xa4:
		l := logged{data: append([]byte(nil), m.at(a[0], a[1])...)}
		for _, t := range a[2:] {
			l.topics = append(l.topics, *t)
		}
		m.logs = append(m.logs, l)
	default:
		return m.fact(z, op, a)
	}
	return nil
}

// fact is what the world is like.
func (m *machine) fact(z *uint256.Int, op byte, a []*uint256.Int) *uint256.Int {
	switch op {
	case 0x30:
		return z.SetBytes(self[:])
	case 0x32, 0x33:
		return z.SetBytes(origin[:])
	case 0x36:
		return z.SetUint64(uint64(len(m.input)))
	case 0x38:
		return z.SetUint64(uint64(len(m.code)))
	case 0x3b:
		if common.Address(a[0].Bytes20()) == self {
			z.SetUint64(uint64(len(m.code)))
		}
	case 0x3f:
		if common.Address(a[0].Bytes20()) == self {
			z.SetBytes(crypto.Keccak256(m.code))
		}
	case 0x40:
		if a[0].LtUint64(1000) && !a[0].LtUint64(1000-256) {
			z.SetBytes(crypto.Keccak256([]byte(a[0].Dec())))
		}
	case 0x41:
		return z.SetBytes(coinbase[:])
	case 0x42:
		return z.SetUint64(1_800_000_000)
	case 0x43:
		return z.SetUint64(1000)
	case 0x45:
		return z.SetUint64(m.block.gasLimit)
	case 0x46:
		return z.SetOne()
	case 0x48:
		return z.SetUint64(1_000_000_000)
	case 0x4a:
		return z.SetOne()
	case 0x59:
		return z.SetUint64(uint64(len(m.memory)))
	case 0x5a:
		return z.SetUint64(m.gas)
	}
	return z
}

// call calls someone who has no code and gets nothing; all else is refused.
func (m *machine) call(op byte, a []*uint256.Int) *uint256.Int {
	pays := op == 0xf1 || op == 0xf2
	if op == 0xf0 || op == 0xf5 || (pays && !a[2].IsZero()) {
		m.end(refused)
		return nil
	}
	to := common.Address(a[1].Bytes20())
	n := new(uint256.Int).SetBytes(to[:])
	if to == self || n.LtUint64(0x200) {
		m.end(refused)
		return nil
	}
	r := a[len(a)-4:]
	in, ok := reach(r[0], r[1])
	out, ok2 := reach(r[2], r[3])
	if !ok || !ok2 {
		m.end(tooFar)
		return nil
	}
	// The surcharge is taken even where what follows fails.
	if !m.pay(m.cold(a[1])) {
		return nil
	}
	cost, ok := m.growth(max(in, out))
	if !ok {
		m.end(outOfGas)
		return nil
	}
	if !m.pay(cost) {
		return nil
	}
	m.grow(max(in, out))
	return uint256.NewInt(1)
}

// interpret goes on from a position, one instruction at a time.
func (m *machine) interpret(pc int, stack []*uint256.Int) {
	facts := opcode.Facts(opcode.Osaka)
	p := decode(m.code, opcode.Osaka)
	for steps := 0; m.why == ""; steps++ {
		op := byte(stop)
		if pc < len(m.code) {
			op = m.code[pc]
		}
		f := &facts[op]
		switch {
		case steps > 200_000:
			m.end(refused)
			return
		case !f.Defined:
			m.end(undefined)
			return
		case len(stack) < int(f.Need):
			m.end(underflow)
			return
		case len(stack)+int(f.Room()) > stackLimit:
			m.end(overflow)
			return
		case !m.pay(uint64(f.Gas)):
			return
		}
		pc, stack = m.instruction(p, pc, op, f, stack)
	}
}

func (m *machine) instruction(p *program, pc int, op byte, f *opcode.Fact, stack []*uint256.Int) (int, []*uint256.Int) {
	top := len(stack) - 1
	switch {
	case op >= push0 && op <= push32:
		n := opcode.PushSize(op)
		word := padded(m.code, uint256.NewInt(uint64(pc+1)), uint64(n))
		return pc + 1 + n, append(stack, new(uint256.Int).SetBytes(word))
	case op >= dup1 && op < swap1:
		return pc + 1, append(stack, stack[top-int(op-dup1)])
	case op >= swap1 && op < log0:
		other := top - 1 - int(op-swap1)
		stack[top], stack[other] = stack[other], stack[top]
		return pc + 1, stack
	}
	a := make([]*uint256.Int, f.Pops)
	for i := range a {
		a[i] = stack[top-i]
	}
	stack = stack[:len(stack)-len(a)]
	switch op {
	case jump, jumpi:
		if op == jumpi && a[1].IsZero() {
			return pc + 1, stack
		}
		if p.target(a[0]) < 0 {
			m.end(badJump)
			return pc, stack
		}
		return int(a[0].Uint64()), stack
	case jumpdest, 0x50:
		return pc + 1, stack
	case 0x58:
		return pc + 1, append(stack, uint256.NewInt(uint64(pc)))
	}
	if z := m.paid(op, a); z != nil && m.why == "" {
		stack = append(stack, z)
	}
	return pc + 1, stack
}

// paid does an opcode and what it pays for.
func (m *machine) paid(op byte, a []*uint256.Int) *uint256.Int {
	ok := true
	switch op {
	case 0x0a:
		ok = m.pay(10 + 50*uint64(a[1].ByteLen()))
	case 0x51, 0x52:
		ok = m.touch(a[0], uint256.NewInt(32), 0, 0, 0)
	case 0x53:
		ok = m.touch(a[0], uint256.NewInt(1), 0, 0, 0)
	case 0x20:
		ok = m.touch(a[0], a[1], 6, 0, 0)
	case 0x37, 0x39, 0x3e:
		ok = m.touch(a[0], a[2], 3, 0, 0)
	case 0x3c:
		ok = m.touch(a[1], a[3], 3, 0, 0)
	case 0x5e:
		far := a[0]
		if a[1].Gt(far) {
			far = a[1]
		}
		ok = m.touch(far, a[2], 3, 0, 0)
	case 0xa0, 0xa1, 0xa2, 0xa3, 0xa4:
		ok = m.touch(a[0], a[1], 0, 8, 375+375*uint64(op-0xa0))
	case 0xf3, 0xfd:
		ok = m.touch(a[0], a[1], 0, 0, 0)
	}
	if !ok || !m.pay(m.surcharge(op, a)) {
		return nil
	}
	switch {
	case op == stop:
		m.end(ended)
	case op == selfdestruct:
		m.end(refused)
	case op == 0xf3 || op == 0xfd:
		m.give(op == 0xfd, a)
	case isCall(op):
		return m.call(op, a)
	default:
		return m.do(op, a)
	}
	return nil
}

func (m *machine) give(revert bool, a []*uint256.Int) {
	m.output = append([]byte(nil), m.at(a[0], a[1])...)
	m.end(ended)
	if revert {
		m.end(reverted)
	}
}
