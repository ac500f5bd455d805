package compiler

// finish ends the block with the instruction that does.
func (b *builder) finish(n *node, i int32) {
	op := b.insts[i].op
	block := b.block
	switch {
	case !b.facts[op].Defined:
		block.Kind, block.Op = KindUndefined, Op(op)
	case op == jump:
		b.jump(n, b.pop())
		return
	case op == jumpi:
		b.branch(n, i)
		return
	case isCall(op):
		b.call(n, i)
		return
	case op == stop:
		block.Kind = KindStop
	case op == 0xf3 || op == 0xfd:
		b.pay(i, Op(op))
		block.Kind, block.Control = KindReturn, b.args(2)
		if op == 0xfd {
			block.Kind = KindRevert
		}
	default:
		block.Kind, block.Control = KindSelfDestruct, b.args(1)
	}
	b.close()
}

// close notes the states that the block ends with.
func (b *builder) close() {
	b.block.End, b.block.EndPC = b.state, b.pc
}

func (b *builder) leave() {
	b.block.Kind, b.block.Exit = KindLeave, b.here(b.pc)
	b.close()
}

// goTo goes on at the only place of a list, or leaves.
func (b *builder) goTo(next []place) {
	if len(next) == 0 {
		b.leave()
		return
	}
	b.block.Kind = KindGoto
	b.edge(b.blocks[next[0]])
	b.close()
}

// edge goes from the block under way to another with the stack as it is.
func (b *builder) edge(to *Block) {
	args := make([]*Value, len(to.Params))
	for i, p := range to.Params {
		args[i] = b.stack[p.Slot]
	}
	b.nodes += len(args)
	connect(b.block, to, args)
}

func (b *builder) jump(n *node, to *Value) {
	block := b.block
	switch {
	case n.open:
		block.Exit = b.here(-1) // the target
		fallthrough
	case len(n.targets) > 1:
		block.Kind, block.Control = KindJump, []*Value{to}
		for _, t := range n.targets {
			b.edge(b.blocks[t])
		}
	case len(n.targets) == 1:
		block.Kind = KindGoto
		b.edge(b.blocks[n.targets[0]])
	default:
		block.Kind = KindBadJump
	}
	b.close()
}

// branch ends a block with a JUMPI: each side is the block where it goes, or a small one
// that says what happens instead.
func (b *builder) branch(n *node, i int32) {
	to, condition := b.pop(), b.pop()
	if !n.falls {
		b.jump(n, to)
		return
	}
	if !n.taken {
		b.pc = int(b.insts[i+1].pc)
		b.goTo(n.next)
		return
	}
	b.block.Kind, b.block.Control = KindBranch, []*Value{condition}
	b.close()
	if len(n.targets) == 1 && !n.open {
		b.edge(b.blocks[n.targets[0]])
	} else {
		b.aside(func() { b.jump(n, to) })
	}
	b.pc = int(b.insts[i+1].pc)
	if len(n.next) == 1 {
		b.edge(b.blocks[n.next[0]])
	} else {
		b.aside(b.leave)
	}
}

// aside ends an empty block behind the one under way. It has no parameters: what is known
// here is known there.
func (b *builder) aside(end func()) {
	from := b.block
	b.block = b.fn.newBlock(b.pc, len(b.stack))
	b.fn.Blocks = append(b.fn.Blocks, b.block)
	connect(from, b.block, nil)
	for s := range States {
		b.state[s] = b.block.Start
	}
	end()
	b.block = from
}

// call suspends the frame: the stack without the operands, which Exit has, is in memory when
// it resumes, and the answer on top of it.
func (b *builder) call(n *node, i int32) {
	op := b.insts[i].op
	block := b.block
	block.Kind, block.Op = KindCall, Op(op)
	block.Control = b.args(int(b.facts[op].Pops))
	b.stack = b.stack[:len(b.stack)-len(block.Control)]
	block.Exit = b.here(int(b.insts[i+1].pc))
	b.close()
	if len(n.next) == 0 {
		return // the interpreter resumes it
	}
	to := b.blocks[n.next[0]]
	to.Resumes = true
	b.push(nil) // the answer: not a value of this block
	b.edge(to)
	b.pop()
}
