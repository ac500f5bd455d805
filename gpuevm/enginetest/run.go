// Package enginetest is the one suite that every Engine passes. Its referee is
// go-ethereum: core.ApplyMessage on a state.StateDB. An Engine has no tests of semantics
// of its own; a property that an Engine must have is tested here.
//
// The tests are made of worlds: seeded random states whose contracts are random programs,
// and random transactions on them. GPUEVM_WORLDS sets how many worlds a fork gets.
// Beside them there are the state tests and precompile vectors of the shared data, where it
// is at hand.
package enginetest

import (
	"os"
	"strconv"
	"testing"

	"github.com/gpuevm/gpuevm/gpuevm"
)

// forks are those whose rules an Engine must know.
var forks = []string{
	"Frontier", "Homestead", "EIP150", "EIP158", "Byzantium", "ConstantinopleFix", "Istanbul", "Berlin",
	"London", "Paris", "Shanghai", "Cancun", "Prague", "Osaka", "Amsterdam",
}

// Run tests an engine.
func Run(t *testing.T, engine gpuevm.Engine) {
	t.Run("programs", func(t *testing.T) { runPrograms(t, engine) })
	t.Run("invalid", func(t *testing.T) { runInvalid(t, engine) })
	t.Run("trust-nonce", func(t *testing.T) { runTrustNonce(t, engine) })
	t.Run("system-calls", func(t *testing.T) { runSystemCalls(t, engine) })
	t.Run("broken-state", func(t *testing.T) { runBrokenState(t, engine) })
	t.Run("hostile", func(t *testing.T) { runHostile(t, engine) })
	t.Run("cancel", func(t *testing.T) { runCancel(t, engine) })
	t.Run("state-tests", func(t *testing.T) { runStateTests(t, engine) })
	t.Run("precompiles", func(t *testing.T) { runVectors(t, engine) })
}

// runPrograms runs random transactions on random worlds.
func runPrograms(t *testing.T, engine gpuevm.Engine) {
	worlds := 16
	if n, err := strconv.Atoi(os.Getenv("GPUEVM_WORLDS")); err == nil {
		worlds = n
	}
	for _, fork := range forks {
		t.Run(fork, func(t *testing.T) {
			var c census
			for seed := range worlds {
				w := newWorld(fork, int64(seed))
				w.check(t, engine, w.transactions(24), &c)
				if t.Failed() {
					t.Fatalf("fork %s, seed %d", fork, seed)
				}
			}
			t.Log(&c)
			c.verify(t, worlds)
		})
	}
}
