package device

import (
	"context"
	"math"
	"os"
	"testing"

	"github.com/gpuevm/gpuevm/gpuevm/enginetest"
)

// compileSeen compiles the codes that an engine has run, many to a unit.
func compileSeen(t *testing.T, e *Engine) {
	m := e.machine
	m.mu.Lock()
	defer m.mu.Unlock()
	for k := range m.tiers.codes {
		m.tiers.ask(k)
	}
	if err := m.swapIn(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// TestCompiledHost is TestHost twice: interpreted, and then with every code compiled that
// ran before.
func TestCompiledHost(t *testing.T) {
	for name, few := range map[string]string{"GPUEVM_WORLDS": "2", "GPUEVM_STATETESTS": "250"} {
		if os.Getenv(name) == "" { // some hundred codes, which take a minute to compile
			t.Setenv(name, few)
		}
	}
	e := open(t, Options{SpotCheck: -1, Compile: Compile{Mode: CompileAuto, After: math.MaxInt, Wait: true, Unit: 100, Workers: 2}})
	t.Run("interpreted", func(t *testing.T) { enginetest.Run(t, e) })
	compileSeen(t, e)
	t.Log(e.Stats())
	t.Run("compiled", func(t *testing.T) { enginetest.Run(t, e) })
	s := e.Stats()
	t.Log(s)
	if s.Compiled == 0 || s.NotCompiled > 0 || s.Faults > 0 {
		t.Errorf("%d codes compiled, %d failed, %d faults", s.Compiled, s.NotCompiled, s.Faults)
	}
}
