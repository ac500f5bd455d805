package compiler

import (
	"fmt"

	"github.com/gpuevm/gpuevm/gpuevm/opcode"
	"github.com/holiman/uint256"
)

// evaluator runs SSA on a machine, just as emitted code would: values live until a call, and
// where it leaves, the machine goes on with what the exit says.
type evaluator struct {
	*machine
	words map[*Value]*uint256.Int
	fault error // of the SSA
}

func (m *machine) run(f *Func) error {
	e := &evaluator{machine: m, words: map[*Value]*uint256.Int{}}
	b := f.Blocks[0]
	for steps := 0; b != nil && e.fault == nil && m.why == ""; steps++ {
		if steps > 20_000 {
			m.end(refused)
			break
		}
		b = e.block(b)
	}
	return e.fault
}

func (e *evaluator) word(v *Value) *uint256.Int {
	if v.Op == OpConst {
		return v.Const
	}
	z := e.words[v]
	if z == nil {
		if e.fault == nil {
			e.fault = fmt.Errorf("%s has no value", name(v))
		}
		return new(uint256.Int)
	}
	if z.BitLen() > int(v.Bits) && e.fault == nil {
		e.fault = fmt.Errorf("%s is %s, beyond %d bits", name(v), z.Hex(), v.Bits)
	}
	return z
}

func (e *evaluator) list(values []*Value) []*uint256.Int {
	words := make([]*uint256.Int, len(values))
	for i, v := range values {
		if v != nil {
			words[i] = e.word(v)
		}
	}
	return words
}

func (e *evaluator) leave(x *Exit, pc int) {
	e.left++
	stack := e.list(x.Stack)
	for i := range stack {
		stack[i] = stack[i].Clone()
	}
	if e.fault == nil {
		e.interpret(pc, stack)
	}
}

func (e *evaluator) block(b *Block) *Block {
	for _, v := range b.Values {
		if e.value(v); e.why != "" || e.fault != nil {
			return nil
		}
	}
	return e.finish(b)
}

func (e *evaluator) value(v *Value) {
	a := e.list(v.Args)
	switch {
	case e.fault != nil:
	case v.Op == OpSection:
		if e.gas < v.Fixed && v.Exit == nil {
			e.why = outOfGas
			return
		}
		if e.gas < v.Fixed {
			e.leave(v.Exit, v.Exit.PC)
			return
		}
		e.gas -= v.Fixed
	case v.Op == OpTouch:
		e.touchValue(v, a)
	case v.Op == OpGrow:
		end, _ := reach(a[0], a[1])
		e.grow(end)
	case v.Op == OpCharge:
		e.charge(v, v.Fixed+v.Byte*uint64(a[0].ByteLen()))
	case v.Op == OpHash1 || v.Op == OpHash2:
		e.words[v] = hashWords(a)
	case charges(v.Op, opcode.Osaka):
		left := e.afterwards(v, e.surcharge(byte(v.Op), a))
		if e.why != "" {
			return
		}
		e.words[v] = e.do(byte(v.Op), a)
		if left && e.why == "" {
			e.leave(v.Exit, v.Exit.PC)
		}
	default:
		e.words[v] = e.do(byte(v.Op), a)
	}
}

func (e *evaluator) touchValue(v *Value, a []*uint256.Int) {
	at := a[0]
	if len(a) == 3 && a[2].Gt(at) {
		at = a[2]
	}
	cost, end, why := e.price(at, a[1], v.Word, v.Byte, v.Fixed)
	if why != "" {
		e.end(why)
	} else if e.charge(v, cost) {
		e.grow(end)
	}
}

// charge takes gas, or gives back what was paid for the rest of the section and leaves
// before the instruction.
func (e *evaluator) charge(v *Value, cost uint64) bool {
	if e.gas < cost && v.Exit != nil {
		e.gas += v.Rest
		e.leave(v.Exit, v.Exit.PC)
		return false
	}
	return e.pay(cost)
}

// afterwards takes gas; true: the frame leaves when the instruction is done.
func (e *evaluator) afterwards(v *Value, cost uint64) bool {
	leaves := e.gas < cost && v.Exit != nil
	if leaves {
		e.gas += v.Rest
	}
	e.pay(cost)
	return leaves
}

func (e *evaluator) finish(b *Block) *Block {
	a := e.list(b.Control)
	switch b.Kind {
	case KindStop:
		e.end(ended)
	case KindReturn, KindRevert:
		e.give(b.Kind == KindRevert, a)
	case KindUndefined:
		e.end(undefined)
	case KindBadJump:
		e.end(badJump)
	case KindSelfDestruct:
		e.end(refused)
	case KindLeave:
		e.leave(b.Exit, b.Exit.PC)
	case KindGoto:
		return e.follow(b.Succs[0])
	case KindBranch:
		if a[0].IsZero() {
			return e.follow(b.Succs[1])
		}
		return e.follow(b.Succs[0])
	case KindJump:
		return e.jump(b, a[0])
	case KindCall:
		return e.suspend(b, a)
	}
	return nil
}

func (e *evaluator) jump(b *Block, to *uint256.Int) *Block {
	for _, s := range b.Succs {
		if to.IsUint64() && to.Uint64() == uint64(s.PC) {
			return e.follow(s)
		}
	}
	switch {
	case b.Exit == nil:
		e.fault = fmt.Errorf("b%d jumps to %s, which it said it never does", b.ID, to.Hex())
	case decode(e.code, opcode.Osaka).target(to) < 0:
		e.end(badJump)
	default:
		e.leave(b.Exit, int(to.Uint64()))
	}
	return nil
}

func (e *evaluator) follow(s *Edge) *Block {
	words := e.list(s.Args)
	for i, p := range s.To.Params {
		e.words[p] = words[i]
	}
	return s.To
}

// suspend calls, and resumes with nothing but the stack in memory.
func (e *evaluator) suspend(b *Block, a []*uint256.Int) *Block {
	stack := e.list(b.Exit.Stack)
	answer := e.call(byte(b.Op), a)
	if e.why != "" || e.fault != nil {
		return nil
	}
	stack = append(stack, answer)
	if len(b.Succs) == 0 {
		e.left++
		e.interpret(b.Exit.PC, stack)
		return nil
	}
	clear(e.words)
	for _, p := range b.Succs[0].To.Params {
		e.words[p] = stack[p.Slot]
	}
	return b.Succs[0].To
}
