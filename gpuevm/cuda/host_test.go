package cuda_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gpuevm/gpuevm/gpuevm/cuda"
)

func contains(s, sub string) bool { return strings.Contains(s, sub) }

func openHost(tb testing.TB) cuda.Device {
	tb.Helper()
	dev, err := cuda.OpenHost()
	if errors.Is(err, cuda.ErrNoDevice) {
		tb.Skip(err)
	} else if err != nil {
		tb.Fatal(err)
	}
	return dev
}

func TestHost(t *testing.T) { testDevice(t, openHost) }

func TestHostWithoutCompiler(t *testing.T) {
	t.Setenv("CXX", "no-such-compiler")
	_, err := cuda.OpenHost()
	if !errors.Is(err, cuda.ErrNoDevice) || !contains(err.Error(), "C++ compiler") || !contains(err.Error(), "no-such-compiler") {
		t.Error(err)
	}
}

// TestHostCache: what is cut short or damaged is made again; what is whole is used; two that
// want the same at once get it.
func TestHostCache(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	load := func(want string) {
		t.Helper()
		r := rig{t, openHost(t)}
		defer r.Close()
		p := r.alloc(4)
		r.launch(0, "test_device_step", 1, deviceArgs{1, 7, p, 0})
		r.all(0, p, 1, 7)
		if from := r.Info().Loaded[0].From; from != want {
			t.Errorf("%s, not %s", from, want)
		}
	}
	object := func() string {
		t.Helper()
		found, err := filepath.Glob(filepath.Join(cache, "gpuevm", "*.so"))
		if err != nil || len(found) != 1 {
			t.Fatal(found, err)
		}
		return found[0]
	}
	load("compiled")
	load("cached")
	whole, err := os.ReadFile(object())
	if err != nil {
		t.Fatal(err)
	}
	for _, spoil := range []func([]byte) []byte{
		func(b []byte) []byte { return b[:len(b)/2] },
		func(b []byte) []byte { return nil },
		func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
	} {
		path := object()
		// By rename, as the other process would: a file that is mapped must not change.
		other := path + ".new"
		if err := os.WriteFile(other, spoil(append([]byte(nil), whole...)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(other, path); err != nil {
			t.Fatal(err)
		}
		load("compiled")
		load("cached")
	}
	if err := os.Remove(object()); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			dev, err := cuda.OpenHost()
			if err != nil {
				t.Error(err)
				return
			}
			defer dev.Close()
			if err := dev.Load(source, ""); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func containsAny(s, subs string) bool {
	for sub := range strings.SplitSeq(subs, "|") {
		if contains(s, sub) {
			return true
		}
	}
	return false
}
