package workload

import (
	"math/big"

	"github.com/ethereum/go-ethereum/common"
)

const (
	swapGas   = 300_000 // a hop; what it uses is some 100,000
	maxPairs  = 1024
	swapsEach = 8 // per pair and block, until there are maxPairs
)

// market is a row of tokens, each one paired with the next.
type market struct {
	router common.Address
	tokens []common.Address
	pairs  []common.Address // pairs[i] trades tokens[i] for tokens[i+1]
}

// openMarket deploys a market and fills its pools. Sender i has both tokens of pair i
// modulo the number of pairs and has approved the router.
func (g *generator) openMarket(name string, pairs int) *market {
	factory := g.world.deploy("PairFactory")
	m := &market{
		router: g.world.deploy("Router", factory),
		tokens: g.deployTokens(name, pairs+1),
	}
	traders := deal(addressesOf(g.senders), pairs)
	for t, token := range m.tokens {
		// Half of the tokens are approved without limit, which spending does not count down.
		allowed := maxUint256
		if t%2 == 1 {
			allowed = number(walletFunds)
		}
		g.issue(token, []common.Address{owner}, m.router, maxUint256)
		if t < pairs {
			g.issue(token, traders[t], m.router, allowed)
		}
		if t > 0 {
			g.issue(token, traders[t-1], m.router, allowed)
		}
	}
	for p := range pairs {
		created := g.world.call(factory, "PairFactory", "create", m.tokens[p], m.tokens[p+1])
		m.pairs = append(m.pairs, created[0].(common.Address))
		g.world.call(m.router, "Router", "addLiquidity",
			m.tokens[p], m.tokens[p+1], g.liquidity(), g.liquidity(), owner)
	}
	g.world.deployed["Pair"] = append(g.world.deployed["Pair"], m.pairs...)
	return m
}

// liquidity is between an eighth and a quarter of the owner's tokens; each token is in two
// pools at most.
func (g *generator) liquidity() *big.Int {
	eighth := new(big.Int).Div(number(walletFunds), big.NewInt(8))
	more := new(big.Int).Mul(eighth, big.NewInt(g.rand.Int64N(1000)))
	return eighth.Add(eighth, more.Div(more, big.NewInt(1000)))
}

// swap drafts a swap of one token for the other, in either direction, of a pair.
func (g *generator) swap(m *market, pair int, trader common.Address) draft {
	path := []common.Address{m.tokens[pair], m.tokens[pair+1]}
	if g.rand.IntN(2) == 0 {
		path[0], path[1] = path[1], path[0]
	}
	return g.swapAlong(m, path, trader, big.NewInt(1))
}

func (g *generator) swapAlong(m *market, path []common.Address, trader common.Address, least *big.Int) draft {
	return draft{
		to:   &m.router,
		gas:  swapGas * uint64(len(path)-1),
		data: load("Router").call("swapExact", g.wei(ether), least, path, trader, maxUint256),
	}
}

// planSwap: senders are spread evenly over the pairs. One swap in eight goes on through
// the next pair, which ties neighbours together.
func planSwap(g *generator, txs int) maker {
	m := g.openMarket("Share", min(max(txs/swapsEach, 2), maxPairs))
	return func(from *account) draft {
		pair := from.index % len(m.pairs)
		if g.rand.IntN(8) == 0 && pair+2 < len(m.tokens) {
			return g.swapAlong(m, m.tokens[pair:pair+3], from.addr, big.NewInt(1))
		}
		return g.swap(m, pair, from.addr)
	}
}
