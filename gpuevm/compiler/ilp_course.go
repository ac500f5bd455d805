package compiler

import (
	"errors"
	"sort"

	"github.com/gpuevm/gpuevm/gpuevm/opcode"
)

// Course is what is needed to follow executions of a code by its positions, step by step,
// and to tell what they cost: which blocks of the finished contract ran, and what a frame
// did not run there. It holds no SSA.
//
// Passes merge blocks and skip empty ones, so that positions no longer tell where one is.
// Therefore a Course follows the blocks as they were built. A finished block is a chain of
// these, which all ran when the last did. What was skipped costs the stack form only.
type Course struct {
	Ineligible string     // why there are no blocks; then all is the interpreter's
	Blocks     []BlockILP // as finished

	program *program
	legs    []leg
}

// leg is a block as it was built.
type leg struct {
	from, to int32 // instructions; none of a block that only says what happens instead
	succs    []int32
	stack    Form
	chain    int32 // the finished block that it is part of, or -1: it is skipped
	last     bool  // of its chain
	leaves   bool  // a frame may leave behind it
}

// NewCourse compiles a code. The contract and its report are nil where it is ineligible.
func NewCourse(code []byte, o Options, registers int) (*Course, *Func, *ILP, error) {
	w, watch := &courseWatch{Course: new(Course)}, o.Watch
	o.Watch = func(stage string, f *Func) {
		w.see(f)
		if watch != nil {
			watch(stage, f)
		}
	}
	f, err := Compile(code, o)
	var refused *Ineligible
	if errors.As(err, &refused) {
		p := decode(code, o.Revision)
		p.at, p.sections, p.parts = nil, nil, nil
		return &Course{Ineligible: refused.Error(), program: p}, nil, nil, nil
	}
	if err != nil {
		return nil, nil, nil, err
	}
	report := f.MeasureILPUnder(registers)
	w.finish(f, report)
	return w.Course, f, report, nil
}

// courseWatch makes a Course while passes run.
type courseWatch struct {
	*Course
	numbers map[int]int32 // of legs, by ID
	chains  map[int][]int32
	next    map[int]int // where a block goes, if it only goes there
	sizes   map[int]int // in runs of instructions
}

func (w *courseWatch) see(f *Func) {
	if w.legs == nil {
		w.begin(f)
	}
	for _, b := range f.Blocks {
		if len(b.Source) > w.sizes[b.ID] {
			w.grown(b)
		}
	}
	for _, b := range f.Blocks {
		w.sizes[b.ID] = len(b.Source)
		if b.Kind == KindGoto {
			w.next[b.ID] = b.Succs[0].To.ID
		}
	}
}

// begin notes the blocks as they are built.
func (w *courseWatch) begin(f *Func) {
	w.program = &program{code: f.Code, revision: f.Revision, facts: opcode.Facts(f.Revision), insts: f.program.insts}
	w.numbers, w.chains = map[int]int32{}, map[int][]int32{}
	w.next, w.sizes = map[int]int{}, map[int]int{}
	w.legs = make([]leg, len(f.Blocks))
	for i, b := range f.Blocks {
		w.legs[i] = leg{stack: w.program.stackForm(b.Source...), chain: -1, leaves: mayLeave(b)}
		if len(b.Source) > 0 {
			w.legs[i].from, w.legs[i].to = b.Source[0].from, b.Source[0].to
		}
		w.numbers[b.ID], w.chains[b.ID], w.sizes[b.ID] = int32(i), []int32{int32(i)}, len(b.Source)
	}
	for i, b := range f.Blocks {
		for _, e := range b.Succs {
			w.legs[i].succs = append(w.legs[i].succs, w.numbers[e.To.ID])
		}
	}
}

// mayLeave: the interpreter may go on behind a block.
func mayLeave(b *Block) bool {
	if b.Kind == KindCall {
		return len(b.Succs) == 0
	}
	for _, e := range b.Succs {
		if len(e.To.Source) == 0 && mayLeave(e.To) {
			return true
		}
	}
	return b.Exit != nil
}

// grown: a block has become one with those that it went to.
func (w *courseWatch) grown(b *Block) {
	size, at := w.sizes[b.ID], b.ID
	for size < len(b.Source) {
		at = w.next[at]
		w.chains[b.ID] = append(w.chains[b.ID], w.chains[at]...)
		size += w.sizes[at]
	}
}

func (w *courseWatch) finish(f *Func, report *ILP) {
	w.Blocks = report.Blocks
	for i, b := range f.Blocks {
		chain := w.chains[b.ID]
		for _, l := range chain {
			w.legs[l].chain = int32(i)
		}
		w.legs[chain[len(chain)-1]].last = true
	}
}

// number of the instruction at a position; the STOP behind the code for any other.
func (p *program) number(pc int) int32 {
	return int32(sort.Search(len(p.insts)-1, func(i int) bool { return int(p.insts[i].pc) >= pc }))
}
