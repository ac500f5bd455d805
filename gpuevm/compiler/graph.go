package compiler

// graph is what must precede what in a block, by position in its values.
type graph struct {
	values []*Value
	at     map[*Value]int32
	preds  [][]link
	succs  [][]link
}

// link is a dependence, and how many cycles it takes.
type link struct {
	node   int32
	cycles int32
}

// newGraph finds the dependences of a block:
//   - on operands, and the words of an exit, which must be there when it leaves;
//   - on the versions of states that a value reads;
//   - of who replaces a version on all who read it. A read of the size of memory that only
//     asks for memory to be large enough does not hold up growing it further.
func newGraph(f *Func, b *Block) *graph {
	n := len(b.Values)
	g := &graph{values: b.Values, at: make(map[*Value]int32, n), preds: make([][]link, n), succs: make([][]link, n)}
	for i, v := range b.Values {
		g.at[v] = int32(i)
	}
	var readers [States][]int32
	for i, v := range b.Values {
		for _, a := range v.Args {
			g.after(i, a, CostOf(a.Op).Latency)
		}
		if v.Exit != nil {
			for _, w := range v.Exit.Stack {
				if w != v {
					g.after(i, w, 1)
				}
			}
		}
		for s := range States {
			g.states(f, i, v, s, &readers)
		}
	}
	for i, list := range g.preds {
		for _, l := range list {
			g.succs[l.node] = append(g.succs[l.node], link{int32(i), l.cycles})
		}
	}
	return g
}

func (g *graph) states(f *Func, i int, v *Value, s State, readers *[States][]int32) {
	writes := v.writes(s, f.Revision)
	if at := v.State[s]; at != nil {
		g.after(i, at, handOver(s, at.Op, v.Op))
		if !writes && (s != Size || v.Op == 0x59 || v.Exit != nil) {
			readers[s] = append(readers[s], int32(i))
		}
	}
	if !writes {
		return
	}
	for _, r := range readers[s] {
		if r != int32(i) {
			g.preds[i] = append(g.preds[i], link{r, 1})
		}
	}
	readers[s] = readers[s][:0]
}

func (g *graph) after(i int, a *Value, cycles int) {
	if at, here := g.at[a]; here {
		g.preds[i] = append(g.preds[i], link{at, int32(cycles)})
	}
}

// heights are the longest ways from each value to the end of the block.
func (g *graph) heights() []int {
	h := make([]int, len(g.values))
	for i := len(g.values) - 1; i >= 0; i-- {
		h[i] = CostOf(g.values[i].Op).Latency
		for _, l := range g.succs[i] {
			h[i] = max(h[i], int(l.cycles)+h[l.node])
		}
	}
	return h
}

// cycles is how long a thread takes that issues the values in an order, one after another,
// and waits only for what a value depends on; starts are when each is issued.
func (g *graph) cycles(order []int32) (total int, starts []int) {
	starts = make([]int, len(g.values))
	now := 0
	for _, i := range order {
		start := now
		for _, l := range g.preds[i] {
			start = max(start, starts[l.node]+int(l.cycles))
		}
		starts[i] = start
		c := CostOf(g.values[i].Op)
		now = start + c.Issue
		total = max(total, start+c.Latency)
	}
	return max(total, now), starts
}

func (g *graph) programOrder() []int32 {
	order := make([]int32, len(g.values))
	for i := range order {
		order[i] = int32(i)
	}
	return order
}
