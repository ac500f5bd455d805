package compiler

import (
	"fmt"
	"strings"
)

// leave is the way to the interpreter: with the stack in memory.
func (e *emitter) leave(x *Exit, pc int) string {
	e.leaves = true
	return fmt.Sprintf("{ n = %d; goto leave; }", e.exitList(x, pc))
}

// exitList is where the table of lists says what the interpreter needs.
func (e *emitter) exitList(x *Exit, pc int) int {
	list := []int{pc, len(x.Stack)}
	for _, v := range x.Stack {
		list = append(list, e.source(v))
	}
	return e.enter(list)
}

// end writes how a block ends.
func (e *emitter) end(b *Block) {
	switch b.Kind {
	case KindStop:
		e.line("  %s", e.tail("e.return_size = 0; return DONE;"))
	case KindReturn, KindRevert:
		e.giveBack(b)
	case KindSelfDestruct:
		e.line("  return rt_self_destruct(e, m, %s);", e.operandList(b.Control))
	case KindUndefined:
		e.line("  %s", e.tail(fmt.Sprintf("return rt_undefined(e, %#x);", int(b.Op))))
	case KindBadJump:
		e.line("  %s", e.tail("return rt_bad_jump(e);"))
	case KindGoto:
		e.line("  %s", e.edge(b.Succs[0]))
	case KindBranch:
		condition := "!is_zero(" + e.word(b.Control[0]) + ")"
		if isNarrow(b.Control[0]) {
			condition = e.low(b.Control[0])
		}
		e.line("  if (%s) %s\n  %s", condition, e.edge(b.Succs[0]), e.edge(b.Succs[1]))
	case KindJump:
		e.jump(b)
	case KindCall:
		e.call(b)
	case KindLeave:
		e.line("  %s", e.leave(b.Exit, b.Exit.PC))
	}
}

func (e *emitter) giveBack(b *Block) {
	offset, size := b.Control[0], b.Control[1]
	narrow := isNarrow(offset) && isNarrow(size)
	text := fmt.Sprintf("return rt_give_back(e, m, %v, %s);", b.Kind == KindRevert, e.operandList(b.Control))
	if narrow {
		text = fmt.Sprintf("return rt_give_back64(e, m, %v, %s, %s);", b.Kind == KindRevert, e.low(offset), e.low(size))
	}
	if offset.Op == OpConst && size.Op == OpConst {
		text = e.tail(text)
	}
	e.line("  %s", text)
}

// edge gives the parameters their words, all at once, and goes there. Many are where they
// have to be.
func (e *emitter) edge(to *Edge) string {
	var moves []move
	for i, p := range to.To.Params {
		a := to.Args[i]
		from, placed := e.slots[a]
		there := placed && from == e.slots[p] && (isNarrow(p) || !isNarrow(a))
		if there {
			continue
		}
		m := move{to: p, text: e.word(a), from: -1}
		if isNarrow(p) {
			m.text = e.low(a)
		}
		if placed && (a.Block != e.b || a.Op == OpParam) { // else it has a name
			m.from = from
		}
		moves = append(moves, m)
	}
	var text strings.Builder
	for len(moves) > 0 {
		k := e.harmless(moves)
		if k < 0 {
			break
		}
		fmt.Fprintf(&text, "%s = %s; ", e.place(moves[k].to), moves[k].text)
		moves = append(moves[:k], moves[k+1:]...)
	}
	for i, m := range moves { // in a circle
		fmt.Fprintf(&text, "%s t%d = %s; ", typeOf(m.to), i, m.text)
	}
	for i, m := range moves {
		fmt.Fprintf(&text, "%s = t%d; ", e.place(m.to), i)
	}
	return fmt.Sprintf("{ %s%s }", text.String(), e.goTo(to.To))
}

// move gives a parameter a word, that of a place where from is not negative.
type move struct {
	to   *Value
	text string
	from int
}

// harmless is the first of the moves into a place that no other of them reads; -1: there is
// none.
func (e *emitter) harmless(moves []move) int {
	for k, m := range moves {
		read := false
		for i, other := range moves {
			read = read || i != k && other.from == e.slots[m.to]
		}
		if !read {
			return k
		}
	}
	return -1
}

func (e *emitter) goTo(b *Block) string {
	if e.part[b] == e.part[e.b] {
		return fmt.Sprintf("goto b%d;", b.ID)
	}
	return "return " + e.goes(b) + ";"
}

// jump goes where a word says: along an edge, or the interpreter finds out.
func (e *emitter) jump(b *Block) {
	to := b.Control[0]
	fits := ""
	if !isNarrow(to) {
		fits = "if (fits64(" + e.word(to) + ")) "
	}
	e.line("  %sswitch (%s) {", fits, e.low(to))
	seen := map[int]bool{}
	for _, s := range b.Succs {
		if !seen[s.PC] {
			e.line("  case %d: %s", s.PC, e.edge(s))
		}
		seen[s.PC] = true
	}
	e.line("  }")
	if b.Exit == nil {
		e.line("  %s", e.tail("return rt_bad_jump(e);"))
		return
	}
	e.line("  if (!rt_jump(e, m, %s)) %s", e.word(to), e.tail("return rt_bad_jump(e);"))
	e.line("  %s", e.leave(b.Exit, int(^uint32(0))))
}

// call suspends the frame: what the block that resumes wants to know is in memory, below the
// operands. Where none does, the interpreter resumes it, and wants all.
func (e *emitter) call(b *Block) {
	kept := b.Exit.Stack
	resume := b.Exit.PC - 1
	list := []int{0}
	keep := func(slot int) {
		list[0]++
		list = append(list, slot, e.source(kept[slot]))
	}
	if len(b.Succs) > 0 {
		to := b.Succs[0].To
		for _, p := range to.Params {
			if p.Slot < len(kept) {
				keep(p.Slot)
			}
		}
		resume = e.resume[to] - 1
	} else {
		for slot := range kept {
			keep(slot)
		}
		e.line("  frame(e).compiled = 0;")
	}
	if list[0] > 0 {
		e.line("  rt_keep(e, m, w, %s, %s_words);", e.list(list), e.name)
	}
	for i, v := range b.Control {
		e.line("  put_word(e, m, %d, %s);", len(kept)+len(b.Control)-1-i, e.word(v))
	}
	e.line("  m.top = m.base + %d;\n  m.pc = %d;\n  return CALLS + %#x;", len(kept)+len(b.Control), resume, int(b.Op))
}
