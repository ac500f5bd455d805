package gpuevm

import (
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/holiman/uint256"
)

// Tx is a transaction as an Engine takes it. It gains fields on its way: From once the
// sender is recovered, Access once its accesses are predicted. Pointers that are nil
// in the transaction's type (fee caps before London, blob fee cap) stay nil.
type Tx struct {
	Index      int // position in the block
	Hash       common.Hash
	From       common.Address
	To         *common.Address // nil: contract creation
	Nonce      uint64
	Value      *uint256.Int
	Gas        uint64       // gas limit
	GasPrice   *uint256.Int // effective: what a unit of gas costs in this block
	GasFeeCap  *uint256.Int
	GasTipCap  *uint256.Int
	BlobFeeCap *uint256.Int
	BlobHashes []common.Hash
	Data       []byte
	AccessList types.AccessList             // EIP-2930
	Auths      []types.SetCodeAuthorization // EIP-7702

	// TrustNonce makes the sender's nonce before this transaction be taken for Nonce
	// instead of being read, and recorded as such in Reads: an earlier transaction of
	// the same sender, not yet committed, is expected to bring it there.
	TrustNonce bool
	// Pool is what the block has used before this transaction, where that is known;
	// nil checks the transaction against an empty block.
	Pool *GasPool
	// System marks a call by the protocol (EIP-4788, 2935, 7002, 7251): no nonce, no
	// fee, no intrinsic gas; From is params.SystemAddress.
	System bool

	Access AccessSet
}

// AccessSet is a guess at what a transaction touches. A wrong one costs time, never
// correctness.
type AccessSet struct {
	Reads  []Key
	Writes []Key
}
