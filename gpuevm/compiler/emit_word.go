package compiler

import (
	"fmt"
	"strings"
)

// expression is C++ for a word: a u64 where it is narrow, else a u256.
type expression struct {
	text   string
	narrow bool
}

// isNarrow: a u64 holds the word.
func isNarrow(v *Value) bool { return v.Bits <= 64 }

func typeOf(v *Value) string {
	if isNarrow(v) {
		return "u64"
	}
	return "u256"
}

// fit makes an expression the type of a value.
func fit(v *Value, x expression) string {
	switch {
	case isNarrow(v) == x.narrow:
		return x.text
	case x.narrow:
		return "u256_from(" + x.text + ")"
	}
	return "low64(" + x.text + ")"
}

// local is a value by name: a local of its block, or its place in memory.
func (e *emitter) local(v *Value) string {
	if v.Block == e.b && v.Op != OpParam {
		return name(v)
	}
	return e.place(v)
}

func (e *emitter) place(v *Value) string {
	if isNarrow(v) {
		return fmt.Sprintf("w[%d].w[0]", e.slots[v])
	}
	return fmt.Sprintf("w[%d]", e.slots[v])
}

// word is an operand as a u256.
func (e *emitter) word(v *Value) string {
	switch {
	case v.Op == OpConst && v.Const.IsUint64():
		return "u256_from(" + limb(v.Const[0]) + ")"
	case v.Op == OpConst:
		return "u256" + braces(v)
	case isNarrow(v):
		return "u256_from(" + e.local(v) + ")"
	}
	return e.local(v)
}

// stored is an operand of write_word, in the form that takes the least text of compilers.
func (e *emitter) stored(v *Value) string {
	switch {
	case isNarrow(v), v.Op == OpConst && v.Const.IsUint64():
		return e.low(v)
	case v.Op == OpConst:
		return fmt.Sprintf("%s_words + %d", e.name, e.pooled(v))
	}
	return e.word(v)
}

func braces(v *Value) string {
	return fmt.Sprintf("{{%s, %s, %s, %s}}", limb(v.Const[0]), limb(v.Const[1]), limb(v.Const[2]), limb(v.Const[3]))
}

// low is an operand's lowest limb.
func (e *emitter) low(v *Value) string {
	switch {
	case v.Op == OpConst:
		return limb(v.Const[0])
	case isNarrow(v):
		return e.local(v)
	}
	return "low64(" + e.local(v) + ")"
}

func limb(n uint64) string {
	if n < 1000 {
		return fmt.Sprintf("%dull", n)
	}
	return fmt.Sprintf("%#xull", n)
}

func (e *emitter) operandList(list []*Value) string {
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = e.word(v)
	}
	return strings.Join(parts, ", ")
}

// assign gives a value its word.
func (e *emitter) assign(v *Value, x expression) {
	e.line("  %s %s = %s;", typeOf(v), name(v), fit(v, x))
	if _, placed := e.slots[v]; placed {
		e.line("  %s = %s;", e.place(v), name(v))
	}
}
