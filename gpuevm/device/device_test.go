package device

import (
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
	t.Log(e.Stats())
}
