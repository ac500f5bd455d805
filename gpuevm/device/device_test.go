package device

import (
	"errors"
	"os"
	"testing"

	"github.com/gpuevm/gpuevm/fallback"
	"github.com/gpuevm/gpuevm/gpuevm/cuda"
	"github.com/gpuevm/gpuevm/gpuevm/enginetest"
)

// open opens an engine on this machine's cores.
func open(t testing.TB, o Options) *Engine {
	dev, err := cuda.OpenHost()
	if err != nil {
		t.Skip(err)
	}
	return engineOn(t, dev, o)
}

func engineOn(t testing.TB, dev cuda.Device, o Options) *Engine {
	if o.CPU == nil {
		o.CPU = fallback.New(0)
	}
	e, err := New(dev, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func TestHost(t *testing.T) {
	e := open(t, Options{SpotCheck: 1})
	enginetest.Run(t, e)
	stood(t, e)
}

// stood: the device did the work to the end. One that is retired passes any test, for the CPU
// engine takes over.
func stood(t *testing.T, e *Engine) {
	t.Helper()
	s := e.Stats()
	t.Log(s)
	if s.Faults > 0 || s.OnDevice == 0 {
		t.Errorf("%d faults, %d executions finished on the device", s.Faults, s.OnDevice)
	}
}

// openGPU opens an engine on a GPU. Where there is none the test is skipped, unless
// GPUEVM_REQUIRE_GPU is set.
func openGPU(t testing.TB, o Options) *Engine {
	dev, err := cuda.OpenDriver(0)
	if errors.Is(err, cuda.ErrNoDevice) && os.Getenv("GPUEVM_REQUIRE_GPU") == "" {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	return engineOn(t, dev, o)
}

// TestGPU: what must hold on the host must hold on a GPU.
func TestGPU(t *testing.T) {
	e := openGPU(t, Options{SpotCheck: 1})
	enginetest.Run(t, e)
	stood(t, e)
}

// The same for the tests outside.
var (
	OpenHost = open
	OpenGPU  = openGPU
)
