package gpuevm

import (
	"context"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/holiman/uint256"
)

// Engine executes transactions.
type Engine interface {
	// Execute runs each transaction on its own on the state pre, as if it were the
	// only one, and returns one Result each, in order. What goes wrong with a
	// transaction is in its Result; an error means that the batch as a whole could
	// not be run (context cancelled, device lost).
	Execute(ctx context.Context, env *BlockEnv, txs []Tx, pre StateView) ([]Result, error)
}

// Status is the outcome of a transaction.
type Status uint8

const (
	Success     Status = iota
	Reverted           // REVERT in the top frame; a receipt with status 0
	Halted             // any other EVM exception in the top frame; a receipt with status 0
	Invalid            // can't be in a block on this state; Err says why
	Unsupported        // this engine could not find out; Err says why
)

var statusNames = [...]string{"success", "reverted", "halted", "invalid", "unsupported"}

func (s Status) String() string { return statusNames[s] }

// Result is the effect of one transaction on the state it was given. Slices may
// alias memory that results of the same batch share; they are never written again.
type Result struct {
	Status  Status
	GasUsed uint64 // as in the receipt: after refunds and the calldata floor
	// ExecutionGas and StateGas are the two dimensions of EIP-8037, 0 before Amsterdam.
	ExecutionGas, StateGas uint64
	Output                 []byte // return or revert data
	Err                    error  // the EVM's or the consensus error; nil on success
	Logs                   []*types.Log

	Reads []Read    // everything the result depends on
	Diff  StateDiff // without the fee
	// Fee is owed to the coinbase where PaysFee is set; it is credited when the
	// result is committed, so that paying it orders nothing. Even a fee of zero
	// touches the coinbase (EIP-161).
	Fee     uint256.Int
	PaysFee bool
}
