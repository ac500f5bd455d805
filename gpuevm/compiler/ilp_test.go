package compiler

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gpuevm/gpuevm/gpuevm/opcode"
)

func compiled(t *testing.T, text string, order Order) *Func {
	t.Helper()
	code, err := assemble(text)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Compile(code, Options{Revision: opcode.Osaka, Check: true, Order: order})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// twoChains are independent until the end.
const twoChains = `
	0 CALLDATALOAD DUP1 MUL DUP1 MUL DUP1 MUL DUP1 MUL
	32 CALLDATALOAD DUP1 MUL DUP1 MUL DUP1 MUL DUP1 MUL
	XOR 0 SSTORE STOP`

func TestILPOfTwoChains(t *testing.T) {
	r := compiled(t, twoChains, Parallel).MeasureILP()
	m := r.Blocks[0].Measures
	load, mul, xor, store := CostOf(0x35).Latency, CostOf(0x02).Latency, CostOf(0x18).Latency, CostOf(0x55).Latency
	section, stop := CostOf(OpSection).Latency, CostOf(jump).Latency
	want := Form{Ops: 14, Work: 2*load + 8*mul + xor + store + section + stop, Span: load + 4*mul + xor + store + stop}
	want.close()
	if m.SSA != want {
		t.Errorf("SSA %+v, want %+v", m.SSA, want)
	}
	if m.Stack.Ops != 24 {
		t.Errorf("stack form of %d instructions", m.Stack.Ops)
	}
	if m.Budget.Span >= m.Program.Span || m.Budget.Span < m.SSA.Span || m.Stack.Span < m.SSA.Span {
		t.Errorf("spans: stack %d, SSA %d, scheduled %d, program order %d", m.Stack.Span, m.SSA.Span, m.Budget.Span, m.Program.Span)
	}
	sum := 0
	for _, cycles := range m.Path {
		sum += cycles
	}
	if sum != m.SSA.Span {
		t.Errorf("the path takes %d cycles of %d: %v", sum, m.SSA.Span, m.Path)
	}
}

// TestStackFormIsSerial: a slot that is used again is waited for, though the values are
// independent.
func TestStackFormIsSerial(t *testing.T) {
	m := compiled(t, "0 CALLDATALOAD POP 32 CALLDATALOAD POP 64 CALLDATALOAD 0 SSTORE STOP", Parallel).MeasureILP().Whole
	if load := CostOf(0x35).Latency; m.Stack.Span < load+CostOf(0x55).Latency || m.SSA.Ops != 4 {
		t.Errorf("%+v", m)
	}
}

// TestScheduleKeepsItsBudget: a wide sum of products would keep all products alive.
func TestScheduleKeepsItsBudget(t *testing.T) {
	var text strings.Builder
	text.WriteString("0")
	for range 60 {
		text.WriteString(" CALLDATASIZE CALLDATALOAD DUP1 MUL ADD")
	}
	text.WriteString(" 0 SSTORE STOP")
	f := compiled(t, text.String(), Parallel)
	p := f.pressure()
	for _, budget := range []int{4, 8, RegisterWords} {
		g := newGraph(f, f.Blocks[0])
		if most := mostAlive(g, p, g.parallel(p, budget)); most > budget+1 {
			t.Errorf("with %d words %d are alive", budget, most)
		}
	}
}

// mostAlive is how many words of a block are alive at once.
func mostAlive(g *graph, p *pressure, order []int32) (most int) {
	last := map[*Value]int{}
	for n, i := range order {
		for _, a := range g.values[i].Args {
			last[a] = n
		}
	}
	alive := map[*Value]bool{}
	for n, i := range order {
		v := g.values[i]
		for _, a := range v.Args {
			if last[a] == n && !p.outside[a.ID] {
				delete(alive, a)
			}
		}
		if v.IsWord() && (last[v] > 0 || p.outside[v.ID]) {
			alive[v] = true
		}
		most = max(most, len(alive))
	}
	return most
}

const dispatcher = `
	4 CALLDATASIZE LT @none JUMPI
	0 CALLDATALOAD 224 SHR
	DUP1 0xa9059cbb EQ @transfer JUMPI
	DUP1 0x70a08231 EQ @balance JUMPI
:none 0 0 REVERT
:transfer 1 0 SSTORE @shared JUMP
:balance 0 SLOAD 0 MSTORE @shared JUMP
:shared 32 0 RETURN`

func TestFunctions(t *testing.T) {
	f := compiled(t, dispatcher, Parallel)
	var names []string
	for _, fn := range f.Functions() {
		names = append(names, fn.Name())
		if fn.Name() != "other" && len(fn.Blocks) < 2 {
			t.Errorf("%s has %d blocks", fn.Name(), len(fn.Blocks))
		}
	}
	if got := strings.Join(names, " "); got != "0xa9059cbb 0x70a08231 other" {
		t.Errorf("functions %s", got)
	}
}

func TestReportIsJSON(t *testing.T) {
	f := compiled(t, dispatcher, Parallel)
	text, err := json.Marshal(f.MeasureILP())
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"selector":"0xa9059cbb"`, `"stack":{"ops":`, `"path":{`, `"openJumps":0`} {
		if !strings.Contains(string(text), part) {
			t.Errorf("no %s in %s", part, text)
		}
	}
	nodes, err := f.Graph(f.Blocks[0].ID)
	if err != nil || len(nodes) != len(f.Blocks[0].Values) {
		t.Errorf("graph: %v %v", nodes, err)
	}
	if _, err := f.Graph(-1); err == nil {
		t.Error("a graph of no block")
	}
}

func TestDOT(t *testing.T) {
	dot := compiled(t, dispatcher, Parallel).DOT()
	for _, part := range []string{"digraph contract {", "peripheries=2", "[label=yes]", "revert"} {
		if !strings.Contains(dot, part) {
			t.Errorf("no %s in %s", part, dot)
		}
	}
}

// TestOrdersDiffer: the twin is the program's order.
func TestOrdersDiffer(t *testing.T) {
	if a, b := compiled(t, twoChains, Parallel).String(), compiled(t, twoChains, Program).String(); a == b {
		t.Error("the schedule changed nothing")
	}
}
