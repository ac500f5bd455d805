package device_test

import (
	"os"
	"strconv"
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

// TestCompiledBlocks runs real blocks with what runs often compiled; GPUEVM_COMPILED_BLOCKS
// is how many of them.
func TestCompiledBlocks(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("GPUEVM_COMPILED_BLOCKS"))
	if err != nil {
		t.Skip("GPUEVM_COMPILED_BLOCKS is not set: compiling real contracts takes minutes")
	}
	someRealBlocks(t, openHost(t, device.Options{SpotCheck: 4, Compile: device.Compile{Mode: device.CompileAuto, After: 3, Wait: true, Workers: 2}}), n)
}
