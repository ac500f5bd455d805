package workload

import (
	"math/big"

	"github.com/ethereum/go-ethereum/common"
)

// planRevert: transactions whose contract says no, after more or less work.
func planRevert(g *generator, _ int) maker {
	m := g.openMarket("Bait", 1)
	badge := g.world.deploy("Badge")
	n := 0
	return func(from *account) draft {
		n++
		d := draft{gas: tokenGas}
		switch n % 4 {
		case 0: // more than the sender has
			d.to, d.data = &m.tokens[0], load("Token").call("transfer", owner, maxUint256)
		case 1: // the price moved: tokens went to the pool before that is found out
			d = g.swapAlong(m, m.tokens, from.addr, maxUint256)
		case 2: // the value goes back
			d.to, d.data, d.value = &badge, load("Badge").call("mint", from.addr), big.NewInt(1)
		default: // not the issuer
			d.to = &m.tokens[1]
			d.data = load("Token").call("issue", []common.Address{from.addr}, big.NewInt(1), from.addr, big.NewInt(1))
		}
		d.fails = true
		return d
	}
}

// planHalt: transactions that run out of gas, or into an opcode that there is not.
func planHalt(g *generator, _ int) maker {
	spinner := g.world.deploy("Spinner")
	token := g.deployTokens("Scarce", 1)[0]
	g.issue(token, addressesOf(g.senders), common.Address{}, nil)
	n := 0
	return func(from *account) draft {
		n++
		d := draft{fails: true}
		switch n % 4 {
		case 0: // in the middle of a transfer of a token, which takes over 30,000
			d.to, d.data = &token, load("Token").call("transfer", coinbase, big.NewInt(1))
			d.gas = 24_000 + g.rand.Uint64N(6_000)
		case 1: // after many steps and stores
			d.to, d.data = &spinner, load("Spinner").call("spin")
			d.gas = 100_000 + g.rand.Uint64N(400_000)
		case 2: // with nothing left to pay for the code's bytes
			d.data, d.gas = load("Token").creation("Never", "NVR"), tokenCreationGas/3
		default: // INVALID in a constructor
			d.data, d.gas = []byte{0xfe}, 60_000
		}
		return d
	}
}
