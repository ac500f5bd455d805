package compiler

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gpuevm/gpuevm/gpuevm/opcode"
)

// square pushes the square of a word of the input.
func square(offset int) string { return fmt.Sprintf("%d CALLDATALOAD DUP1 MUL ", offset) }

// TestILPByHand: four squares, then a tree of sums.
func TestILPByHand(t *testing.T) {
	text := square(0) + square(32) + square(64) + square(96) + "ADD SWAP2 ADD ADD 0 SSTORE STOP"
	m := compiled(t, text, Parallel).MeasureILP().Whole
	load, mul, add := CostOf(0x35).Latency, CostOf(0x02).Latency, CostOf(0x01).Latency
	store, end, section := CostOf(0x55).Latency, CostOf(stop).Latency, CostOf(OpSection).Latency
	want := Form{Ops: 1 + 4 + 4 + 3 + 1 + 1, Work: section + 4*load + 4*mul + 3*add + store + end, Span: load + mul + 2*add + store + end}
	want.close()
	if m.SSA != want {
		t.Errorf("SSA %+v, want %+v", m.SSA, want)
	}
	path := Path{ClassU256: mul + 2*add, ClassFacts: load, ClassStorage: store, ClassControl: end}
	if m.Path != path {
		t.Errorf("path %v, want %v", m.Path, path)
	}
	push, dup := CostOf(push0+1).Latency, CostOf(dup1).Latency
	stack := 4*(push+load+dup+mul) + 3*add + CostOf(swap1).Latency + push + store + end
	if m.Stack.Work != stack || m.Stack.Ops != 4*4+4+1+1+1 {
		t.Errorf("stack form %+v, want %d cycles of work", m.Stack, stack)
	}
}

// TestStackFormByHand: two words, their sum, dropped. The second PUSH waits a cycle for the
// stack pointer; STOP comes when all else is done.
func TestStackFormByHand(t *testing.T) {
	m := compiled(t, "CALLDATASIZE CALLER ADD POP STOP", Parallel).MeasureILP().Whole
	fact, add := CostOf(0x36).Latency, CostOf(0x01).Latency
	if want := 1 + fact + add + CostOf(stop).Latency; m.Stack.Span != want || m.Stack.Ops != 5 {
		t.Errorf("%+v, want a span of %d", m.Stack, want)
	}
}

// TestSpillsByHand: three words alive at once, used in the order in which they were made,
// the last first.
func TestSpillsByHand(t *testing.T) {
	f := compiled(t, "0 CALLDATALOAD 32 CALLDATALOAD 64 CALLDATALOAD ADD ADD 0 SSTORE STOP", Program)
	g := newGraph(f, f.Blocks[0])
	l := g.lives(f.pressure())
	order := f.inProgramOrder(f.Blocks[0], g)
	for registers, spills := range map[int]int{2: 1, 3: 0, 24: 0} {
		r := l.run(order, registers)
		if r.spills != spills || r.alive != 3 {
			t.Errorf("with %d registers %d of %d words spilled, want %d", registers, r.spills, r.alive, spills)
		}
		free, _ := g.cycles(order)
		if spills == 0 && r.cycles != free || r.cycles < free {
			t.Errorf("with %d registers %d cycles, without limit %d", registers, r.cycles, free)
		}
	}
}

// TestILPOfRealCodes holds what must be true of any block.
func TestILPOfRealCodes(t *testing.T) {
	nth, blocks := everyNth(40), 0
	for i, code := range realCodes(t) {
		if i%nth != 3%nth {
			continue
		}
		f, err := Compile(code, Options{Revision: opcode.Osaka})
		if err != nil {
			continue
		}
		for _, registers := range []int{4, RegisterWords} {
			r := f.MeasureILPUnder(registers)
			for j, b := range r.Blocks {
				if bad := impossible(f.Blocks[j], &b.Measures); bad != "" {
					t.Fatalf("code %d, b%d, %d registers: %s: %+v", i, b.ID, registers, bad, b.Measures)
				}
				blocks++
			}
		}
	}
	t.Logf("%d blocks", blocks)
}

func impossible(b *Block, m *Measures) string {
	longest := endOf(b).Latency
	for _, v := range b.Values {
		longest = max(longest, CostOf(v.Op).Latency)
	}
	switch {
	case m.SSA.Span > m.SSA.Work || m.Stack.Span > m.Stack.Work:
		return "a span above the work"
	case m.SSA.ILP < 1 || m.Stack.ILP < 1:
		return "an ILP below 1"
	case m.SSA.Span < longest:
		return fmt.Sprintf("a span below a latency of %d", longest)
	case m.Budget.Span < m.SSA.Span || m.Program.Span < m.Budget.Span:
		return "fewer means, less time"
	case m.Path.Total() != m.SSA.Span:
		return "a path that is not the span"
	}
	return ""
}

func TestPlan(t *testing.T) {
	f := compiled(t, twoChains, Parallel)
	plan, err := f.Plan(f.Blocks[0].ID, RegisterWords)
	if err != nil {
		t.Fatal(err)
	}
	m := f.MeasureILP().Whole
	end := CostOf(stop).Latency
	if plan.Cycles+end != m.Budget.Span || plan.Span+end != m.SSA.Span || plan.Spills != 0 || len(plan.Nodes) != len(f.Blocks[0].Values) {
		t.Errorf("%+v is not %+v", plan, m)
	}
	starts := map[int]int{}
	for _, n := range plan.Nodes {
		starts[n.ID] = n.Start
	}
	for _, n := range plan.Nodes {
		for _, id := range n.Needs {
			if starts[id] >= n.Start {
				t.Errorf("v%d begins at %d, v%d, which it needs, at %d", n.ID, n.Start, id, starts[id])
			}
		}
	}
	if _, err := f.Plan(-1, 1); err == nil {
		t.Error("a plan of no block")
	}
}

func TestListings(t *testing.T) {
	f := compiled(t, dispatcher, Parallel)
	for text, parts := range map[string][]string{
		f.Listing():               {"b1 height 0\n  0x0000  PUSH1 0x4\n", "PUSH4 0xa9059cbb\n", "  branch -> b", "  revert\n"},
		f.Schedule(RegisterWords): {"b1 @0x0: ", " words alive, 0 spilled\n", " * v", "calldatasize"},
	} {
		for _, part := range parts {
			if !strings.Contains(text, part) {
				t.Errorf("no %q in\n%s", part, text)
			}
		}
	}
}
