package compiler

import (
	"slices"

	"github.com/gpuevm/gpuevm/gpuevm/opcode"
	"github.com/holiman/uint256"
)

// The jump analysis: which block goes to which, found by running the code on what is known
// of its stack. Paths that it does not see leave compiled code, so that it may give up on a
// jump without giving up on the contract:
//
//   - a target that is a constant, or a set of them that callers pushed: edges;
//   - a target from memory: edges to what the code stores there, and for any other the interpreter;
//   - a target nobody knows (a table in the code, a function pointer in storage): edges to
//     all JUMPDESTs that no known path explains, since someone has to go there, and for any
//     other target the interpreter. Edges to all JUMPDESTs would tell every block that its
//     stack is unknown, and lose the return addresses on it.

// place is a block: where it begins, how high the stack is there, and the shape of that
// stack: which words are return addresses. A helper whose caller passes a number where
// another's caller has a return address is two places, or neither would know where to go.
type place struct {
	inst   int32
	height int32
	shape  uint64
}

// spot is a place without its shape.
type spot struct{ inst, height int32 }

// node is a place under analysis.
type node struct {
	place
	in      []*known
	queued  bool
	how     ending
	last    int32   // the instruction that ends the block, or the first not in it
	targets []place // of a jump
	next    []place // where it falls through, or resumes; none where that leaves
	taken   bool    // the JUMPI may jump
	falls   bool    // or not
	open    bool    // the jump may have other targets: the interpreter's
}

// ending is how a block ends, as far as it matters to the flow.
type ending uint8

const (
	endStop  ending = iota // the instruction `last` ends the frame
	endFall                // into the block at `last`
	endJump                // JUMP
	endJumpi               // JUMPI, perhaps decided: then it has no targets, or no next
	endCall                // a call: next is where it resumes
	endLeave               // the section at `last` can't run here: the interpreter's
)

// flow is the analysis of a code.
type flow struct {
	*program
	limits  Limits
	nodes   map[place]*node
	order   []*node
	heights map[int32]int // of an instruction
	shapes  map[spot]int
	work    worklist
	steps   int
	edges   int
	memory  map[uint64]*storedLabels
	walked  *node
	orphans []int32 // JUMPDESTs that no known path reaches, once they are asked for
	stack   []*known
	err     *Ineligible
}

// analyse tries to tell apart what it can, and less where that makes a contract many times
// as large as its code: every block is text that someone has to compile. What is told apart
// last is heights: a block that is not there at a height is a frame's end in compiled code.
func analyse(p *program, l Limits) (*flow, *Ineligible) {
	try := l
	try.Blocks = min(l.Blocks, l.PerKB*(len(p.code)+4096)/1024)
	try.Steps = l.Steps / 16
	for _, to := range []struct{ heights, shapes, edges int }{
		{l.Heights, l.Shapes, l.Edges},
		{l.Heights, l.Shapes / 4, l.Edges},
		{l.Heights, l.Shapes / 16, l.Edges},
		{l.Heights / 2, l.Shapes / 8, l.Edges},
		{l.Heights / 2, l.Shapes / 16, l.Edges},
		{l.Heights / 3, l.Shapes / 16, l.Edges},
		{l.Heights / 5, l.Shapes / 8, l.Edges},
		{l.Heights / 5, 2, l.Edges / 10},
		{l.Heights / 8, 2, l.Edges / 10},
	} {
		try.Heights, try.Shapes, try.Edges = to.heights, to.shapes, to.edges
		if f, err := analyseOnce(p, try); err == nil && f.size() <= l.Size {
			return f, nil
		}
	}
	l.Heights, l.Shapes, l.Edges = 4, 2, 0
	return analyseOnce(p, l)
}

func analyseOnce(p *program, l Limits) (*flow, *Ineligible) {
	f := &flow{program: p, limits: l, nodes: map[place]*node{}, heights: map[int32]int{}, shapes: map[spot]int{}, memory: map[uint64]*storedLabels{}}
	f.enter(place{}, nil)
	f.settle()
	if f.err == nil && f.unknown() > 0 {
		f.findOrphans()
		for _, n := range slices.Clone(f.order) {
			if n.open {
				f.queue(n)
			}
		}
		f.settle()
	}
	return f, f.err
}

// size is about a tenth of the text that a contract becomes, in bytes: a block's text names
// the words on its stack where it may leave, and an instruction is a line.
func (f *flow) size() (size int) {
	for _, n := range f.order {
		size += len(n.in) + 6*int(n.last-n.inst+1)
	}
	return size
}

