package ilp

import (
	"fmt"
	"html/template"
	"math"

	"github.com/gpuevm/gpuevm/gpuevm/compiler"
)

// plotBound shows what p units may gain: between Brent's bound and the least there is.
func plotBound(m *compiler.Measures) template.HTML {
	const left, right, height, foot, most = 60, 150, 220, 40, 32
	if m.Stack.Work == 0 {
		return "<p>There is nothing to do.</p>"
	}
	c := newCanvas("Speed-up by p units over one: what is guaranteed, and what nothing exceeds", height+foot)
	top := max(m.Stack.ILP, m.SSA.ILP)
	top = 1 + nice((top-1)*1.15)
	full := c.width - left - right
	x := func(p float64) float64 { return left + math.Log2(p)/math.Log2(most)*full }
	y := func(s float64) float64 { return 10 + (1-(min(s, top)-1)/(top-1))*(height-20) }
	for i := range 5 {
		at := 1 + (top-1)*float64(i)/4
		c.line(left, y(at), left+full, y(at), "grid")
		c.text(left-6, y(at)+4, "end", "tick", fmt.Sprintf("%.2fx", at))
	}
	for p := 1.0; p <= most; p *= 2 {
		c.text(x(p), height+8, "middle", "tick", fmt.Sprint(p))
	}
	c.text(left+full/2, height+30, "middle", "label", "units that work side by side")
	for i, f := range []*compiler.Form{&m.Stack, &m.SSA} {
		class := []string{"l-stack", "l-ssa"}[i]
		var least, best [][2]float64
		for step := range 81 {
			p := math.Exp2(float64(step) / 80 * math.Log2(most))
			w, s := float64(f.Work), float64(f.Span)
			least = append(least, [2]float64{x(p), y(w / ((w-s)/p + s))})
			best = append(best, [2]float64{x(p), y(min(p, w/max(s, 1)))})
		}
		c.path(best, class)
		c.path(least, class+" dashed")
		name := []string{"stack form", "SSA"}[i]
		c.text(left+full+6, y(f.ILP)+4, "start", "value", fmt.Sprintf("%s: %.2fx", name, f.ILP))
	}
	return c.done()
}
