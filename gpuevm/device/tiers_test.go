package device

import (
	"cmp"
	"context"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gpuevm/gpuevm/gpuevm/enginetest"
)

// compileSeen compiles those of the codes that an engine has run that are chosen, many to a
// unit, and always the same together: then the units are in the compiler's cache next time.
func compileSeen(t *testing.T, e *Engine, chosen func(codeKey) bool) {
	m := e.machine
	m.mu.Lock()
	defer m.mu.Unlock()
	keys := slices.SortedFunc(maps.Keys(m.tiers.codes), func(a, b codeKey) int {
		return cmp.Or(a.hash.Cmp(b.hash), cmp.Compare(a.revision, b.revision))
	})
	for _, k := range keys {
		if chosen(k) {
			m.tiers.ask(k)
		}
	}
	if err := m.swapIn(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// TestCompiledHost is TestHost three times: interpreted, then with half of the codes that ran
// before compiled, so that calls go both ways, then with all.
func TestCompiledHost(t *testing.T) {
	for name, few := range map[string]string{"GPUEVM_WORLDS": "2", "GPUEVM_STATETESTS": "60"} {
		if testing.Short() && name == "GPUEVM_STATETESTS" {
			few = "600"
		}
		if os.Getenv(name) == "" { // 3,400 state tests, a thousand codes
			t.Setenv(name, few)
		}
	}
	compiledSuite(t, open(t, Options{SpotCheck: -1, Compile: Compile{Mode: CompileAuto, After: math.MaxInt, Wait: true, Unit: 100, Workers: 2}}))
}

// TestGPUCompiled is the same on a GPU, with fewer state tests.
func TestGPUCompiled(t *testing.T) {
	t.Setenv("GPUEVM_WORLDS", "2")
	t.Setenv("GPUEVM_STATETESTS", "200")
	compiledSuite(t, openGPU(t, Options{SpotCheck: -1, Compile: Compile{Mode: CompileAuto, After: math.MaxInt, Wait: true, Unit: 10, Workers: 8}}))
}

func compiledSuite(t *testing.T, e *Engine) {
	t.Run("interpreted", func(t *testing.T) { enginetest.Run(t, e) })
	if share := os.Getenv("GPUEVM_STATETESTS"); share != "1" && !strings.Contains(share, "/") { // all of them: twice is long enough
		compileSeen(t, e, func(k codeKey) bool { return k.hash[31]&1 == 1 })
		t.Run("half", func(t *testing.T) { enginetest.Run(t, e) })
	}
	compileSeen(t, e, func(codeKey) bool { return true })
	t.Run("compiled", func(t *testing.T) { enginetest.Run(t, e) })
	s := e.Stats()
	t.Log(s)
	if s.Compiled == 0 || s.NotCompiled > 0 || s.Faults > 0 {
		t.Errorf("%d codes compiled, %d failed, %d faults", s.Compiled, s.NotCompiled, s.Faults)
	}
}