// unknown counts the jumps to unknown targets.
func (f *flow) unknown() (count int) {
	for _, n := range f.order {
		if n.open {
			count++
		}
	}
	return count
}

func (f *flow) settle() {
	for f.err == nil {
		n := f.work.take()
		if n == nil {
			return
		}
		n.queued = false
		f.walk(n)
		if f.steps > f.limits.Steps && f.err == nil {
			f.err = &Ineligible{"steps of the jump analysis", f.limits.Steps}
		}
	}
}

func (f *flow) queue(n *node) {
	if !n.queued {
		n.queued = true
		f.work.add(n)
	}
}

func (f *flow) findOrphans() {
	pushed := map[int32]bool{} // a constant that names it somewhere in the code
	for i := range f.insts {
		if op := f.insts[i].op; op >= push0 && op <= push32 {
			pushed[f.target(f.pushed(int32(i)))] = true
		}
	}
	f.orphans = []int32{}
	var others []int32
	for _, i := range f.at {
		if i < 0 || f.heights[i] > 0 {
			continue
		}
		if pushed[i] {
			f.orphans = append(f.orphans, i)
		} else {
			others = append(others, i)
		}
	}
	f.orphans = append(f.orphans, others...) // the likelier first, should the budget end
}

// enter says that a stack arrives at a place; false where it has to leave instead.
func (f *flow) enter(at place, stack []*known) bool {
	n := f.nodes[at]
	if n == nil {
		return f.open(at, stack)
	}
	changed := false
	f.steps += 1 + len(stack)/8 // a jump that may go to many takes as long as many instructions
	for i, k := range stack {
		if n.in[i] == nil {
			continue
		}
		if m := f.merge(n.in[i], k, f.limits.Targets); m != n.in[i] {
			n.in[i], changed = m, true
		}
	}
	if changed {
		f.queue(n)
	}
	return true
}

func (f *flow) open(at place, stack []*known) bool {
	known := f.shapes[spot{at.inst, at.height}] > 0
	if int(at.height) > f.limits.Height || (!known && f.heights[at.inst] >= f.limits.Heights) {
		return false
	}
	if len(f.order) >= f.limits.Blocks {
		f.err = &Ineligible{"blocks", f.limits.Blocks}
		return false
	}
	if f.shapes[spot{at.inst, at.height}]++; f.shapes[spot{at.inst, at.height}] == 1 {
		f.heights[at.inst]++
	}
	n := &node{place: at, in: slices.Clone(stack)}
	f.nodes[at] = n
	f.order = append(f.order, n)
	f.queue(n)
	return true
}

// place is where a stack arrives. Where there are many shapes already it is that of all
// others, 1.
func (f *flow) place(i int32, stack []*known) place {
	at := place{i, int32(len(stack)), 0}
	for slot, k := range stack {
		if k != nil && (k.constant == nil || k.label) {
			at.shape = (at.shape ^ uint64(slot+1)) * 0x9e3779b97f4a7c15
		}
	}
	if f.nodes[at] == nil && f.shapes[spot{at.inst, at.height}] >= f.limits.Shapes {
		at.shape = 1
	}
	return at
}

// walk runs a block and enters its successors.
func (f *flow) walk(n *node) {
	f.walked = n
	f.stack = append(f.stack[:0], n.in...)
	n.targets, n.next, n.open = n.targets[:0], n.next[:0], false
	for i := n.inst; ; {
		s := f.sectionAt(i)
		if !s.fits(len(f.stack)) {
			n.how, n.last = endLeave, i
			return
		}
		for ; i < s.end; i++ {
			f.steps++
			if f.endsBlock(i) {
				f.finish(n, i)
				return
			}
			f.step(i)
		}
		if i >= int32(len(f.insts)) || f.insts[i].op == jumpdest {
			n.how, n.last = endFall, i
			f.follow(&n.next, i)
			return
		}
	}
}

// follow adds a successor: the instruction with the stack as it is. false: it leaves.
func (f *flow) follow(list *[]place, i int32) bool {
	for slot, k := range f.stack {
		if k == made || k != nil && k.guess {
			f.stack[slot] = nil
		}
	}
	to := f.place(i, f.stack)
	if !f.enter(to, f.stack) {
		return false
	}
	*list = append(*list, to)
	return true
}

