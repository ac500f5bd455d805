package compiler

import (
	"testing"
	"time"

	"github.com/gpuevm/gpuevm/gpuevm/opcode"
)

// TestILPOfHostileCodes: measuring takes no longer than compiling may.
func TestILPOfHostileCodes(t *testing.T) {
	for name, code := range hostileCodes() {
		start := time.Now()
		for _, registers := range []int{1, RegisterWords} {
			if _, _, _, err := NewCourse(code, Options{Revision: opcode.Osaka}, registers); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if took := time.Since(start); took > 2*hostileTime {
			t.Errorf("%s took %v", name, took)
		} else if took > time.Second {
			t.Logf("%s: %v", name, took)
		}
	}
}
