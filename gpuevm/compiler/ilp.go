package compiler

import "fmt"

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

// Measures are those of a block, or of several that run one after another.
type Measures struct {
	Stack   Form           `json:"stack"`   // instructions as they stand: ilp_stack.go
	SSA     Form           `json:"ssa"`     // values, as soon as their operands are there
	Budget  Form           `json:"budget"`  // one thread with RegisterWords that issues them in order, as scheduled
	Program Form           `json:"program"` // the same thread in program order: the twin
	Path    map[string]int `json:"path"`    // where the SSA's span goes, by class of operation
}

func (m *Measures) add(n *Measures) {
	m.Stack.add(n.Stack)
	m.SSA.add(n.SSA)
	m.Budget.add(n.Budget)
	m.Program.add(n.Program)
	for class, cycles := range n.Path {
		if m.Path == nil {
			m.Path = map[string]int{}
		}
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
func (f *Func) MeasureILP() *ILP {
	r := &ILP{Notes: f.Notes, Blocks: []BlockILP{}, Functions: []FunctionILP{}}
	p := f.pressure()
	byID := map[int]*BlockILP{}
	for _, b := range f.Blocks {
		r.Blocks = append(r.Blocks, BlockILP{b.ID, b.PC, f.measure(b, p)})
	}
	for i := range r.Blocks {
		byID[r.Blocks[i].ID] = &r.Blocks[i]
		r.Whole.add(&r.Blocks[i].Measures)
	}
	for _, fn := range f.Functions() {
		m := FunctionILP{Selector: fn.Name()}
		for _, b := range fn.Blocks {
			m.Blocks = append(m.Blocks, b.ID)
			m.add(&byID[b.ID].Measures)
		}
		r.Functions = append(r.Functions, m)
	}
	return r
}

// measure: a block's terminator is part of it, as it is part of the stack form.
func (f *Func) measure(b *Block, p *pressure) Measures {
	g := newGraph(f, b)
	m := Measures{Stack: f.stackForm(b), Path: map[string]int{}}
	for _, v := range b.Values {
		m.SSA.Ops++
		m.SSA.Work += CostOf(v.Op).Latency
	}
	m.Budget, m.Program = m.SSA, m.SSA
	m.SSA.Span = g.span(m.Path)
	order := g.programOrder()
	program := f.inProgramOrder(b, g)
	m.Program.Span, _ = g.cycles(program)
	m.Budget.Span, _ = g.cycles(g.parallel(p, RegisterWords))
	for _, o := range [][]int32{order, program} {
		if n, _ := g.cycles(o); n < m.Budget.Span {
			m.Budget.Span = n
		}
	}
	end := endOf(b)
	for _, form := range []*Form{&m.SSA, &m.Budget, &m.Program} {
		form.Ops++
		form.Work += end.Latency
		form.Span += end.Latency
		form.close()
	}
	m.Path[end.Class.String()] += end.Latency
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
func (g *graph) span(path map[string]int) int {
	h := g.heights()
	at, longest := -1, 0
	for i := range h {
		if h[i] > longest {
			at, longest = i, h[i]
		}
	}
	for at >= 0 {
		c := CostOf(g.values[at].Op)
		next, cycles := -1, c.Latency
		for _, l := range g.succs[at] {
			if int(l.cycles)+h[l.node] == h[at] {
				next, cycles = int(l.node), int(l.cycles)
				break
			}
		}
		path[c.Class.String()] += cycles
		at = next
	}
	return longest
}

// GraphNode is a value in the dependence graph of a block, for plots.
type GraphNode struct {
	ID    int    `json:"id"`
	Op    string `json:"op"`
	Class string `json:"class"`
	Start int    `json:"start"` // when the schedule issues it
	Needs []int  `json:"needs"` // IDs
}

// Graph is the dependence graph of a block, with the times of the order that it has.
func (f *Func) Graph(id int) ([]GraphNode, error) {
	for _, b := range f.Blocks {
		if b.ID != id {
			continue
		}
		g := newGraph(f, b)
		_, starts := g.cycles(g.programOrder())
		nodes := make([]GraphNode, len(g.values))
		for i, v := range g.values {
			nodes[i] = GraphNode{v.ID, v.Op.String(), CostOf(v.Op).Class.String(), starts[i], []int{}}
			for _, l := range g.preds[i] {
				nodes[i].Needs = append(nodes[i].Needs, g.values[l.node].ID)
			}
		}
		return nodes, nil
	}
	return nil, fmt.Errorf("there is no block b%d", id)
}