func (f *flow) finish(n *node, i int32) {
	n.last = i
	op := f.insts[i].op
	switch {
	case op == jump:
		n.how = endJump
		f.jumpTo(n, f.pop())
	case op == jumpi:
		n.how = endJumpi
		to, condition := f.pop(), f.pop()
		n.taken, n.falls = true, true
		if condition != nil && condition.constant != nil {
			n.falls = condition.constant.IsZero()
			n.taken = !n.falls
		}
		if n.taken {
			f.jumpTo(n, to)
		}
		if n.falls {
			f.follow(&n.next, i+1)
		}
	case isCall(op) && f.facts[op].Defined:
		n.how = endCall
		f.step(i)
		f.follow(&n.next, i+1)
	default:
		n.how = endStop
	}
}

// jumpTo adds the targets of a jump.
func (f *flow) jumpTo(n *node, to *known) {
	switch {
	case to == nil: // callers disagree, or so it seems: most such paths are never taken
		n.open = true
	case to == made:
		n.open = true
		f.jumpToOrphans(n)
	case to.constant != nil:
		if t := f.target(to.constant); t >= 0 && !f.follow(&n.targets, t) {
			n.open = true
		}
	default:
		n.open = to.guess
		for _, t := range to.targets {
			if !f.follow(&n.targets, t) {
				n.open = true
			}
		}
	}
}

func (f *flow) jumpToOrphans(n *node) {
	for _, t := range f.orphans {
		if f.edges >= f.limits.Edges {
			return
		}
		if f.sectionAt(t).fits(len(f.stack)) {
			f.edges++
			f.follow(&n.targets, t)
		}
	}
}

func (f *flow) pop() *known {
	k := f.stack[len(f.stack)-1]
	f.stack = f.stack[:len(f.stack)-1]
	return k
}

// step runs one instruction that does not end a block.
func (f *flow) step(i int32) {
	op := f.insts[i].op
	switch {
	case op >= push0 && op <= push32:
		f.stack = append(f.stack, f.pushedAt(i))
	case op >= dup1 && op < swap1:
		f.stack = append(f.stack, f.stack[len(f.stack)-1-int(op-dup1)])
	case op >= swap1 && op < log0:
		top, other := len(f.stack)-1, len(f.stack)-2-int(op-swap1)
		f.stack[top], f.stack[other] = f.stack[other], f.stack[top]
	default:
		f.compute(i, &f.facts[op])
	}
}

func (f *flow) compute(i int32, fact *opcode.Fact) {
	n := len(f.stack) - int(fact.Pops)
	result := made
	switch op := f.insts[i].op; {
	case op == 0x58: // PC
		result = constant(uint256.NewInt(uint64(f.insts[i].pc)))
		result.label = true // Vyper adds to it what makes a return address
	case op == 0x38: // CODESIZE
		result = constant(uint256.NewInt(uint64(len(f.code))))
	case op == 0x51: // MLOAD
		result = f.load(f.stack[n])
	case op == 0x52: // MSTORE
		f.store(f.stack[n], f.stack[n+1])
	case fact.Pushes == 1 && fact.Pops > 0:
		var args [7]*known
		for j := range int(fact.Pops) {
			args[j] = f.stack[len(f.stack)-1-j]
		}
		result = f.apply(op, args[:fact.Pops])
	}
	f.stack = f.stack[:n]
	if fact.Pushes == 1 {
		f.stack = append(f.stack, result)
	}
}

// worklist hands out the node that comes first in the code: callers before what follows
// their calls, so that most nodes are walked few times.
type worklist struct{ heap []*node }

func (w *worklist) less(i, j int) bool {
	a, b := w.heap[i], w.heap[j]
	return a.inst < b.inst || (a.inst == b.inst && a.height < b.height)
}

func (w *worklist) add(n *node) {
	w.heap = append(w.heap, n)
	for i := len(w.heap) - 1; i > 0 && w.less(i, (i-1)/2); i = (i - 1) / 2 {
		w.heap[i], w.heap[(i-1)/2] = w.heap[(i-1)/2], w.heap[i]
	}
}

func (w *worklist) take() *node {
	n := len(w.heap)
	if n == 0 {
		return nil
	}
	first := w.heap[0]
	w.heap[0] = w.heap[n-1]
	w.heap = w.heap[:n-1]
	for i := 0; ; {
		least := i
		for c := 2*i + 1; c <= 2*i+2; c++ {
			if c < n-1 && w.less(c, least) {
				least = c
			}
		}
		if least == i {
			return first
		}
		w.heap[i], w.heap[least] = w.heap[least], w.heap[i]
		i = least
	}
}
