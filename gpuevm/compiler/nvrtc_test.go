package compiler

import (
	"cmp"
	"errors"
	"os"
	"slices"
	"sort"
	"testing"
	"time"

	"github.com/gpuevm/gpuevm/gpuevm/cuda"
	"github.com/gpuevm/gpuevm/gpuevm/opcode"
)

// nvrtc compiles a contract for a GPU, to be linked with the kernels.
func nvrtc(t *testing.T, code []byte, target string) (image []byte, text string, took time.Duration) {
	t.Helper()
	f, err := Compile(code, Options{Revision: opcode.Osaka})
	if err == nil {
		text, err = f.Emit("contract0", DefaultText)
	}
	if err != nil {
		t.Fatal(err)
	}
	source := SourceOf([]string{"contract0"}, []string{text})
	start := time.Now()
	image, err = cuda.Compile("contract.cu", source, target, "--relocatable-device-code=true")
	if errors.Is(err, cuda.ErrNoCompiler) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	return image, text, time.Since(start)
}

func TestNVRTC(t *testing.T) {
	code, err := assemble("0 :loop DUP1 DUP1 SSTORE 1 ADD DUP1 CALLDATASIZE GT @loop JUMPI STOP")
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"compute_80", "sm_90"} {
		image, _, took := nvrtc(t, code, target)
		t.Logf("%s: %d bytes in %v", target, len(image), took)
	}
}

// TestNVRTCRealCodes compiles real contracts of several sizes. It runs where GPUEVM_SPEED is
// set, since it takes long.
func TestNVRTCRealCodes(t *testing.T) {
	if os.Getenv("GPUEVM_SPEED") == "" {
		t.Skip("GPUEVM_SPEED is not set")
	}
	codes := realCodes(t)
	slices.SortFunc(codes, func(a, b []byte) int { return cmp.Compare(len(a), len(b)) })
	for _, size := range []int{1000, 3000, 10_000} {
		code := codes[sort.Search(len(codes), func(i int) bool { return len(codes[i]) >= size })]
		image, text, took := nvrtc(t, code, "sm_90")
		t.Logf("a code of %5d bytes: text of %7d, machine code of %7d, %v", len(code), len(text), len(image), took)
	}
}
