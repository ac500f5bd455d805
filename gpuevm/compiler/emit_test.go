package compiler

import (
	"errors"
	"slices"
	"testing"

	"github.com/gpuevm/gpuevm/gpuevm/opcode"
)

// TestEmitRealCodes: nearly all real contracts become text of a size that compilers take.
func TestEmitRealCodes(t *testing.T) {
	codes := realCodes(t)
	reasons := map[string]int{}
	var perByte []float64
	tried, refusedCount, slots := 0, 0, 0
	for i := 0; i < len(codes); i += everyNth(20) {
		if len(codes[i]) == 0 {
			continue
		}
		tried++
		var refused *Ineligible
		f, err := Compile(codes[i], Options{Revision: opcode.Osaka})
		var text string
		if err == nil {
			text, err = f.Emit("contract", DefaultText)
		}
		if errors.As(err, &refused) {
			reasons[refused.Reason]++
			refusedCount++
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		perByte = append(perByte, float64(len(text))/float64(len(codes[i])))
		e := &emitter{f: f, slots: map[*Value]int{}, resume: map[*Block]int{}}
		e.survey()
		slots = max(slots, e.places)
	}
	slices.Sort(perByte)
	t.Logf("%d codes, %d ineligible %v; %.0f bytes of text a byte of code, at most %.0f; at most %d words in memory",
		tried, refusedCount, reasons, perByte[len(perByte)/2], perByte[len(perByte)-1], slots)
	if refusedCount*100 > tried {
		t.Errorf("%d of %d ineligible: %v", refusedCount, tried, reasons)
	}
}

// TestEmitEveryOp: each opcode that computes something has its function.
func TestEmitEveryOp(t *testing.T) {
	for op, fact := range opcode.Facts(opcode.Osaka) {
		if !fact.Defined || op == int(jumpdest) || op == int(jump) || op == int(jumpi) {
			continue
		}
		var code []byte
		for range fact.Pops {
			code = append(code, 0x5f, 0x35) // what is unknown is not folded
		}
		code = append(code, byte(op))
		if fact.Pushes == 1 {
			code = append(code, 0x5f, 0x55)
		}
		f, err := Compile(append(code, 0x5a, 0x5f, 0x55), Options{Revision: opcode.Osaka})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Emit("contract", DefaultText); err != nil {
			t.Errorf("%x: %v", code, err)
		}
	}
	e := &emitter{}
	if e.computed(&Value{Op: 0x0c}); e.fault == nil {
		t.Error("an opcode that is none has a function")
	}
}

// TestEmitLimit: text ends at its limit.
func TestEmitLimit(t *testing.T) {
	f, err := Compile([]byte{0x5f, 0x35, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3}, Options{Revision: opcode.Osaka})
	if err != nil {
		t.Fatal(err)
	}
	var refused *Ineligible
	if text, err := f.Emit("contract", 100); !errors.As(err, &refused) {
		t.Error(len(text), err)
	}
}
