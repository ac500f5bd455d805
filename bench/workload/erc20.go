package workload

import (
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
)

// tokens in the erc20 workload: more than one, so that a block has several contracts, and
// few, so that each has many transactions.
const erc20Tokens = 8

const tokenGas = 100_000

var maxUint256 = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))

// planERC20: sender i owns token i modulo the number of tokens. Recipients are distinct
// within a block; half of them own some of the token before, so that half of the
// transfers write a slot that was zero.
func planERC20(g *generator, txs int) maker {
	tokens := g.deployTokens("Coin", erc20Tokens)
	for t, holders := range deal(addressesOf(g.senders), len(tokens)) {
		g.issue(tokens[t], holders, common.Address{}, nil)
	}
	recipients := make([][]common.Address, len(tokens))
	for t := range tokens {
		recipients[t] = g.addresses(fmt.Sprintf("recipient of coin %d", t), (txs+len(tokens)-1)/len(tokens)+1)
		g.issue(tokens[t], everyOther(recipients[t]), common.Address{}, nil)
	}
	sent := make([]int, len(tokens))
	return func(from *account) draft {
		t := from.index % len(tokens)
		to := recipients[t][sent[t]%len(recipients[t])]
		sent[t]++
		return draft{to: &tokens[t], gas: tokenGas, data: load("Token").call("transfer", to, g.wei(gwei))}
	}
}

func (g *generator) deployTokens(name string, n int) []common.Address {
	tokens := make([]common.Address, n)
	for i := range tokens {
		tokens[i] = g.world.deploy("Token", fmt.Sprintf("%s %d", name, i), fmt.Sprintf("%.1s%d", name, i))
	}
	return tokens
}

// issue gives each holder the funds of a wallet in this token. Unless spender is zero each
// allows it to spend so much.
func (g *generator) issue(token common.Address, holders []common.Address, spender common.Address, allowed *big.Int) {
	if allowed == nil {
		allowed = new(big.Int)
	}
	g.world.call(token, "Token", "issue", holders, number(walletFunds), spender, allowed)
}

// deal deals a list out to n.
func deal(list []common.Address, n int) [][]common.Address {
	hands := make([][]common.Address, n)
	for i, addr := range list {
		hands[i%n] = append(hands[i%n], addr)
	}
	return hands
}
