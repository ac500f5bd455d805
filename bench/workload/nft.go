package workload

import "math/big"

// badgePrice is what Badge.mint asks for.
const badgePrice = 1_000_000_000_000_000

// planNFT: every mint takes the next number of one counter and pays into one balance.
func planNFT(g *generator, _ int) maker {
	badge := g.world.deploy("Badge")
	return func(from *account) draft {
		return draft{
			to:    &badge,
			value: big.NewInt(badgePrice),
			gas:   200_000,
			data:  load("Badge").call("mint", from.addr),
		}
	}
}
