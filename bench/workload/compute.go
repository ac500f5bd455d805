package workload

import (
	"math/big"
)

// planCompute: every transaction calls one method of a contract that only computes, with a
// seed of its own and so much work. Nothing is shared, nothing is stored.
func planCompute(method string, work int64, gas uint64) plan {
	return func(g *generator, _ int) maker {
		contract := g.world.deploy("Compute")
		return func(*account) draft {
			seed := new(big.Int)
			for range 4 {
				seed.Or(seed.Lsh(seed, 64), new(big.Int).SetUint64(g.rand.Uint64()))
			}
			return draft{to: &contract, gas: gas, data: load("Compute").call(method, seed, big.NewInt(work))}
		}
	}
}
