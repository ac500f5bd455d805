package hostsched

import (
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/consensus"
	"github.com/ethereum/go-ethereum/consensus/ethash"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/params"
	"github.com/holiman/uint256"
)

// ethashRewards are the block and uncle rewards of proof of work; none after the merge.
func ethashRewards(config *params.ChainConfig) func(*types.Header, []*types.Header) []Credit {
	return func(h *types.Header, uncles []*types.Header) []Credit {
		if h.Difficulty.Sign() == 0 {
			return nil
		}
		var book creditBook
		ethash.NewFaker().Finalize(configReader{config: config}, h, &book, &types.Body{Uncles: uncles})
		return book.credits
	}
}

// creditBook is as much of a vm.StateDB as ethash's Finalize uses: it adds balances.
type creditBook struct {
	vm.StateDB
	credits []Credit
}

func (b *creditBook) AddBalance(addr common.Address, amount *uint256.Int, _ tracing.BalanceChangeReason) uint256.Int {
	b.credits = append(b.credits, Credit{addr, amount.Clone()})
	return uint256.Int{}
}

// configReader is as much of a chain as ethash's Finalize asks.
type configReader struct {
	consensus.ChainHeaderReader
	config *params.ChainConfig
}

func (c configReader) Config() *params.ChainConfig { return c.config }
