package kernels_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gpuevm/gpuevm/kernels"
)

// TestImages fails when an image is missing or a source has changed since it was made.
func TestImages(t *testing.T) {
	sources, err := fs.Glob(kernels.Sources, "*.cu")
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range sources {
		for _, target := range kernels.Targets {
			if strings.HasPrefix(source, "test_") {
				continue
			}
			if _, err := kernels.Image(source, target); err != nil {
				t.Errorf("%s %s: %v (make ptx)", source, target, err)
			}
		}
	}
}

// TestHash: a change of a header changes what includes it, at whatever depth, and nothing else.
func TestHash(t *testing.T) {
	hash := func(source, text string, more ...string) string {
		t.Helper()
		h, err := kernels.Hash(source, text, more...)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	plain := hash("a", "int x;\n")
	for what, other := range map[string]string{
		"another text":   hash("a", "int y;\n"),
		"an include":     hash("a", "#include \"dialect.cuh\"\nint x;\n"),
		"another option": hash("a", "int x;\n", "-O3"),
	} {
		if plain == other {
			t.Errorf("%s makes no difference", what)
		}
	}
	if plain != hash("a", "int x;\n") {
		t.Error("the same twice differs")
	}
	if hash("test_device.cu", "") == hash("table.cu", "") {
		t.Error("two files are the same")
	}
	if _, err := kernels.Hash("a", "#include \"none.cuh\"\n"); err == nil {
		t.Error("a header that is not there")
	}
}

func TestPack(t *testing.T) {
	image := []byte(strings.Repeat("mov.u32 %r1, %r2;\n\x00", 1000))
	a, err := kernels.Pack(image, "hash")
	if err != nil {
		t.Fatal(err)
	}
	b, _ := kernels.Pack(image, "hash")
	if string(a) != string(b) {
		t.Error("packing twice gives two results")
	}
	back, hash, err := kernels.Unpack(a)
	if err != nil || string(back) != string(image) || hash != "hash" {
		t.Error(len(back), hash, err)
	}
	for _, spoilt := range [][]byte{nil, a[:len(a)/2], append([]byte("x"), a...)} {
		if _, _, err := kernels.Unpack(spoilt); err == nil {
			t.Error("a damaged image was unpacked")
		}
	}
}

// TestMoreImages: GPUEVM_IMAGES adds images, if they are of these sources.
func TestMoreImages(t *testing.T) {
	const source, target = "test_device.cu", "compute_80"
	t.Setenv("GPUEVM_IMAGES", "")
	if _, err := kernels.Image(source, target); !errors.Is(err, kernels.ErrNoImage) {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Setenv("GPUEVM_IMAGES", dir)
	hash, err := kernels.ImageHash(source)
	if err != nil {
		t.Fatal(err)
	}
	put := func(hash string) {
		packed, err := kernels.Pack([]byte("ptx"), hash)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, kernels.ImageName(source, target)), packed, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	put(hash)
	if image, err := kernels.Image(source, target); string(image) != "ptx" {
		t.Error(image, err)
	}
	put("of something else")
	if _, err := kernels.Image(source, target); !errors.Is(err, kernels.ErrNoImage) {
		t.Error(err)
	}
}

// TestNoVariables: kernels have no variables of their own but constants. What is linked at run
// time takes the place of another module, with which they would be lost (gpuevm/cuda, gpu_link.go).
func TestNoVariables(t *testing.T) {
	sources, err := fs.Glob(kernels.Sources, "*.cu*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range sources {
		text, err := kernels.Sources.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for n, line := range strings.Split(string(text), "\n") {
			for _, word := range []string{"__device__", "__constant__", "__managed__", "__shared__"} {
				if strings.Contains(line, word) && name != "dialect.cuh" { // whose words for it are constant, or functions
					t.Errorf("%s:%d: %s", name, n+1, line)
				}
			}
		}
	}
	if dialect, _ := kernels.Sources.ReadFile("dialect.cuh"); !strings.Contains(string(dialect), "#define CONST_TABLE static __device__ const\n") {
		t.Error("a CONST_TABLE is not constant")
	}
}
