package compiler

import (
	"github.com/gpuevm/gpuevm/gpuevm/opcode"
	"github.com/holiman/uint256"
)

// builder makes SSA of what the jump analysis found. The stack of a block is an array of
// values while it is built; nothing of it is left but names, parameters, and exits.
type builder struct {
	*flow
	fn     *Func
	blocks map[place]*Block
	nodes  int
	// of the block under way
	block *Block
	stack []*Value
	state [States]*Value
	end   int32 // of the section
	pc    int
}

func build(f *flow) (*Func, *Ineligible) {
	b := &builder{flow: f, blocks: map[place]*Block{}}
	b.fn = &Func{Code: f.code, Revision: f.revision, program: f.program, constants: map[uint256.Int]*Value{}}
	reached := b.reach()
	for _, n := range reached {
		b.open(n)
	}
	for _, n := range reached {
		b.fill(n)
		if b.nodes > f.limits.Nodes {
			return nil, &Ineligible{"nodes", f.limits.Nodes}
		}
	}
	b.note(reached)
	b.fn.renumber()
	return b.fn, nil
}

// reach lists the nodes that the entry leads to. Others were passed while less was known.
func (b *builder) reach() (list []*node) {
	seen := map[place]bool{{}: true}
	todo := []place{{}}
	for len(todo) > 0 {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		n := b.flow.nodes[at]
		list = append(list, n)
		for _, next := range [][]place{n.next, n.targets} {
			for _, to := range next {
				if !seen[to] {
					seen[to] = true
					todo = append(todo, to)
				}
			}
		}
	}
	return list
}

func (b *builder) note(reached []*node) {
	n := &b.fn.Notes
	places := map[int32]bool{}
	n.Bytes, n.Blocks, n.Steps = len(b.code), len(reached), b.steps
	for _, r := range reached {
		places[r.inst] = true
		switch {
		case r.how == endJump || r.how == endJumpi:
			n.Jumps++
			if r.open {
				n.OpenJumps++
			}
		case r.how == endLeave:
			n.Leaves++
		}
	}
	n.Places = len(places)
	n.Counts = map[string]int{}
}

// open makes a block and its parameters: the stack words that are not constants.
func (b *builder) open(n *node) {
	block := b.fn.newBlock(int(b.insts[n.inst].pc), int(n.height))
	b.blocks[n.place] = block
	for slot, k := range n.in {
		if k != nil && k.constant != nil {
			continue
		}
		p := b.fn.newValue(block, OpParam, block.PC)
		p.Slot = slot
		block.Params = append(block.Params, p)
	}
	b.fn.Blocks = append(b.fn.Blocks, block)
	b.nodes += len(n.in) + 1
}

func (b *builder) fill(n *node) {
	b.start(n)
	for i := n.inst; ; {
		b.pc = int(b.insts[i].pc)
		if n.how == endLeave && i == n.last {
			b.leave()
			return
		}
		s := b.sectionAt(i)
		b.end = s.end
		b.section(s)
		for ; i < s.end; i++ {
			b.pc = int(b.insts[i].pc)
			if b.endsBlock(i) {
				b.finish(n, i)
				return
			}
			b.lower(i)
		}
		if n.how == endFall && i == n.last {
			b.pc = int(b.insts[i].pc)
			b.goTo(n.next)
			return
		}
	}
}

func (b *builder) start(n *node) {
	b.block = b.blocks[n.place]
	to := n.last
	if n.how != endFall && n.how != endLeave {
		to++
	}
	b.block.Source = []Source{{n.inst, to}}
	b.stack = b.stack[:0]
	params := b.block.Params
	for slot, k := range n.in {
		if len(params) > 0 && params[0].Slot == slot {
			b.stack = append(b.stack, params[0])
			params = params[1:]
		} else {
			b.stack = append(b.stack, b.fn.Const(k.constant))
		}
	}
	for s := range States {
		b.state[s] = b.block.Start
	}
}

// add appends a value: it needs the versions of the states that are current, and makes new
// ones.
func (b *builder) add(op Op, args ...*Value) *Value {
	v := b.fn.newValue(b.block, op, b.pc)
	v.Args = append([]*Value(nil), args...)
	e := effectOf(op, b.revision)
	for s := range States {
		if e.reads.Has(s) {
			v.State[s] = b.state[s]
		}
		if e.writes.Has(s) {
			b.state[s] = v
		}
	}
	b.block.Values = append(b.block.Values, v)
	b.nodes += 1 + len(args)
	return v
}

// exit makes a value leave where it can't pay: it needs all states to be complete.
func (b *builder) exit(v *Value, pc int, before [States]*Value) {
	v.Exit = b.here(pc)
	for s := range States {
		v.State[s] = before[s]
	}
}

func (b *builder) here(pc int) *Exit {
	b.nodes += len(b.stack)
	return &Exit{PC: pc, Stack: append([]*Value(nil), b.stack...)}
}

