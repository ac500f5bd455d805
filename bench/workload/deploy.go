package workload

import (
	"fmt"
	"math/big"
)

// planDeploy: a small contract and a large one by transaction, one by CREATE2 and a
// minimal proxy by CREATE.
func planDeploy(g *generator, _ int) maker {
	vaults := g.world.deploy("VaultMaker")
	n := 0
	return func(from *account) draft {
		n++
		switch n % 4 {
		case 0:
			return draft{value: g.wei(gwei), gas: 500_000, data: load("Vault").creation(from.addr)}
		case 1:
			name := fmt.Sprintf("Token of %x", from.addr)
			return draft{gas: tokenCreationGas, data: load("Token").creation(name, "NEW")}
		case 2:
			salt := g.hash("salt of vault", n)
			return draft{to: &vaults, value: g.wei(gwei), gas: 500_000, data: load("VaultMaker").call("make", salt)}
		}
		return draft{to: &vaults, value: new(big.Int), gas: 200_000, data: load("VaultMaker").call("clone")}
	}
}

const tokenCreationGas = 1_500_000
