package ilp

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"

	"github.com/gpuevm/gpuevm/gpuevm/compiler"
)

// plotSchedule shows when each value of a block is under way: from its issue until its word
// is there, those that overlap below each other.
func (g *graph) plotSchedule() template.HTML {
	const left, right, step, bar, foot = 10, 20, 13, 11, 30
	nodes := slices.Clone(g.plan.Nodes)
	slices.SortStableFunc(nodes, func(a, b compiler.GraphNode) int { return cmp.Compare(a.Start, b.Start) })
	lanes, lane := 0, make([]int, len(nodes))
	var free []int // by lane: from when on
	for i, n := range nodes {
		at := slices.IndexFunc(free, func(from int) bool { return from <= n.Start })
		if at < 0 {
			at = len(free)
			free = append(free, 0)
		}
		free[at], lane[i] = n.Start+n.Latency, at
		lanes = max(lanes, at+1)
	}
	c := newCanvas("Schedule of "+g.name, float64(lanes*step+foot))
	scale := (c.width - left - right) / float64(max(1, g.plan.Cycles))
	for i, n := range nodes {
		x, w := left+float64(n.Start)*scale, float64(n.Latency)*scale
		tip := fmt.Sprintf("%s\ncycles %d to %d", n.Text, n.Start, n.Start+n.Latency)
		y := float64(lane[i] * step)
		c.rect(x, y, max(w-0.5, 1), bar, "c-"+n.Class, tip)
		if w > textWidth(n.Op)+8 {
			c.text(x+4, y+bar-2, "start", "tiny on-"+n.Class, n.Op)
		}
	}
	base := float64(lanes*step) + 2
	c.line(left, base, c.width-right, base, "axis")
	tick := nice(float64(g.plan.Cycles) / 8)
	for at := 0.0; at <= float64(g.plan.Cycles); at += tick {
		c.line(left+at*scale, base, left+at*scale, base+4, "axis")
		c.text(left+at*scale, base+16, "middle", "tick", fmt.Sprint(at))
	}
	c.text(c.width-right, base+27, "end", "tick", "cycles")
	return c.done()
}
