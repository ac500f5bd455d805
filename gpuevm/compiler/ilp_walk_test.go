package compiler

import (
	"math/rand"
	"testing"

	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/core/vm/runtime"
	"github.com/gpuevm/gpuevm/gpuevm/opcode"
)

// followed runs a code in go-ethereum and follows it. Its own calls are not.
func followed(t *testing.T, text string, gas uint64, input ...byte) (*Runs, *Func) {
	t.Helper()
	code, err := assemble(text)
	if err != nil {
		t.Fatal(err)
	}
	c, f, _, err := NewCourse(code, Options{Revision: opcode.Osaka, Check: true}, RegisterWords)
	if err != nil {
		t.Fatal(err)
	}
	runs := c.NewRuns()
	walk := runs.Begin()
	hooks := &tracing.Hooks{OnOpcode: func(pc uint64, _ byte, _, _ uint64, _ tracing.OpContext, _ []byte, depth int, _ error) {
		if depth == 1 {
			walk.Step(int(pc))
		}
	}}
	_, _, _ = runtime.Execute(code, input, &runtime.Config{GasLimit: gas, EVMConfig: vm.Config{Tracer: hooks}}) // failing is fine
	walk.End()
	if int(runs.Steps) != runs.Stack.Ops {
		t.Errorf("%d steps, the stack form has %d operations", runs.Steps, runs.Stack.Ops)
	}
	if got := runs.Path.Total() + runs.Left.Span; got != runs.SSA.Span || runs.Lost > 0 {
		t.Errorf("the path takes %d of %d cycles; %d frames lost", got, runs.SSA.Span, runs.Lost)
	}
	return runs, f
}

const countdown = `5
:again 1 SWAP1 SUB DUP1 @again JUMPI
STOP`

func TestFollowLoop(t *testing.T) {
	runs, f := followed(t, countdown, 100_000)
	if want := 1 + 5*7 + 1; int(runs.Steps) != want {
		t.Errorf("%d steps, want %d", runs.Steps, want)
	}
	total := Measures{}
	for i, b := range f.MeasureILP().Blocks {
		for range runs.Counts[i] {
			total.add(&b.Measures)
		}
		if b.PC == 2 && runs.Counts[i] != 5 {
			t.Errorf("the loop ran %d times", runs.Counts[i])
		}
	}
	if total != runs.Measures || runs.Left.Ops != 0 {
		t.Errorf("blocks sum up to %+v, the runs have %+v", total, runs.Measures)
	}
}

// TestFollowOutOfGas: the section that can't be paid is the interpreter's, up to where the
// gas ends.
func TestFollowOutOfGas(t *testing.T) {
	whole, _ := followed(t, countdown, 100_000)
	left := 0
	for gas := uint64(1); gas < 200; gas++ {
		runs, _ := followed(t, countdown, gas)
		if runs.Left.Ops > 0 {
			left++
		}
		if runs.Steps > whole.Steps {
			t.Fatalf("with %d gas %d steps", gas, runs.Steps)
		}
	}
	if left == 0 {
		t.Error("nothing was left to the interpreter")
	}
}

// TestFollowMerged: a finished block ran when the last of those that it was made of did.
func TestFollowMerged(t *testing.T) {
	runs, f := followed(t, `0 CALLDATALOAD @a JUMPI @b JUMP
:a @c JUMP
:b 1 2 ADD POP @c JUMP
:c 0 0 LOG0 STOP`, 100_000)
	last := 0
	for _, l := range runs.course.legs {
		if l.last {
			last++
		}
	}
	if last != len(f.Blocks) || len(f.Blocks) >= len(runs.course.legs) || runs.Left.Ops != 0 {
		t.Errorf("%d legs, %d of them last, %d blocks; left: %+v", len(runs.course.legs), last, len(f.Blocks), runs.Left)
	}
	stops := 0
	for _, n := range runs.Counts {
		stops += int(n)
	}
	if stops != 3 {
		t.Errorf("%d blocks ran: %v", stops, runs.Counts)
	}
}

func TestFollowUnknownJump(t *testing.T) {
	runs, _ := followed(t, `0 CALLDATALOAD JUMP :a 1 2 ADD POP STOP`, 100_000,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3)
	if runs.Steps != 3+6 {
		t.Errorf("%d steps", runs.Steps)
	}
	runs, _ = followed(t, `0 CALLDATALOAD JUMP :a 1 2 ADD POP STOP`, 100_000) // into no JUMPDEST
	if runs.Steps != 3 || len(runs.Leaves) != 0 {
		t.Errorf("%d steps, left at %v", runs.Steps, runs.Leaves)
	}
	runs, _ = followed(t, `0xfe00 0 MSTORE INVALID`, 100_000)
	if runs.Steps != 4 {
		t.Errorf("%d steps to INVALID", runs.Steps)
	}
}

// TestFollowIneligible: all is the interpreter's, and no form is better than the stack's.
func TestFollowIneligible(t *testing.T) {
	code, _ := assemble(countdown)
	limits := DefaultLimits()
	limits.Blocks = 1
	c, f, _, err := NewCourse(code, Options{Revision: opcode.Osaka, Limits: limits}, RegisterWords)
	if err != nil || f != nil || c.Ineligible == "" {
		t.Fatal(err, f, c.Ineligible)
	}
	runs := c.NewRuns()
	w := runs.Begin()
	for _, pc := range []int{0, 2, 3, 5, 6, 7, 8, 11, 2, 3} {
		w.Step(pc)
	}
	w.End()
	if runs.Stack.Ops != 10 || runs.Stack != runs.SSA || runs.SSA != runs.Budget || runs.Left != runs.Stack {
		t.Errorf("%+v", runs.Measures)
	}
}

// TestFollowRealFunctions: every step of real code is counted once, and blocks are left for
// the interpreter only where gas ends.
func TestFollowRealFunctions(t *testing.T) {
	steps, left := uint64(0), 0
	nth := everyNth(100)
	for i, code := range realCodes(t) {
		if i%nth != 2%nth {
			continue
		}
		c, f, _, err := NewCourse(code, Options{Revision: opcode.Osaka}, RegisterWords)
		if err != nil || f == nil {
			t.Fatal(err)
		}
		rnd := rand.New(rand.NewSource(int64(i)))
		for _, fn := range f.Functions() {
			runs := c.NewRuns()
			var walk *Walk
			hooks := &tracing.Hooks{OnOpcode: func(pc uint64, _ byte, _, _ uint64, _ tracing.OpContext, _ []byte, depth int, _ error) {
				if depth == 1 {
					walk.Step(int(pc))
				}
			}}
			trial := callOf(rnd, code, fn.Selector)
			walk = runs.Begin()
			_, _, _ = runtime.Execute(code, trial.input, &runtime.Config{GasLimit: trial.gas, EVMConfig: vm.Config{Tracer: hooks}})
			walk.End()
			if int(runs.Steps) != runs.Stack.Ops || runs.Path.Total()+runs.Left.Span != runs.SSA.Span || runs.Lost > 0 {
				t.Fatalf("code %d, function %s: %d steps, %+v", i, fn.Name(), runs.Steps, runs.Measures)
			}
			steps, left = steps+runs.Steps, left+runs.Left.Ops
		}
	}
	t.Logf("%d steps, %d of them the interpreter's", steps, left)
	if steps == 0 || left*4 > int(steps) {
		t.Errorf("%d of %d steps are the interpreter's", left, steps)
	}
}
