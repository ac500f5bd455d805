package compiler

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gpuevm/gpuevm/gpuevm/opcode"
)

// heightsOf calls a helper at n heights of the stack.
func heightsOf(tb testing.TB, n int) *program {
	tb.Helper()
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "@r%d @helper JUMP :r%d GAS ", i, i)
	}
	code, err := assemble(text.String() + "STOP :helper JUMP")
	if err != nil {
		tb.Fatal(err)
	}
	return decode(code, opcode.Osaka)
}

// TestHeights: a helper is there at each height that it is called at, and returns; where that
// is more text than the limit, it is there at fewer.
func TestHeights(t *testing.T) {
	p := heightsOf(t, 100)
	f, err := analyse(p, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if n := f.unknown(); n != 0 {
		t.Errorf("%d of the jumps leave", n)
	}
	whole := f.size()
	l := DefaultLimits()
	l.Size = whole / 2
	if f, err = analyse(p, l); err != nil {
		t.Fatal(err)
	}
	if f.size() > l.Size || f.unknown() != 1 {
		t.Errorf("size %d of %d, limit %d, %d jumps leave: want the call that is at a height too many", f.size(), whole, l.Size, f.unknown())
	}
}

// TestStepsLimit: the analysis ends where it must, also where each block ends with a jump.
func TestStepsLimit(t *testing.T) {
	l := DefaultLimits()
	l.Steps = 20
	if _, err := analyse(heightsOf(t, 100), l); err == nil || err.Limit != l.Steps {
		t.Errorf("%v, want to be refused for %d steps", err, l.Steps)
	}
}
