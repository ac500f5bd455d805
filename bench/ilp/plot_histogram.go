package ilp

import (
	"fmt"
	"html/template"
	"math"
)

const bins = 48

// plotSpread shows how parallel things are: a histogram for each form, one below the other,
// over the same axis.
func plotSpread(d *Distributions, byWork bool, what string, names [3]string) template.HTML {
	const left, right, height, gap, foot = 60, 20, 92, 30, 34
	weighed := "each once"
	if byWork {
		weighed = "weighed by work"
	}
	if d.Count == 0 {
		return "<p>There is nothing to count.</p>"
	}
	c := newCanvas(fmt.Sprintf("ILP of %s, %s", what, weighed), 3*(height+gap)+foot)
	top := axisEnd(d, byWork)
	counts, total := histogram(d, byWork, top)
	highest := 0.0
	for _, form := range counts {
		for _, n := range form {
			highest = max(highest, n/total)
		}
	}
	highest = nice(highest)
	full := c.width - left - right
	x := func(ilp float64) float64 { return left + (min(ilp, top)-1)/(top-1)*full }
	spread := &d.Each
	if byWork {
		spread = &d.ByWork
	}
	for i, q := range []*Quantiles{&spread.Stack, &spread.SSA, &spread.Budget} {
		base := float64(i)*(height+gap) + gap + height - 8
		c.histogram(counts[i][:], total, highest, base, height, x, top, []string{"f-stack", "f-ssa", "f-budget"}[i])
		c.line(x(q.P50), base-height+2, x(q.P50), base, "median")
		c.text(left, base-height-6, "start", "label strong", names[i])
		c.text(c.width-right, base-height-6, "end", "label", fmt.Sprintf("5%% %.2f · 25%% %.2f · median %.2f · 75%% %.2f · 95%% %.2f", q.P5, q.P25, q.P50, q.P75, q.P95))
		c.text(left-6, base-height+10, "end", "tick", percent(highest))
		c.text(left-6, base, "end", "tick", "0")
	}
	base := 3*(height+gap) - 8.0
	for i := range 9 {
		at := 1 + (top-1)*float64(i)/8
		label := fmt.Sprintf("%.2f", at)
		if i == 8 {
			label = "≥ " + label
		}
		c.text(x(at), base+16, "middle", "tick", label)
	}
	c.text(left+full/2, base+34, "middle", "label", "ILP: work over span; height: share of "+what+", "+weighed)
	return c.done()
}

// axisEnd is a round ILP that hardly anything is above.
func axisEnd(d *Distributions, byWork bool) float64 {
	s := &d.Each
	if byWork {
		s = &d.ByWork
	}
	far := max(s.Stack.P95, s.SSA.P95, s.Budget.P95)
	return 1 + max(0.4, min(8, math.Ceil((far-1)*1.5/0.4)*0.4))
}

// histogram sums up weights. The last bin has all that is above the axis.
func histogram(d *Distributions, byWork bool, top float64) (counts [3][bins]float64, total float64) {
	for i := range d.samples {
		s := &d.samples[i]
		w := s.weight(byWork)
		total += w
		for form, ilp := range s.ilp {
			at := int((ilp - 1) / (top - 1) * bins)
			counts[form][min(max(at, 0), bins-1)] += w
		}
	}
	return counts, max(total, 1e-9)
}

func (c *canvas) histogram(counts []float64, total, highest, base, height float64, x func(float64) float64, top float64, class string) {
	c.line(x(1), base, x(top), base, "axis")
	for i, n := range counts {
		if n == 0 {
			continue
		}
		from, to := 1+(top-1)*float64(i)/bins, 1+(top-1)*float64(i+1)/bins
		h := n / total / highest * (height - 6)
		c.rect(x(from)+0.5, base-h, x(to)-x(from)-1, h, class, fmt.Sprintf("ILP %.2f to %.2f: %s", from, to, percent(n/total)))
	}
}
