package hostsched

import (
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"
	"github.com/gpuevm/gpuevm/gpuevm"
)

// Block is a block with everything that running it needs.
type Block struct {
	*types.Block
	Config *params.ChainConfig
	// Author receives the fees: the header's coinbase but under clique.
	Author common.Address
	// BlockHash answers BLOCKHASH. Safe for concurrent use.
	BlockHash func(number uint64) common.Hash
	// Pre is the state before the block.
	Pre gpuevm.StateView
	// Roots is where the state root comes from. Nil: no state root is computed, and
	// receipts before Byzantium lack their intermediate root.
	Roots Roots
	// DeferRoot has Roots told of all changes and not asked for the state root, which
	// BlockResult then lacks: it may come later, while the next block runs.
	DeferRoot bool
	// OnCommit, where it is set, is called after every committed transaction, in order.
	OnCommit func(index int)
	// TxsOnly leaves out what follows the transactions (withdrawals, requests, rewards),
	// for blocks that come without the state it needs.
	TxsOnly bool
	// Rewards are the consensus engine's credits at the end of the block; nil takes
	// ethash's before the merge and none after it.
	Rewards func(header *types.Header, uncles []*types.Header) []Credit
}

// Roots turns diffs, applied in order, into state roots. One that is also Early is told of
// changes sooner.
type Roots interface {
	Apply(*gpuevm.StateDiff) error
	Root() (common.Hash, error)
}

// BlockResult is what running a block gives.
type BlockResult struct {
	Receipts     types.Receipts
	Logs         []*types.Log
	Requests     [][]byte // EIP-7685; nil before Prague
	GasUsed      uint64
	Bloom        types.Bloom
	ReceiptsRoot common.Hash
	Root         *common.Hash // state root; nil without Block.Roots or with DeferRoot
	Stats        Stats

	state *overlay
}

// Diff is what the block changed, all in one.
func (r *BlockResult) Diff() *gpuevm.StateDiff { return r.state.diff(false) }

// Stats says how the block was run. Stage times are summed over the lanes; stages
// overlap, so that they may add up to more than Wall.
type Stats struct {
	Txs         int
	Waves       int // levels of the predicted read-after-write order
	LargestWave int // transactions in the widest level
	Reexecuted  int // results that did not stand
	OnDevice    int // results that came from the engine rather than the referee
	Stage       Stages
	Wall        time.Duration // from the block to its result
}

// Stages are the times of the steps of a block.
type Stages struct {
	Senders, Predict, Execute, Commit, Root time.Duration
}
