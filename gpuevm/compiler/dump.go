package compiler

import (
	"fmt"
	"strings"
)

// String is the text of a contract, as golden files have it.
func (f *Func) String() string {
	var s strings.Builder
	for _, b := range f.Blocks {
		b.dump(&s)
	}
	return s.String()
}

func (b *Block) dump(s *strings.Builder) {
	fmt.Fprintf(s, "b%d @%#x height %d", b.ID, b.PC, b.Height)
	if b.Resumes {
		s.WriteString(" resumes")
	}
	for _, p := range b.Params {
		fmt.Fprintf(s, " %s:s%d", name(p), p.Slot)
	}
	s.WriteByte('\n')
	for _, v := range b.Values {
		s.WriteString("  ")
		v.dump(s)
		s.WriteByte('\n')
	}
	fmt.Fprintf(s, "  %s", b.Kind)
	if b.Kind == KindCall || b.Kind == KindUndefined {
		s.WriteByte(' ')
		s.WriteString(b.Op.String())
	}
	for _, c := range b.Control {
		s.WriteByte(' ')
		s.WriteString(name(c))
	}
	for _, e := range b.Succs {
		fmt.Fprintf(s, " -> b%d%s", e.To.ID, list(e.Args))
	}
	b.Exit.dump(s)
	s.WriteByte('\n')
}

func (v *Value) text() string {
	var s strings.Builder
	v.dump(&s)
	return s.String()
}

func (v *Value) dump(s *strings.Builder) {
	fmt.Fprintf(s, "%s = %s", name(v), v.Op)
	for _, a := range v.Args {
		s.WriteByte(' ')
		s.WriteString(name(a))
	}
	for _, n := range []struct {
		what string
		n    uint64
	}{{"fixed", v.Fixed}, {"word", v.Word}, {"byte", v.Byte}, {"rest", v.Rest}} {
		if n.n != 0 {
			fmt.Fprintf(s, " %s=%d", n.what, n.n)
		}
	}
	for state, on := range v.State {
		if on != nil {
			fmt.Fprintf(s, " %s:%s", State(state), name(on))
		}
	}
	if v.IsWord() && v.Bits < 256 {
		fmt.Fprintf(s, " bits=%d", v.Bits)
	}
	v.Exit.dump(s)
}

func (x *Exit) dump(s *strings.Builder) {
	if x == nil {
		return
	}
	when := "!"
	if x.After {
		when = "!after "
	}
	if x.PC < 0 {
		fmt.Fprintf(s, " %starget%s", when, list(x.Stack))
		return
	}
	fmt.Fprintf(s, " %s%#x%s", when, x.PC, list(x.Stack))
}

func list(values []*Value) string {
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = name(v)
	}
	return "(" + strings.Join(names, " ") + ")"
}

func name(v *Value) string {
	switch {
	case v == nil:
		return "answer"
	case v.Op == OpConst:
		return v.Const.Hex()
	}
	return fmt.Sprintf("v%d", v.ID)
}

// DOT is the control-flow graph in the language of Graphviz. Edges to the interpreter are
// dotted.
func (f *Func) DOT() string {
	var s strings.Builder
	s.WriteString("digraph contract {\n  node [shape=box fontname=monospace];\n")
	for _, b := range f.Blocks {
		shape := ""
		if b.isEntry() {
			shape = " peripheries=2"
		}
		fmt.Fprintf(&s, "  b%d [label=\"b%d %#x\\n%d values, %s\"%s];\n", b.ID, b.ID, b.PC, len(b.Values), b.Kind, shape)
		for i, e := range b.Succs {
			label := ""
			if b.Kind == KindBranch {
				label = [...]string{" [label=yes]", " [label=no]"}[i]
			}
			fmt.Fprintf(&s, "  b%d -> b%d%s;\n", b.ID, e.To.ID, label)
		}
		if b.Exit != nil && b.Kind != KindCall {
			fmt.Fprintf(&s, "  b%d -> interpreter [style=dotted];\n", b.ID)
		}
	}
	s.WriteString("}\n")
	return s.String()
}
