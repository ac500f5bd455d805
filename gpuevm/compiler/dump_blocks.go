package compiler

import (
	"fmt"
	"strings"

	"github.com/gpuevm/gpuevm/gpuevm/opcode"
)

// Listing is the instructions of each basic block, and where it goes. Blocks that say what
// happens instead of a jump have none.
func (f *Func) Listing() string {
	var s strings.Builder
	for _, b := range f.Blocks {
		fmt.Fprintf(&s, "b%d height %d", b.ID, b.Height)
		if b.Resumes {
			s.WriteString(" resumes")
		}
		s.WriteByte('\n')
		for _, r := range b.Source {
			for i := r.from; i < r.to; i++ {
				f.program.list(&s, i)
			}
		}
		fmt.Fprintf(&s, "  %s", b.Kind)
		for _, e := range b.Succs {
			fmt.Fprintf(&s, " -> b%d", e.To.ID)
		}
		if b.Exit != nil && b.Kind != KindCall {
			s.WriteString(" -> interpreter")
		}
		s.WriteString("\n\n")
	}
	return s.String()
}

func (p *program) list(s *strings.Builder, i int32) {
	in := p.insts[i]
	name := opcode.Name(in.op)
	if opcode.PushSize(in.op) > 0 {
		name += " " + p.pushed(i).Hex()
	} else if !p.facts[in.op].Defined {
		name += " (undefined)"
	}
	fmt.Fprintf(s, "  0x%04x  %s\n", in.pc, name)
}
