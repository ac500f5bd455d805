package compiler_test

import (
	"errors"
	"testing"
	"time"

	"github.com/gpuevm/gpuevm/gpuevm/compiler"
	"github.com/gpuevm/gpuevm/gpuevm/cuda"
	"github.com/gpuevm/gpuevm/gpuevm/opcode"
)

// TestNVRTC compiles contracts for a GPU, to be linked with the kernels.
func TestNVRTC(t *testing.T) {
	// A loop that stores what it counts: PUSH0 JUMPDEST DUP1 DUP1 SSTORE PUSH1 1 ADD DUP1
	// CALLDATASIZE GT PUSH1 1 JUMPI STOP.
	code := []byte{0x5f, 0x5b, 0x80, 0x80, 0x55, 0x60, 1, 0x01, 0x80, 0x36, 0x11, 0x60, 1, 0x57, 0x00}
	f, err := compiler.Compile(code, compiler.Options{Revision: opcode.Osaka})
	if err != nil {
		t.Fatal(err)
	}
	text, err := f.Emit("contract0", compiler.DefaultText)
	if err != nil {
		t.Fatal(err)
	}
	source := compiler.SourceOf([]string{"contract0"}, []string{text})
	for _, target := range []string{"compute_80", "sm_90"} {
		start := time.Now()
		image, err := cuda.Compile("contract.cu", source, target, "--relocatable-device-code=true")
		if errors.Is(err, cuda.ErrNoCompiler) {
			t.Skip(err)
		} else if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes in %v", target, len(image), time.Since(start))
	}
}