func (b *builder) section(s *section) {
	before := b.state
	v := b.add(OpSection)
	v.Fixed = s.gas
	b.exit(v, b.pc, before)
}

// charging sets what a value that charges gas gives back before it leaves. It may just fail
// where nothing is to be given back: then it is this instruction that fails.
func (b *builder) charging(v *Value, i int32, before [States]*Value) {
	rest := b.rest(i, b.end)
	if rest == 0 {
		return
	}
	v.Rest = rest + uint64(b.facts[b.insts[i].op].Gas)
	b.exit(v, b.pc, before)
}

// afterwards is charging for what can't be done twice: it leaves when it is done.
func (b *builder) afterwards(v *Value, i int32, before [States]*Value) {
	v.Rest = b.rest(i, b.end)
	if v.Rest == 0 {
		return
	}
	b.exit(v, int(b.insts[i+1].pc), before)
	v.Exit.After = true
}

func (b *builder) pop() *Value {
	v := b.stack[len(b.stack)-1]
	b.stack = b.stack[:len(b.stack)-1]
	return v
}

func (b *builder) push(v *Value) { b.stack = append(b.stack, v) }

// peek is the i-th word from the top.
func (b *builder) peek(i int) *Value { return b.stack[len(b.stack)-1-i] }

// args are the first n words.
func (b *builder) args(n int) []*Value {
	args := make([]*Value, n)
	for i := range args {
		args[i] = b.peek(i)
	}
	return args
}

// lower adds what an instruction does that does not end the block.
func (b *builder) lower(i int32) {
	op := b.insts[i].op
	switch {
	case op >= push0 && op <= push32:
		b.push(b.fn.Const(b.pushed(i)))
	case op >= dup1 && op < swap1:
		b.push(b.peek(int(op - dup1)))
	case op >= swap1 && op < log0:
		top, other := len(b.stack)-1, len(b.stack)-2-int(op-swap1)
		b.stack[top], b.stack[other] = b.stack[other], b.stack[top]
	case op == 0x50: // POP
		b.pop()
	case op == 0x58: // PC
		b.push(b.fn.number(uint64(b.pc)))
	case op == 0x38: // CODESIZE
		b.push(b.fn.number(uint64(len(b.code))))
	case op == jumpdest:
	default:
		b.compute(i, Op(op), &b.facts[op])
	}
}

// compute adds an instruction that is an operation, with what it pays first.
func (b *builder) compute(i int32, op Op, fact *opcode.Fact) {
	b.pay(i, op)
	args := b.args(int(fact.Pops))
	before := b.state
	v := b.add(op, args...)
	b.stack = b.stack[:len(b.stack)-len(args)]
	if fact.Pushes == 1 {
		b.push(v)
	}
	if charges(op, b.revision) {
		b.afterwards(v, i, before)
	}
}

// pay adds what an instruction pays for memory or by the size of an operand.
func (b *builder) pay(i int32, op Op) {
	word := b.fn.number(32)
	switch op {
	case 0x0a: // EXP
		before := b.state
		v := b.add(OpCharge, b.peek(1))
		v.Fixed, v.Byte = 10-uint64(b.facts[op].Gas), 10
		if b.revision >= opcode.SpuriousDragon {
			v.Byte = 50
		}
		b.charging(v, i, before)
	case 0x51, 0x52: // MLOAD, MSTORE
		b.touch(i, 0, 0, 0, b.peek(0), word)
	case 0x53: // MSTORE8
		b.touch(i, 0, 0, 0, b.peek(0), b.fn.number(1))
	case 0x20: // KECCAK256
		b.touch(i, 6, 0, 0, b.peek(0), b.peek(1))
	case 0x37, 0x39, 0x3e: // CALLDATACOPY, CODECOPY, RETURNDATACOPY
		b.touch(i, 3, 0, 0, b.peek(0), b.peek(2))
	case 0x3c: // EXTCODECOPY
		b.touch(i, 3, 0, 0, b.peek(1), b.peek(3))
	case 0x5e: // MCOPY
		b.touch(i, 3, 0, 0, b.peek(0), b.peek(2), b.peek(1))
	case 0xa0, 0xa1, 0xa2, 0xa3, 0xa4: // LOG
		b.touch(i, 0, 8, 375+375*uint64(op-0xa0), b.peek(0), b.peek(1))
	case 0xf3, 0xfd: // RETURN, REVERT
		b.touch(i, 0, 0, 0, b.peek(0), b.peek(1))
	}
}

// touch: args are an offset, the size, and perhaps another offset: the greater counts.
func (b *builder) touch(i int32, word, byte, fixed uint64, args ...*Value) {
	before := b.state
	v := b.add(OpTouch, args...)
	v.Word, v.Byte, v.Fixed = word, byte, fixed
	b.charging(v, i, before)
}
