package ilp

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/gpuevm/gpuevm/bench/ilp/layered"
	"github.com/gpuevm/gpuevm/gpuevm/compiler"
)

// Blocks with fewer values show nothing, with more nobody finds anything.
const leastValues, mostValues = 8, 250

// graph is a basic block to be drawn.
type graph struct {
	name, about string
	plan        *compiler.Plan
}

// candidate is a block that may be drawn.
type candidate struct {
	v *volume
	b *BasicBlock
}

func (c *candidate) times() uint64 { return max(1, c.b.Runs) }

// draw picks blocks, compiles their codes again and plans them.
func (s *Study) draw(r *Report, volumes []*volume) error {
	funcs := map[*volume]*compiler.Func{}
	for _, c := range pick(candidates(r, volumes), s.Graphs) {
		f := funcs[c.v]
		if f == nil {
			var err error
			if f, err = compiler.Compile(c.v.code, compiler.Options{Revision: c.v.fork}); err != nil {
				return err
			}
			funcs[c.v] = f
		}
		plan, err := f.Plan(c.b.ID, s.Registers)
		if err != nil {
			return err
		}
		r.graphs = append(r.graphs, &graph{name: fmt.Sprintf("%s, block b%d at %#x: %d values", c.v.label(), c.b.ID, c.b.PC, len(plan.Nodes)),
			about: about(c.b, plan), plan: plan})
	}
	return nil
}

func about(b *BasicBlock, p *compiler.Plan) string {
	runs := ""
	if b.Runs > 0 {
		runs = fmt.Sprintf("Ran %s times. ", count(int(b.Runs)))
	}
	return fmt.Sprintf("%sWork %s cycles, longest chain %s: ILP %.2f. One thread takes %s cycles as scheduled here, %s in program order; "+
		"at most %d words are alive, %d go to memory. The stack form has %d operations and a longest chain of %s.",
		runs, count(b.SSA.Work), count(b.SSA.Span), b.SSA.ILP, count(b.Budget.Span), count(b.Program.Span), p.Alive, p.Spills, b.Stack.Ops, count(b.Stack.Span))
}

func candidates(r *Report, volumes []*volume) (list []candidate) {
	for _, v := range volumes {
		if r.Executed != nil && v.Executed == nil {
			continue
		}
		for i := range v.Heaviest {
			b := &v.Heaviest[i]
			if b.SSA.Ops >= leastValues && b.SSA.Ops <= mostValues && (b.Runs > 0 || v.Executed == nil) {
				list = append(list, candidate{v, b})
			}
		}
	}
	return list
}

// pick takes a block in which most work is off the longest chain, then two of the heaviest,
// and so on: the heaviest often only wait for a hash or a call.
func pick(list []candidate, most int) (picked []candidate) {
	byWork, byGain := slices.Clone(list), slices.Clone(list)
	slices.SortStableFunc(byWork, func(a, b candidate) int {
		return cmp.Compare(b.times()*uint64(b.b.SSA.Work), a.times()*uint64(a.b.SSA.Work))
	})
	gain := func(c *candidate) uint64 { return c.times() * uint64(c.b.SSA.Work-c.b.SSA.Span) }
	slices.SortStableFunc(byGain, func(a, b candidate) int { return cmp.Compare(gain(&b), gain(&a)) })
	seen := map[[2]any]bool{}
	for turn := 0; len(picked) < most && (len(byWork) > 0 || len(byGain) > 0); turn++ {
		from := &byWork
		if turn%3 == 0 && len(byGain) > 0 || len(byWork) == 0 {
			from = &byGain
		}
		c := (*from)[0]
		*from = (*from)[1:]
		if key := [2]any{c.v.Hash, c.b.PC}; !seen[key] {
			seen[key] = true
			picked = append(picked, c)
		}
	}
	return picked
}

// picture is the dependence graph. What is issued first is dark; operands are solid lines,
// other dependences broken ones, and only where no chain of others says the same.
func (g *graph) picture() layered.Graph {
	var out layered.Graph
	at, rank := map[int]int{}, g.ranks()
	for i, n := range g.plan.Nodes {
		at[n.ID] = i
		shade := 0.0
		if len(g.plan.Nodes) > 1 {
			shade = float64(rank[i]) / float64(len(g.plan.Nodes)-1)
		}
		fill, ink := slotColour(shade)
		class := ""
		if n.Critical {
			class = "critical"
		}
		out.Nodes = append(out.Nodes, layered.Node{Lines: []string{n.Op, fmt.Sprintf("v%d @%d", n.ID, n.Start)}, Class: class, Fill: fill, Ink: ink,
			Title: fmt.Sprintf("%s\nissued as number %d, in cycle %d; its word is there %d cycles later (%s)", n.Text, rank[i]+1, n.Start, n.Latency, n.Class)})
	}
	out.Edges = g.edges(at)
	return out
}

// ranks are the places of the values in the order in which they are issued.
func (g *graph) ranks() []int {
	order := make([]int, len(g.plan.Nodes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(g.plan.Nodes[a].Start, g.plan.Nodes[b].Start) })
	rank := make([]int, len(order))
	for place, i := range order {
		rank[i] = place
	}
	return rank
}

func (g *graph) edges(at map[int]int) (edges []layered.Edge) {
	before := g.before(at)
	for i := range g.plan.Nodes {
		n := &g.plan.Nodes[i]
		done := map[int]bool{}
		for _, id := range slices.Concat(n.Uses, n.Needs) {
			from := at[id]
			operand := slices.Contains(n.Uses, id)
			if done[id] || !operand && g.implied(at, before, n, id) {
				continue
			}
			done[id] = true
			class := "order"
			if operand {
				class = "operand"
			}
			if n.Critical && g.plan.Nodes[from].Critical {
				class += " critical"
			}
			edges = append(edges, layered.Edge{From: from, To: i, Class: class})
		}
	}
	return edges
}

// before are, of each value, all that it must wait for. Values come before their users in
// the order of starts.
func (g *graph) before(at map[int]int) []map[int]bool {
	before := make([]map[int]bool, len(g.plan.Nodes))
	var visit func(i int) map[int]bool
	visit = func(i int) map[int]bool {
		if before[i] == nil {
			before[i] = map[int]bool{}
			for _, id := range g.plan.Nodes[i].Needs {
				before[i][id] = true
				for far := range visit(at[id]) {
					before[i][far] = true
				}
			}
		}
		return before[i]
	}
	for i := range g.plan.Nodes {
		visit(i)
	}
	return before
}

func (g *graph) implied(at map[int]int, before []map[int]bool, n *compiler.GraphNode, id int) bool {
	return slices.ContainsFunc(n.Needs, func(via int) bool { return via != id && before[at[via]][id] })
}
