package cuda_test

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/gpuevm/gpuevm/gpuevm/cuda"
	"github.com/gpuevm/gpuevm/kernels"
)

// needNVRTC skips where NVRTC is not installed; GPUEVM_REQUIRE_NVRTC makes that an error.
func needNVRTC(t *testing.T) {
	t.Helper()
	version, err := cuda.CompilerVersion()
	if errors.Is(err, cuda.ErrNoCompiler) && os.Getenv("GPUEVM_REQUIRE_NVRTC") == "" {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Log("NVRTC", version)
}

// TestCompileTests compiles the test kernels, which no image is made of.
func TestCompileTests(t *testing.T) {
	needNVRTC(t)
	sources, err := fs.Glob(kernels.Sources, "test_*.cu")
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range sources {
		ptx, err := cuda.Compile(source, "", "compute_90")
		if err != nil {
			t.Error(err)
		} else if !strings.Contains(string(ptx), ".target sm_90") {
			t.Errorf("%s: %.300s", source, ptx)
		}
	}
}

func TestCompileText(t *testing.T) {
	needNVRTC(t)
	const text = "#include \"dialect.cuh\"\nstruct A { u64 at; };\nKERNEL(k, A, 64) { if (!lane) *(u32*)a.at = lanes; }\n"
	code, err := cuda.Compile("k", text, "sm_90")
	if err != nil || !strings.HasPrefix(string(code), "\x7fELF") {
		t.Errorf("%.20q, %v", code, err)
	}
	_, err = cuda.Compile("k", "int x = nonsense;\n", "sm_90")
	if err == nil || !contains(err.Error(), "nonsense") || !contains(err.Error(), "k(1)") {
		t.Error(err)
	}
	if _, err := cuda.Compile("none.cu", "", "sm_90"); err == nil {
		t.Error("a source that is not there")
	}
}
