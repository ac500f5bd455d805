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

// edge gives the parameters their words, all at once, and goes there.
func (e *emitter) edge(to *Edge) string {
	var before, after strings.Builder
	atOnce := false
	for i, p := range to.To.Params {
		if a := to.Args[i]; a != p && repeats(to.To.Params, a) {
			atOnce = true
		}
	}
	for i, p := range to.To.Params {
		a := to.Args[i]
		if a == p {
			continue
		}
		from := e.word(a)
		if isNarrow(p) {
			from = e.low(a)
		}
		if atOnce {
			fmt.Fprintf(&before, "%s t%d = %s; ", typeOf(p), i, from)
			from = fmt.Sprintf("t%d", i)
		}
		fmt.Fprintf(&after, "%s = %s; ", e.place(p), from)
	}
	return fmt.Sprintf("{ %s%s%s }", before.String(), after.String(), e.goTo(to.To))
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
