package compiler

import "encoding/json"

// The ILP report: how much of a contract could run side by side. Work is the sum of all
// latencies: the time of a machine that does one thing at a time. Span is the longest chain
// of dependences: the time of a machine that does everything as soon as it can. Their
// quotient is the instruction-level parallelism; no number of units makes it faster, and p
// units take at most Work/p + Span (Brent, "The Parallel Evaluation of General Arithmetic
// Expressions", 1974). All in the cycles of latency.go.

// Form is one way to see the same code.
type Form struct {
	Ops  int     `json:"ops"`
	Work int     `json:"work"`
	Span int     `json:"span"`
	ILP  float64 `json:"ilp"`
}

func (f *Form) close() {
	f.ILP = 1
	if f.Span > 0 {
		f.ILP = float64(f.Work) / float64(f.Span)
	}
}

func (f *Form) add(g Form) {
	f.Ops += g.Ops
	f.Work += g.Work
	f.Span += g.Span
	f.close()
}

// Path is where the time of a critical path goes: cycles by class of operation.
type Path [classes]int

// Total is the length of the path.
func (p *Path) Total() (cycles int) {
	for _, n := range p {
		cycles += n
	}
	return cycles
}

// MarshalJSON writes the classes that there are by name.
func (p Path) MarshalJSON() ([]byte, error) {
	named := map[string]int{}
	for class, cycles := range p {
		if cycles != 0 {
			named[Class(class).String()] = cycles
		}
	}
	return json.Marshal(named)
}

// Measures are those of a block, or of several that run one after another.
type Measures struct {
	Stack   Form `json:"stack"`         // instructions as they stand: ilp_stack.go
	SSA     Form `json:"ssa"`           // values, as soon as their operands are there
	Budget  Form `json:"budget"`        // one thread that issues them in order, as scheduled, with few registers
	Program Form `json:"program"`       // the same thread in program order: the twin
	Spills  int  `json:"spills"`        // of Budget: words that had to wait in memory
	Path    Path `json:"path"`          // where the SSA's span goes, but for what Left takes
	Left    Form `json:"left,omitzero"` // what the interpreter ran: part of all four forms, as it stands
}

// Sum is what several cost that run one after another.
func Sum(list ...*Measures) (sum Measures) {
	for _, m := range list {
		sum.add(m)
	}
	return sum
}

func (m *Measures) add(n *Measures) {
	m.Stack.add(n.Stack)
	m.SSA.add(n.SSA)
	m.Budget.add(n.Budget)
	m.Program.add(n.Program)
	m.Spills += n.Spills
	if n.Left.Ops > 0 {
		m.Left.add(n.Left)
	}
	for class, cycles := range n.Path {
		m.Path[class] += cycles
	}
}

// BlockILP is a block's.
type BlockILP struct {
	ID int `json:"id"`
	PC int `json:"pc"`
	Measures
}

// FunctionILP is a function's: each of its blocks once.
type FunctionILP struct {
	Selector string `json:"selector"`
	Blocks   []int  `json:"blocks"`
	Measures
}

// ILP is the report of a contract.
type ILP struct {
	Notes     Notes         `json:"notes"`
	Blocks    []BlockILP    `json:"blocks"`
	Functions []FunctionILP `json:"functions"`
	Whole     Measures      `json:"whole"` // each block once
}

// MeasureILP measures a contract that was compiled, in whatever order its values are.
func (f *Func) MeasureILP() *ILP { return f.MeasureILPUnder(RegisterWords) }

// MeasureILPUnder is for a thread that holds so many words in registers.
func (f *Func) MeasureILPUnder(registers int) *ILP {
	r := &ILP{Notes: f.Notes, Blocks: []BlockILP{}, Functions: []FunctionILP{}}
	p := f.pressure()
	byID := map[int]*BlockILP{}
	for _, b := range f.Blocks {
		r.Blocks = append(r.Blocks, BlockILP{b.ID, b.PC, f.measure(b, p, registers)})
	}
	for i := range r.Blocks {
		byID[r.Blocks[i].ID] = &r.Blocks[i]
		r.Whole.add(&r.Blocks[i].Measures)
	}
	for _, fn := range f.Functions() {
		m := FunctionILP{Selector: fn.Name(), Blocks: []int{}}
		for _, b := range fn.Blocks {
			m.Blocks = append(m.Blocks, b.ID)
			m.add(&byID[b.ID].Measures)
		}
		r.Functions = append(r.Functions, m)
	}
	return r
}

// measure: a block's terminator is part of it, as it is part of the stack form.
func (f *Func) measure(b *Block, p *pressure, registers int) Measures {
	g := newGraph(f, b)
	m := Measures{Stack: f.stackForm(b)}
	for _, v := range b.Values {
		m.SSA.Ops++
		m.SSA.Work += CostOf(v.Op).Latency
	}
	m.Budget, m.Program = m.SSA, m.SSA
	m.SSA.Span = g.span(&m.Path)
	l := g.lives(p)
	best := l.best(f, b, p, registers)
	m.Budget.Span, m.Spills = best.cycles, best.spills
	m.Program.Span = l.run(f.inProgramOrder(b, g), registers).cycles
	end := endOf(b)
	for _, form := range []*Form{&m.SSA, &m.Budget, &m.Program} {
		form.Ops++
		form.Work += end.Latency
		form.Span += end.Latency
		form.close()
	}
	m.Path[end.Class] += end.Latency
	return m
}

// endOf is what ending a block costs.
func endOf(b *Block) Cost {
	switch b.Kind {
	case KindCall:
		return CostOf(b.Op)
	case KindSelfDestruct:
		return CostOf(selfdestruct)
	case KindReturn, KindRevert:
		return CostOf(0xf3)
	case KindGoto:
		return CostOf(jumpdest)
	}
	return CostOf(jump)
}

// inProgramOrder: IDs of the values rise with the program but where a pass made new ones,
// which none does inside of a block; merged blocks come one after another by Source.
func (f *Func) inProgramOrder(b *Block, g *graph) []int32 {
	waits := make([]int32, len(g.values))
	h := heap{less: func(x, y int32) bool { return g.values[x].ID < g.values[y].ID }}
	for i := range g.values {
		if waits[i] = int32(len(g.preds[i])); waits[i] == 0 {
			h.push(int32(i))
		}
	}
	order := make([]int32, 0, len(g.values))
	for len(h.items) > 0 {
		i := h.pop()
		order = append(order, i)
		for _, l := range g.succs[i] {
			if waits[l.node]--; waits[l.node] == 0 {
				h.push(l.node)
			}
		}
	}
	return order
}

// span is the longest chain, and what it consists of.
func (g *graph) span(path *Path) (longest int) {
	for _, step := range g.chain() {
		path[CostOf(g.values[step.node].Op).Class] += int(step.cycles)
		longest += int(step.cycles)
	}
	return longest
}

// chain is a critical path: its values, and how long each holds up the next.
func (g *graph) chain() (steps []link) {
	h := g.heights()
	at := -1
	for i := range h {
		if at < 0 || h[i] > h[at] {
			at = i
		}
	}
	for at >= 0 {
		step, next := link{int32(at), int32(CostOf(g.values[at].Op).Latency)}, -1
		for _, l := range g.succs[at] {
			if int(l.cycles)+h[l.node] == h[at] {
				step.cycles, next = l.cycles, int(l.node)
				break
			}
		}
		steps = append(steps, step)
		at = next
	}
	return steps
}
