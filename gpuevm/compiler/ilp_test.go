package compiler

import (
	"testing"

	"github.com/gpuevm/gpuevm/gpuevm/opcode"
)

func TestILPOfRealCodes(t *testing.T) {
	var whole Measures
	functions, named := 0, 0
	for i, code := range realCodes(t) {
		if i%32 != 0 {
			continue
		}
		f, err := Compile(code, Options{Revision: opcode.Osaka})
		if err != nil {
			continue
		}
		r := f.MeasureILP()
		whole.add(&r.Whole)
		functions += len(r.Functions)
		if len(r.Functions) > 1 {
			named++
		}
	}
	t.Logf("%d functions, %d contracts with names; %+v", functions, named, whole)
}
