// Package workload generates blocks: a state, and signed transactions that are all valid
// on it one after another. The same name and options give the same bytes.
//
// It is not a model of any chain's traffic. Each workload holds one property still (no
// conflicts, one hot pool, a chain of dependencies) so that a number measured on it means
// something; `mixed` is the one that puts everything into a block.
//
// Nothing is executed here but the setup: contracts are deployed and filled by running
// their real constructors and calls in go-ethereum. The header fields that only execution
// can tell (Root, ReceiptHash, Bloom, GasUsed) are left empty, and each block's ParentHash
// is the hash of the header before it as it is here, with those fields empty. For the same
// reason the base fee stays what it is, and a block may be larger than the 8 MiB of
// EIP-7934 (some 45,000 token transfers): a block is as long as it is asked to be.
package workload
