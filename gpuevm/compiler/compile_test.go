package compiler

import (
	"errors"
	"testing"
	"time"

	"github.com/gpuevm/gpuevm/gpuevm/opcode"
)

func TestRealCodes(t *testing.T) {
	codes := realCodes(t)
	start := time.Now()
	var size, values, after, ineligible int
	var sum Notes
	counts := map[string]int{}
	for i, code := range codes {
		if i%16 != 0 {
			continue
		}
		f, err := Compile(code, Options{Revision: opcode.Osaka, Check: true})
		var refused *Ineligible
		if errors.As(err, &refused) {
			ineligible++
			continue
		}
		if err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		size += len(code)
		values += f.Notes.Values
		after += f.count()
		sum.Blocks += f.Notes.Blocks
		sum.Places += f.Notes.Places
		sum.Jumps += f.Notes.Jumps
		sum.OpenJumps += f.Notes.OpenJumps
		sum.Leaves += f.Notes.Leaves
		for k, n := range f.Notes.Counts {
			counts[k] += n
		}
	}
	t.Logf("%v", counts)
	t.Logf("%d bytes in %v: %d ineligible, values %d -> %d, %+v", size, time.Since(start), ineligible, values, after, sum)
}
