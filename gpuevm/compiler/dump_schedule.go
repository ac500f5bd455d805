package compiler

import (
	"fmt"
	"strings"
)

// Schedule is when each value is issued and when its word is there, block by block, as one
// thread with so many words of registers goes through it.
func (f *Func) Schedule(registers int) string {
	var s strings.Builder
	p := f.pressure()
	for _, b := range f.Blocks {
		g := newGraph(f, b)
		l := g.lives(p)
		r := l.run(g.programOrder(), registers)
		span := 0
		critical := make([]bool, len(b.Values))
		for _, step := range g.chain() {
			span += int(step.cycles)
			critical[step.node] = true
		}
		fmt.Fprintf(&s, "b%d @%#x: %d cycles, %d at the least; up to %d words alive, %d spilled\n", b.ID, b.PC, r.cycles, span, r.alive, r.spills)
		for i, v := range b.Values {
			mark := ' '
			if critical[i] {
				mark = '*'
			}
			fmt.Fprintf(&s, "  %6d %6d %c %s\n", r.starts[i], r.starts[i]+CostOf(v.Op).Latency, mark, v.text())
		}
	}
	return s.String()
}
