// Package source is where blocks to run come from: files of real blocks, go-ethereum's
// chain exports and execution witnesses, a node's RPC.
//
// What leaves it is a Block whose parts belong together: transactions, uncles and
// withdrawals derive the header's roots, the header has the hash it is known by, a
// witness hangs on the parent's root. Whether the block is valid is for whoever runs it
// to find out, with Expect to compare against.
package source

import (
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/consensus/clique"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/trie"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/statedb"
)

// Block is one block ready to run.
type Block struct {
	Name   string // "mainnet-19932148"
	Config *params.ChainConfig
	Block  *types.Block
	Author common.Address // fee recipient
	Parent *types.Header  // nil where the source lacks it
	// BlockHash answers BLOCKHASH. Safe for concurrent use.
	BlockHash func(number uint64) common.Hash
	// Pre is the state before the block: a *statedb.Mem from an evmblock file, Tries where
	// there is only a witness, nil in a chain.
	Pre gpuevm.StateView
	// Tries is the same state in tries; nil where the source has none, and then no state
	// root can be checked.
	Tries *statedb.Tries
	// Nodes are the nodes that Tries was made of: a witness's, in no order.
	Nodes  [][]byte
	Expect Expect
}

// Expect is what a source lets us check beyond the header. Empty where it has nothing.
type Expect struct {
	Senders  []common.Address
	Receipts []Receipt
	// Roots over Pre as an allocation: before the block, and after its transactions with
	// the system calls before them, but without withdrawals, end-of-block requests and
	// rewards.
	PreAllocRoot, PostAllocRoot common.Hash
	// Touched is every cell that the allocation holds, including slots that are zero:
	// Exists stands for all fields of an account.
	Touched []gpuevm.Key
	Checks  Checks
}

// Receipt is the consensus content of a receipt.
type Receipt struct {
	Status        uint64
	GasUsed       uint64
	CumulativeGas uint64
	Logs          int
	LogsHash      common.Hash     // keccak256(rlp(logs))
	StateRoot     *common.Hash    // before Byzantium, where the source knows it
	Contract      *common.Address // created by the transaction
}

// Checks says which of the header's fields the source's own run reproduced from just
// this data. What is false can't be checked, for the data lacks something.
type Checks struct {
	BlockHash    bool `json:"blockHash"`
	TxRoot       bool `json:"txRoot"`
	Withdrawals  bool `json:"withdrawals"`
	Uncles       bool `json:"uncles"`
	GasUsed      bool `json:"gasUsed"`
	LogsBloom    bool `json:"logsBloom"`
	ReceiptsRoot bool `json:"receiptsRoot"`
	PreStateRoot bool `json:"preStateRoot"`
	StateRoot    bool `json:"stateRoot"`
	RequestsHash bool `json:"requestsHash"`
}

// allChecks is for sources that have the whole block and its state tries.
var allChecks = Checks{
	BlockHash: true, TxRoot: true, Withdrawals: true, Uncles: true, GasUsed: true,
	LogsBloom: true, ReceiptsRoot: true, PreStateRoot: true, StateRoot: true, RequestsHash: true,
}

// author is who receives the fees.
func author(config *params.ChainConfig, header *types.Header) (common.Address, error) {
	if config.Clique == nil || header.Difficulty.Sign() == 0 {
		return header.Coinbase, nil
	}
	signer, err := clique.New(config.Clique, nil).Author(header)
	if err != nil {
		return common.Address{}, fmt.Errorf("header: clique signature: %w", err)
	}
	return signer, nil
}

// checkHeader rejects headers that decode but that nothing after this could work with.
func checkHeader(h *types.Header) error {
	switch {
	case h == nil:
		return errors.New("header: missing")
	case h.Number == nil || !h.Number.IsUint64():
		return fmt.Errorf("header: number %v is not a 64-bit number", h.Number)
	case h.Difficulty == nil:
		return errors.New("header: no difficulty")
	}
	return nil
}

// checkBody compares a block's parts with its header. Uncles are sometimes lost.
func checkBody(b *types.Block, withUncles bool) error {
	hasher := trie.NewStackTrie(nil)
	if got, want := types.DeriveSha(b.Transactions(), hasher), b.TxHash(); got != want {
		return fmt.Errorf("txs: %d transactions derive root %s, the header has %s", len(b.Transactions()), got.Hex(), want.Hex())
	}
	if got, want := types.CalcUncleHash(b.Uncles()), b.UncleHash(); withUncles && got != want {
		return fmt.Errorf("uncles: %d headers derive hash %s, the header has %s", len(b.Uncles()), got.Hex(), want.Hex())
	}
	want := b.Header().WithdrawalsHash
	if want == nil {
		if len(b.Withdrawals()) > 0 {
			return errors.New("withdrawals: there are some, but the header has no root for them")
		}
		return nil
	}
	if got := types.DeriveSha(b.Withdrawals(), hasher); got != *want {
		return fmt.Errorf("withdrawals: %d of them derive root %s, the header has %s", len(b.Withdrawals()), got.Hex(), want.Hex())
	}
	return nil
}

// blockHashes answers BLOCKHASH in a block with this header. known is only read.
func blockHashes(h *types.Header, known map[uint64]common.Hash) func(uint64) common.Hash {
	number, parent := h.Number.Uint64(), h.ParentHash
	return func(n uint64) common.Hash {
		if n < number && n+1 == number {
			return parent
		}
		return known[n]
	}
}
