package device_test

import (
	"testing"

	"github.com/gpuevm/gpuevm/bench/workload"
	"github.com/gpuevm/gpuevm/gpuevm/device"
)

// TestCompiledWorkloads runs the workloads with every code compiled before it runs, and
// compares with go-ethereum.
func TestCompiledWorkloads(t *testing.T) {
	for _, name := range workload.Names() {
		t.Run(name, func(t *testing.T) {
			runWorkload(t, name, func(tb testing.TB, o device.Options) *device.Engine {
				o.Compile = device.Compile{Mode: device.CompileAlways, Wait: true}
				return device.OpenHost(tb, o)
			})
		})
	}
}
