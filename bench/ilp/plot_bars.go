package ilp

import (
	"fmt"
	"html/template"

	"github.com/gpuevm/gpuevm/gpuevm/compiler"
)

// plotCycles shows what each way to run the code takes.
func plotCycles(m *compiler.Measures, registers int) template.HTML {
	const left, right, step, bar = 290, 150, 30, 20
	list := rows(registers)
	c := newCanvas("Cycles that each way to run the code takes", float64(step*len(list)+4))
	scale := (c.width - left - right) / max(1, float64(m.Stack.Work))
	classes := []string{"f-stack", "f-stack soft", "f-ssa", "f-ssa soft", "f-budget", "f-budget soft"}
	for i, row := range list {
		y := float64(i*step + 4)
		cycles := row.time(row.form(m))
		w := float64(cycles) * scale
		tip := fmt.Sprintf("%s: %s cycles, %s operations", row.name, count(cycles), count(row.form(m).Ops))
		c.text(left-8, y+bar-5, "end", "label", row.name)
		c.rect(left, y, w, bar, classes[i], tip)
		c.text(left+w+6, y+bar-5, "start", "value", fmt.Sprintf("%s · %.2fx", brief(cycles), ratio(m.Stack.Work, cycles)))
	}
	return c.done()
}

// strip is a row of plotShares.
type strip struct {
	label string
	m     *compiler.Measures
}

// plotShares shows where critical paths go.
func plotShares(strips []strip) template.HTML {
	const left, right, step, bar = 210, 80, 26, 18
	c := newCanvas("Where the critical path of SSA goes, by class of operation", float64(step*len(strips)+8))
	full := c.width - left - right
	for i, s := range strips {
		y, x := float64(i*step+4), float64(left)
		c.text(left-8, y+bar-5, "end", "label mono", s.label)
		for _, part := range sharesOf(s.m) {
			w := part.Part * full
			if part.Cycles == 0 {
				continue
			}
			c.rect(x, y, w-min(1, w/3), bar, "c-"+part.Class, fmt.Sprintf("%s: %s, %s cycles", part.Class, percent(part.Part), count(part.Cycles)))
			for _, text := range []string{part.Class + " " + percent(part.Part), percent(part.Part)} {
				if w > textWidth(text)+4 {
					c.text(x+w/2, y+bar-5, "middle", "on-"+part.Class, text)
					break
				}
			}
			x += w
		}
		c.text(left+full+6, y+bar-5, "start", "value", brief(s.m.SSA.Span))
	}
	return c.done()
}
