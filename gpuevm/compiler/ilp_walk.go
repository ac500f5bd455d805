package compiler

import "slices"

// Runs is what ran of a code.
type Runs struct {
	Measures             // of what ran
	Steps    uint64      // instructions
	Lost     int         // frames that went where no edge leads: none, or the course is wrong
	Counts   []uint64    // by number of the finished block: how often it ran
	Leaves   map[int]int // frames that left, by the position of the last instruction before

	course    *Course
	stretches map[Source]Form // of what the interpreter ran
}

// NewRuns begins to count.
func (c *Course) NewRuns() *Runs {
	return &Runs{course: c, Counts: make([]uint64, len(c.Blocks)), Leaves: map[int]int{}, stretches: map[Source]Form{}}
}

// Take returns what ran since it was last taken. Counts go on.
func (r *Runs) Take() (m Measures, steps uint64) {
	m, steps = r.Measures, r.Steps
	r.Measures, r.Steps = Measures{}, 0
	return m, steps
}

// left adds what the interpreter ran: no form is better than another there.
func (r *Runs) left(form Form) {
	r.Stack.add(form)
	r.SSA.add(form)
	r.Budget.add(form)
	r.Program.add(form)
	r.Left.add(form)
}

// Walk follows a frame. A frame that has left stays with the interpreter until it ends.
type Walk struct {
	*Runs
	last    int     // position of the last instruction in compiled code
	at      int32   // the leg under way; -1: the frame has left
	next    int32   // the instruction to come in it
	pending []int32 // legs that ran, of a chain whose last did not
	here    Source  // of the interpreter: instructions one after another
}

// Begin follows a frame that begins.
func (r *Runs) Begin() *Walk {
	w := &Walk{Runs: r, at: -1}
	if len(r.course.legs) > 0 {
		w.at, w.next = 0, r.course.legs[0].from
	}
	return w
}

// Step tells the position of the instruction that runs next.
func (w *Walk) Step(pc int) {
	w.Steps++
	if w.at >= 0 {
		if w.next == w.course.legs[w.at].to {
			w.goOn(pc)
		}
		if w.at < 0 {
			w.Leaves[w.last]++
		} else if int(w.course.program.insts[w.next].pc) == pc {
			if w.next++; w.next == w.course.legs[w.at].to {
				w.ran(w.at)
			}
			w.last = pc
			return
		}
		w.leave()
	}
	w.interpret(pc)
}

// End tells that the frame has ended.
func (w *Walk) End() {
	w.leave()
	w.flush()
}

// goOn finds the leg that begins at a position.
func (w *Walk) goOn(pc int) {
	from := w.at
	w.at = w.successor(from, pc)
	if w.at < 0 { // perhaps by way of one that has no instructions
		for _, via := range w.course.legs[from].succs {
			if l := &w.course.legs[via]; l.from == l.to {
				if w.at = w.successor(via, pc); w.at >= 0 {
					w.ran(via)
					break
				}
			}
		}
	}
	if w.at >= 0 {
		w.next = w.course.legs[w.at].from
		return
	}
	if !w.course.legs[from].leaves {
		w.Lost++
	}
	w.at, w.next = from, w.course.legs[from].to
	w.leave()
}

func (w *Walk) successor(from int32, pc int) int32 {
	for _, next := range w.course.legs[from].succs {
		if l := &w.course.legs[next]; l.from < l.to && int(w.course.program.insts[l.from].pc) == pc {
			return next
		}
	}
	return -1
}

// ran adds a leg that ran to its end.
func (w *Walk) ran(at int32) {
	switch l := &w.course.legs[at]; {
	case l.chain < 0:
		w.Stack.add(l.stack)
	case l.last:
		w.add(&w.course.Blocks[l.chain].Measures)
		w.Counts[l.chain]++
		w.pending = slices.DeleteFunc(w.pending, func(p int32) bool { return w.course.legs[p].chain == l.chain })
	default:
		w.pending = append(w.pending, at)
	}
}

// leave hands the frame to the interpreter, with what was not finished.
func (w *Walk) leave() {
	if w.at < 0 {
		return
	}
	for _, p := range w.pending {
		w.left(w.course.legs[p].stack)
	}
	if l := &w.course.legs[w.at]; w.next < l.to {
		w.here = Source{l.from, w.next}
	}
	w.at, w.pending = -1, nil
}

// interpret adds an instruction to those that run one after another, up to a jump, a call,
// or a label.
func (w *Walk) interpret(pc int) {
	p := w.course.program
	at := w.here.to
	if int(at) == len(p.insts) || int(p.insts[at].pc) != pc {
		at = p.number(pc)
	}
	if at != w.here.to || p.insts[at].op == jumpdest || at > 0 && p.endsBlock(at-1) {
		w.flush()
		w.here.from = at
	}
	w.here.to = at + 1
}

func (w *Walk) flush() {
	if w.here.from < w.here.to {
		form, known := w.stretches[w.here]
		if !known {
			form = w.course.program.stackForm(w.here)
			w.stretches[w.here] = form
		}
		w.left(form)
	}
	w.here = Source{}
}
