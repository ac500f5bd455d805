package gpuevm

import (
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/consensus/misc/eip4844"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"
)

// BlockEnv is what the transactions of one batch see of their block.
type BlockEnv struct {
	Config      *params.ChainConfig
	Number      *big.Int
	Time        uint64
	Coinbase    common.Address // receives the fees
	GasLimit    uint64
	Difficulty  *big.Int
	BaseFee     *big.Int     // wei per gas; nil before London
	BlobBaseFee *big.Int     // wei per blob gas; nil before Cancun
	Random      *common.Hash // PREVRANDAO; nil before the merge
	SlotNumber  uint64       // EIP-7843
	ExtraEIPs   []int        // EIPs enabled beyond the fork's, in tests

	// BlockHash answers BLOCKHASH for the last 256 blocks. Safe for concurrent use.
	BlockHash func(number uint64) common.Hash
}

// NewBlockEnv is the environment of a block with this header. author is the fee
// recipient, which under clique is not the header's coinbase.
func NewBlockEnv(config *params.ChainConfig, header *types.Header, author common.Address, blockHash func(uint64) common.Hash) *BlockEnv {
	env := &BlockEnv{
		Config:     config,
		Number:     header.Number,
		Time:       header.Time,
		Coinbase:   author,
		GasLimit:   header.GasLimit,
		Difficulty: header.Difficulty,
		BaseFee:    header.BaseFee,
		BlockHash:  blockHash,
	}
	if header.ExcessBlobGas != nil {
		env.BlobBaseFee = eip4844.CalcBlobFee(config, header)
	}
	if header.Difficulty.Sign() == 0 {
		env.Random = &header.MixDigest
	}
	if header.SlotNumber != nil {
		env.SlotNumber = *header.SlotNumber
	}
	return env
}

// Rules are the chain's rules in this block.
func (e *BlockEnv) Rules() params.Rules {
	return e.Config.Rules(e.Number, e.Random != nil, e.Time)
}

// GasPool counts the gas of a block. Before Amsterdam a block's gas is what its
// receipts add up to; from EIP-8037 on it is the larger of two sums.
type GasPool struct {
	Limit     uint64
	Receipts  uint64 // gas used according to the receipts so far
	Execution uint64 // EIP-8037
	State     uint64 // EIP-8037
}

// Charge counts a committed transaction in.
func (p *GasPool) Charge(r *Result) {
	p.Receipts += r.GasUsed
	p.Execution += r.ExecutionGas
	p.State += r.StateGas
}

// Used is the gas that the block's header states.
func (p *GasPool) Used() uint64 {
	if p.Execution > 0 || p.State > 0 {
		return max(p.Execution, p.State)
	}
	return p.Receipts
}
