package compiler

import "fmt"

// GraphNode is a value in the dependence graph of a block, for plots.
type GraphNode struct {
	ID       int    `json:"id"`
	Op       string `json:"op"`
	Class    string `json:"class"`
	Text     string `json:"text"`
	Start    int    `json:"start"` // when the schedule issues it
	Issue    int    `json:"issue"`
	Latency  int    `json:"latency"`
	Critical bool   `json:"critical"` // on a longest chain
	Uses     []int  `json:"uses"`     // IDs of its operands
	Needs    []int  `json:"needs"`    // IDs of all that must come before
}

// Graph is the dependence graph of a block, with the times of the order that it has.
func (f *Func) Graph(id int) ([]GraphNode, error) {
	b, err := f.block(id)
	if err != nil {
		return nil, err
	}
	g := newGraph(f, b)
	_, starts := g.cycles(g.programOrder())
	return g.nodes(starts), nil
}

// Plan is how one thread gets through a block.
type Plan struct {
	Nodes  []GraphNode `json:"nodes"`
	Cycles int         `json:"cycles"` // without what ends the block
	Span   int         `json:"span"`   // the same
	Spills int         `json:"spills"`
	Alive  int         `json:"alive"` // the most words at once
}

// Plan is the quickest order that is known for so many words in registers.
func (f *Func) Plan(id, registers int) (*Plan, error) {
	b, err := f.block(id)
	if err != nil {
		return nil, err
	}
	g := newGraph(f, b)
	p := f.pressure()
	r := g.lives(p).best(f, b, p, registers)
	plan := &Plan{Nodes: g.nodes(r.starts), Cycles: r.cycles, Spills: r.spills, Alive: r.alive}
	for _, step := range g.chain() {
		plan.Span += int(step.cycles)
	}
	return plan, nil
}

func (f *Func) block(id int) (*Block, error) {
	for _, b := range f.Blocks {
		if b.ID == id {
			return b, nil
		}
	}
	return nil, fmt.Errorf("there is no block b%d", id)
}

func (g *graph) nodes(starts []int) []GraphNode {
	nodes := make([]GraphNode, len(g.values))
	for i, v := range g.values {
		c := CostOf(v.Op)
		nodes[i] = GraphNode{v.ID, v.Op.String(), c.Class.String(), v.text(), starts[i], c.Issue, c.Latency, false, []int{}, []int{}}
		for _, a := range v.Args {
			if _, here := g.at[a]; here {
				nodes[i].Uses = append(nodes[i].Uses, a.ID)
			}
		}
		for _, l := range g.preds[i] {
			nodes[i].Needs = append(nodes[i].Needs, g.values[l.node].ID)
		}
	}
	for _, step := range g.chain() {
		nodes[step.node].Critical = true
	}
	return nodes
}
