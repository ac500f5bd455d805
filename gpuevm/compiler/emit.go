package compiler

import (
	"fmt"
	"slices"
	"strings"
)

// Emit writes a contract as functions in CUDA C that is also C++: control flow, words as
// locals, the checks of sections, and calls of what kernels/compiled.cuh declares. What an
// opcode means stands there and nowhere else. The error is an *Ineligible where the text
// grows beyond a limit.
//
// Words that cross blocks, or that an exit needs, have a place in an array in memory. So a
// contract may be cut into functions of bounded size, since compilers take more than twice
// the time for twice the function, and what the interpreter needs when it takes over is a
// table and not code.
func (f *Func) Emit(name string, limit int) (string, error) {
	e := &emitter{f: f, name: name, slots: map[*Value]int{}, resume: map[*Block]int{}, part: map[*Block]int{}, words: map[*Value]int{}}
	e.survey()
	e.cut()
	if e.places > maxSlots {
		return "", &Ineligible{"words in memory", maxSlots}
	}
	for _, b := range f.Blocks {
		if len(b.Values) > maxValues {
			return "", &Ineligible{"values in a block", maxValues}
		}
	}
	var parts []string
	size := 0
	for from := 0; from < len(f.Blocks); {
		to := from
		for to < len(f.Blocks) && e.part[f.Blocks[to]] == len(parts) {
			to++
		}
		text := e.function(len(parts), f.Blocks[from:to])
		parts = append(parts, text)
		from = to
		if size += len(text); size > limit {
			return "", &Ineligible{"bytes of text", limit}
		}
	}
	parts = append(parts, e.main(len(parts)))
	if e.fault != nil {
		return "", e.fault
	}
	return e.tables() + strings.Join(parts, ""), nil
}

// DefaultText is the limit of a contract's text. Compilers take some seconds for it.
const DefaultText = 3 << 20

const (
	maxSlots  = 1 << 15 // words of an array on a lane's stack: 1 MB, of which little is touched
	maxValues = 6000    // of a block, which can't be cut
	partNodes = 400     // values of a function, about
)

// SourceOf is a translation unit of contracts, each with its name. The kernel list_functions
// tells their addresses, in this order.
func SourceOf(names, functions []string) string {
	var b strings.Builder
	b.WriteString("#include \"compiled.cuh\"\n\n")
	for _, text := range functions {
		b.WriteString(text)
		b.WriteByte('\n')
	}
	b.WriteString("KERNEL(list_functions, ListArgs, 32) {\n  u64* to = (u64*)a.functions;\n")
	fmt.Fprintf(&b, "  if (lane != 0 || a.count != %d) return;\n", len(names))
	for i, name := range names {
		fmt.Fprintf(&b, "  to[%d] = (u64)&%s;\n", i, name)
	}
	b.WriteString("}\n")
	return b.String()
}

// emitter writes one contract.
type emitter struct {
	f      *Func
	name   string
	slots  map[*Value]int // places in memory
	places int            // how many there are
	resume map[*Block]int // blocks that calls resume at, numbered from 1
	part   map[*Block]int // the function that a block is in
	height int            // the highest stack that is written to memory

	text  strings.Builder // of the function under way
	b     *Block          // under way
	tails []string        // of the function under way: ends that blocks share
	// The function under way needs the ends of that name: a surcharge that is not paid, and
	// the rest in the interpreter.
	dear, leaves bool
	lists        []string       // numbers of the table of lists
	at           int            // how many they are
	pool         []*Value       // constants that are named by their place
	words        map[*Value]int // where they are
	fault        error
}

func (e *emitter) line(format string, args ...any) {
	fmt.Fprintf(&e.text, format, args...)
	e.text.WriteByte('\n')
}

// survey gives places to what crosses blocks and to what exits need, and numbers the blocks
// where frames resume.
func (e *emitter) survey() {
	for _, b := range e.f.Blocks {
		if b.Resumes {
			e.resume[b] = len(e.resume) + 1
		}
	}
	crossing := e.allot()
	e.places = crossing
	for _, b := range e.f.Blocks { // places that are a block's alone are used again in the next
		next := crossing
		for _, v := range b.Values {
			e.exit(v.Exit, 0, &next)
		}
		e.exit(b.Exit, len(b.Control), &next)
		e.places = max(e.places, next)
	}
}

func (e *emitter) give(v *Value, next *int) {
	if _, there := e.slots[v]; v.Block != nil && !there {
		e.slots[v] = *next
		*next++
	}
}

func (e *emitter) exit(x *Exit, more int, next *int) {
	if x == nil {
		return
	}
	e.height = max(e.height, len(x.Stack)+more)
	for _, v := range x.Stack {
		e.give(v, next)
	}
}

// cut shares out the blocks.
func (e *emitter) cut() {
	part, nodes := 0, 0
	for _, b := range e.f.Blocks {
		n := len(b.Values) + 4
		if nodes > 0 && nodes+n > partNodes {
			part, nodes = part+1, 0
		}
		nodes += n
		e.part[b] = part
	}
}

