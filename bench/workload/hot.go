package workload

import (
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/params"
)

// planHot: transactions that all touch the same few cells. The credits to one account and
// to one token balance commute in effect, the swaps in one pool don't.
func planHot(g *generator, _ int) maker {
	recipients := g.addresses("hot recipient", 2)
	g.world.fund(recipients[0], big.NewInt(ether))
	token := g.deployTokens("Hot", 1)[0]
	g.issue(token, addressesOf(g.senders), common.Address{}, nil)
	g.issue(token, recipients[1:], common.Address{}, nil)
	pool := g.openMarket("Pool", 1)
	n := 0
	return func(from *account) draft {
		n++
		switch n % 3 {
		case 0:
			return draft{to: &recipients[0], value: g.wei(gwei), gas: params.TxGas}
		case 1:
			return draft{to: &token, gas: tokenGas, data: load("Token").call("transfer", recipients[1], g.wei(gwei))}
		}
		return g.swap(pool, 0, from.addr)
	}
}
