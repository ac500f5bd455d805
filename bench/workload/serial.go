package workload

import "math/big"

// hashRounds is the work between the read and the write of a step: about as much as a
// transfer of a token is.
const hashRounds = 16

// planSerial: one chain of hashes through all transactions.
func planSerial(g *generator, _ int) maker {
	chain := g.world.deploy("HashChain")
	n := 0
	return func(*account) draft {
		salt := g.hash("salt of step", n)
		n++
		return draft{
			to:   &chain,
			gas:  tokenGas,
			data: load("HashChain").call("step", salt, big.NewInt(hashRounds)),
		}
	}
}