// function writes some blocks.
func (e *emitter) function(n int, blocks []*Block) string {
	e.text.Reset()
	e.tails, e.dear, e.leaves = e.tails[:0], false, false
	for _, b := range blocks {
		e.block(b)
	}
	badJump := e.tail("return rt_bad_jump(e);")
	for i, tail := range e.tails {
		e.line("t%d: %s", i, tail)
	}
	if e.dear {
		e.line("unpaid: if (paid == FAILED) return HALTED;")
	}
	if e.dear || e.leaves {
		e.line("leave: return rt_unpaid(e, m, w, %s_lists + n, %s_words);", e.name, e.name)
	}
	body := e.text.String()
	e.text.Reset()
	e.line("COMPILED_FN u32 %s_%d(Evm& e, Machine& m, u256* w, u32 at) {", e.name, n)
	if e.leaves || e.dear {
		e.line("  u32 n;")
	}
	if e.dear {
		e.line("  u32 paid;")
	}
	e.line("  switch (at) {")
	for _, b := range blocks {
		if e.isEntry(b) {
			e.line("  case %d: goto b%d;", b.number, b.ID)
		}
	}
	e.line("  }\n  %s", badJump)
	return e.text.String() + body + "}\n"
}

// tail is the way to an end that a function has once, however many blocks end so: of each
// call compilers make text, and of most contracts' blocks every other one reverts.
func (e *emitter) tail(text string) string {
	i := slices.Index(e.tails, text)
	if i < 0 {
		i = len(e.tails)
		e.tails = append(e.tails, text)
	}
	return fmt.Sprintf("goto t%d;", i)
}

// isEntry: a block is entered from another function.
func (e *emitter) isEntry(b *Block) bool {
	if b.isEntry() {
		return true
	}
	for _, p := range b.Preds {
		if e.part[p.From] != e.part[b] {
			return true
		}
	}
	return false
}

// main writes the function that goes from part to part.
func (e *emitter) main(parts int) string {
	e.text.Reset()
	e.line("COMPILED_FN u32 %s(Evm& e, Machine& m) {\n  u256 w[%d];\n  u32 way;", e.name, e.places+1)
	e.line("  switch (m.pc) {")
	e.line("  case 0:\n    if (!room(e, m, %d)) return LEAVES;\n    way = %s;\n    break;", e.height, e.goes(e.f.Blocks[0]))
	for _, b := range e.f.Blocks {
		if n := e.resume[b]; n != 0 {
			list := []int{len(b.Params)}
			for _, p := range b.Params {
				list = append(list, p.Slot, e.slots[p])
			}
			e.line("  case %d:\n    rt_resume(e, m, w, %s);\n    way = %s;\n    break;", n, e.list(list), e.goes(b))
		}
	}
	e.line("  default: return rt_bad_jump(e);\n  }\n  for (;;) switch (way >> 16) {")
	for i := range parts {
		e.line("  case GOES >> 16 | %d: way = %s_%d(e, m, w, way & 0xffff); break;", i, e.name, i)
	}
	e.line("  default: return way;\n  }\n}")
	return e.text.String()
}

// goes is the way to a block.
func (e *emitter) goes(b *Block) string { return fmt.Sprintf("GOES + %#x", e.part[b]<<16|b.number) }

// list puts numbers into the table of lists, and says where.
func (e *emitter) list(numbers []int) string {
	return fmt.Sprintf("%s_lists + %d", e.name, e.enter(numbers))
}

func (e *emitter) enter(numbers []int) (at int) {
	at = e.at
	for _, n := range numbers {
		e.lists = append(e.lists, fmt.Sprint(n))
	}
	e.at += len(numbers)
	return at
}

// source is where a list's reader finds a word: a place in memory, or a constant.
func (e *emitter) source(v *Value) int {
	if v.Op != OpConst {
		n := e.slots[v] << 2
		if isNarrow(v) {
			n |= 1
		}
		return n
	}
	return e.pooled(v)<<2 | 2
}

// pooled is where a constant is among the contract's.
func (e *emitter) pooled(v *Value) int {
	at, there := e.words[v]
	if !there {
		at = len(e.pool)
		e.words[v] = at
		e.pool = append(e.pool, v)
	}
	return at
}

// tables are the lists and constants that the functions name.
func (e *emitter) tables() string {
	words := make([]string, 0, len(e.pool)+1)
	for _, v := range e.pool {
		words = append(words, braces(v))
	}
	words = append(words, "{{0, 0, 0, 0}}")
	return fmt.Sprintf("CONST_TABLE u32 %s_lists[] = {%s};\nCONST_TABLE u256 %s_words[] = {%s};\n",
		e.name, strings.Join(append(e.lists, "0"), ","), e.name, strings.Join(words, ", "))
}

func (e *emitter) block(b *Block) {
	e.b = b
	e.line("b%d: {", b.ID)
	for _, v := range b.Values {
		e.value(v)
	}
	e.end(b)
	e.line("}")
}
