package workload

import (
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/trie"
)

const (
	firstTime   = 1_760_000_000
	slotSeconds = 12
	minGasLimit = 60_000_000
)

var coinbase = common.HexToAddress("0x00000000000000000000000000000000c01bbace")

// parent is the genesis header of the state. The gas limit is the same in all blocks and
// holds the fullest of them; the parent claims to be half full, so that the base fee of
// the first block is by the rules what its parent's is.
func (g *generator) parent(blocks [][]draft) *types.Header {
	limit := uint64(minGasLimit)
	for _, drafts := range blocks {
		var sum uint64
		for i := range drafts {
			sum += drafts[i].gas
		}
		limit = max(limit, sum)
	}
	limit += limit % 2
	header := g.header(limit)
	header.Number = new(big.Int)
	header.Time = firstTime
	header.GasUsed = limit / 2
	header.Root = g.world.root()
	header.MixDigest = g.hash("mix", 0)
	header.ParentBeaconRoot = new(common.Hash)
	return types.NewBlock(header, &types.Body{Withdrawals: []*types.Withdrawal{}}, nil, trie.NewStackTrie(nil)).Header()
}

// seal puts each block's transactions behind a header.
func (g *generator) seal(parent *types.Header, txs [][]*types.Transaction) []*types.Block {
	blocks := make([]*types.Block, len(txs))
	for b := range txs {
		header := g.header(parent.GasLimit)
		header.ParentHash = parent.Hash()
		header.Number = big.NewInt(int64(b + 1))
		header.Time = parent.Time + slotSeconds
		header.MixDigest = g.hash("mix", b+1)
		beaconRoot := g.hash("beacon root", b+1)
		header.ParentBeaconRoot = &beaconRoot
		body := &types.Body{Transactions: txs[b], Withdrawals: []*types.Withdrawal{}}
		blocks[b] = types.NewBlock(header, body, nil, trie.NewStackTrie(nil))
		parent = blocks[b].Header()
	}
	return blocks
}

// header is what all headers have in common.
func (g *generator) header(gasLimit uint64) *types.Header {
	return &types.Header{
		Coinbase:      coinbase,
		Difficulty:    new(big.Int),
		GasLimit:      gasLimit,
		BaseFee:       big.NewInt(baseFee),
		BlobGasUsed:   new(uint64),
		ExcessBlobGas: new(uint64),
		RequestsHash:  &types.EmptyRequestsHash,
	}
}
