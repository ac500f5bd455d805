package device_test

import (
	"context"
	"os"
	"strconv"
	"testing"

	"github.com/gpuevm/gpuevm/bench/workload"
	"github.com/gpuevm/gpuevm/fallback"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/gpuevm/cuda"
	"github.com/gpuevm/gpuevm/gpuevm/device"
)

// TestCompiledWorkloads runs the workloads with every code compiled before it runs, and
// compares with go-ethereum.
func TestCompiledWorkloads(t *testing.T) {
	names := workload.Names()
	if testing.Short() {
		names = []string{"erc20"} // the others' codes take a minute to compile
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			runWorkload(t, name, compiledOn(device.OpenHost, name))
		})
	}
}

// TestGPUCompiledWorkloads does so on a GPU.
func TestGPUCompiledWorkloads(t *testing.T) {
	for _, name := range workload.Names() {
		t.Run(name, func(t *testing.T) { runWorkload(t, name, compiledOn(device.OpenGPU, name)) })
	}
}

func compiledOn(open opener, workload string) opener {
	return func(tb testing.TB, o device.Options) *device.Engine {
		o.Compile = device.Compile{Mode: device.CompileAlways, Wait: true, Workers: 2}
		e := open(tb, o)
		tb.Cleanup(func() {
			if s := e.Stats(); (s.Compiled == 0) != (workload == "transfer") || s.NotCompiled > 0 || s.Faults > 0 {
				tb.Errorf("%d codes compiled, %d failed, %d faults", s.Compiled, s.NotCompiled, s.Faults)
			}
		})
		return e
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

// linkless is a device that can't link texts.
type linkless struct{ cuda.Device }

func (d linkless) Compile(base, source, text string) (*cuda.Object, error) {
	return nil, cuda.ErrNoLinker
}

// TestNotCompiled: what can't be compiled is interpreted, and counted by why.
func TestNotCompiled(t *testing.T) {
	for name, c := range map[string]struct {
		compile            device.Compile
		ineligible, failed int64
		withoutLinker      bool
	}{
		"a text over its limit": {compile: device.Compile{Mode: device.CompileAlways, Wait: true, Text: 100}, ineligible: 1},
		"no linker":             {compile: device.Compile{Mode: device.CompileAlways, Wait: true}, failed: 1, withoutLinker: true},
		"never":                 {},
		"not often enough":      {compile: device.Compile{Mode: device.CompileAuto, Wait: true, After: 1000}},
	} {
		t.Run(name, func(t *testing.T) {
			dev, err := cuda.OpenHost()
			if err != nil {
				t.Skip(err)
			}
			if c.withoutLinker {
				dev = linkless{dev}
			}
			e, err := device.New(dev, device.Options{CPU: fallback.New(0), SpotCheck: 1, Compile: c.compile})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			env, txs, mem := erc20(t, 50)
			for range 2 {
				results, err := e.Execute(context.Background(), env, txs, mem)
				if err != nil || results[49].Status != gpuevm.Success {
					t.Fatal(err, results[49].Status)
				}
			}
			s := e.Stats()
			if s.Compiled != 0 || s.Ineligible != c.ineligible || s.NotCompiled != c.failed || s.OnDevice != 100 {
				t.Error(s)
			}
		})
	}
}

// TestCompileAuto: a code is compiled when it has run so often, and not before.
func TestCompileAuto(t *testing.T) {
	e := openHost(t, device.Options{SpotCheck: 1, Compile: device.Compile{Mode: device.CompileAuto, Wait: true, After: 200}})
	env, txs, mem := erc20(t, 50)
	for i, compiled := range []int64{0, 0, 1, 1} { // 150 runs, since it misses twice; 200; then it is swapped in
		if _, err := e.Execute(context.Background(), env, txs, mem); err != nil {
			t.Fatal(err)
		}
		if s := e.Stats(); s.Compiled != compiled || s.Faults != 0 {
			t.Errorf("after batch %d: %v", i, s)
		}
	}
}
