package workload

import (
	"math/big"

	"github.com/ethereum/go-ethereum/params"
)

// planTransfer: recipients are distinct within a block. One in eight is not in the state
// before the first block, since creating an account is part of what transfers do.
func planTransfer(g *generator, txs int) maker {
	recipients := g.addresses("recipient of value", txs)
	for i, addr := range recipients {
		if i%8 != 7 {
			g.world.fund(addr, big.NewInt(ether))
		}
	}
	n := 0
	return func(*account) draft {
		to := recipients[n%len(recipients)]
		n++
		return draft{to: &to, value: g.wei(gwei), gas: params.TxGas}
	}
}
