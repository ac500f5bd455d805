package compiler

// The stack form is what a machine sees that runs instructions as they stand. It is defined
// to be as good as a stack machine can be: stack words are registers, named by position, and
// only these dependences hold an instruction up:
//
//   - the stack pointer: an instruction that uses the stack reads it, one that changes the
//     height writes it, and the next must wait a cycle for that;
//   - a stack slot that it reads was written (for as long as that takes), or one that it
//     writes was written or read before, since a slot has one name for one value after
//     another: nothing is renamed;
//   - states, by the same rules as in SSA, whatever an instruction pays for included;
//   - what ends a block waits for all in it, as in SSA.
//
// Its work counts PUSH, DUP, SWAP and POP, which SSA does not have, and as an operation also
// the opcode that is none: it ends the frame.

// stackForm is the analysis under way.
type stackForm struct {
	p       *program
	height  int
	pointer int         // when the stack pointer is there
	written map[int]int // slot, from that on top at the beginning: when its word is there
	used    map[int]int // slot: when its last reader has begun
	maker   [States]Op  //
	readers [States]int // when the last reader of that version has begun
	began   [States]int // when its writer began
	form    Form
}

func (f *Func) stackForm(b *Block) Form { return f.program.stackForm(b.Source...) }

// stackForm: only differences of heights matter, so it begins at 0.
func (p *program) stackForm(source ...Source) Form {
	s := &stackForm{p: p, written: map[int]int{}, used: map[int]int{}}
	for i := range s.maker {
		s.maker[i] = OpStart
	}
	for n, r := range source {
		for i := r.from; i < r.to; i++ {
			if n == len(source)-1 && i == r.to-1 && p.endsBlock(i) {
				s.end(s.p.insts[i].op)
			} else {
				s.instruction(s.p.insts[i].op)
			}
		}
	}
	s.form.close()
	return s.form
}

// end is what ends the block, when all else is done.
func (s *stackForm) end(op byte) {
	s.form.add(Form{1, CostOf(Op(op)).Latency, CostOf(Op(op)).Latency, 1})
}

// slots are the stack slots that an instruction reads and writes, from the bottom.
func (s *stackForm) slots(op byte) (reads, writes []int) {
	top := s.height - 1
	switch {
	case op >= dup1 && op < swap1:
		return []int{top - int(op-dup1)}, []int{top + 1}
	case op >= swap1 && op < log0:
		other := top - 1 - int(op-swap1)
		return []int{top, other}, []int{top, other}
	case op == 0x50:
		return nil, nil
	}
	fact := &s.p.facts[op]
	for i := range int(fact.Pops) {
		reads = append(reads, top-i)
	}
	if fact.Pushes == 1 {
		writes = append(writes, s.height-int(fact.Pops))
	}
	return reads, writes
}

// stackEffect is that of an opcode with all that it pays for.
func stackEffect(op byte, p *program) effect {
	e := effectOf(Op(op), p.revision)
	switch {
	case op == 0x0a:
		e = effect{gas, gas}
	case isCall(op) || op == selfdestruct:
		e = effect{allStates, allStates}
	case op == 0xf3 || op == 0xfd || e.reads.Has(Size) && op != 0x59:
		e.reads |= size | gas
		e.writes |= size | gas
	}
	return e
}

func (s *stackForm) instruction(op byte) {
	reads, writes := s.slots(op)
	e := stackEffect(op, s.p)
	start := 0
	fact := &s.p.facts[op]
	if len(reads)+len(writes) > 0 || fact.Pops > 0 {
		start = s.pointer
	}
	for _, slot := range reads {
		start = max(start, s.written[slot])
	}
	cost := CostOf(Op(op))
	for _, slot := range writes {
		start = max(start, s.used[slot], s.written[slot]-cost.Latency+1)
	}
	start = max(start, s.states(op, e))
	s.begin(op, start, reads, writes, e, cost)
}

func (s *stackForm) states(op byte, e effect) (start int) {
	for x := range States {
		if e.reads.Has(x) {
			start = max(start, s.began[x]+handOver(x, s.maker[x], Op(op)))
		}
		if e.writes.Has(x) {
			start = max(start, s.readers[x])
		}
	}
	return start
}

func (s *stackForm) begin(op byte, start int, reads, writes []int, e effect, cost Cost) {
	for _, slot := range reads {
		s.used[slot] = max(s.used[slot], start)
	}
	for _, slot := range writes {
		s.written[slot] = start + cost.Latency
	}
	for x := range States {
		if e.writes.Has(x) {
			s.began[x], s.maker[x], s.readers[x] = start, Op(op), 0
		} else if e.reads.Has(x) {
			s.readers[x] = max(s.readers[x], start+1)
		}
	}
	fact := &s.p.facts[op]
	if fact.Pops != fact.Pushes {
		s.pointer = max(s.pointer, start) + 1
	}
	s.height += int(fact.Pushes) - int(fact.Pops)
	s.form.Ops++
	s.form.Work += cost.Latency
	s.form.Span = max(s.form.Span, start+cost.Latency)
}
