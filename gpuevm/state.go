package gpuevm

import (
	"github.com/ethereum/go-ethereum/common"
)

// StateView is one fixed state. It never changes while it is in use and is safe for
// concurrent use.
type StateView interface {
	// Read returns the value of a cell, zero where it is absent. An error means that
	// the state can't be known (disk failed, node missing from a witness).
	Read(Key) (common.Hash, error)
	// Code returns the code with this Keccak-256 hash.
	Code(hash common.Hash) ([]byte, error)
}

// Tracked is a StateView that knows what sets it apart from a view before it, so that
// who keeps cells of the states that it has seen need not drop them all.
type Tracked interface {
	StateView
	// Since lists the keys whose values may differ from those in the view that gave out
	// mark; ok is false where that can't be told, as it can't of a nil mark. now marks
	// this view. A value that changes while the view is in use (a scheduler's guess at a
	// state may) changes before the key is listed, so that who reads a stale value learns
	// of it from the next view.
	Since(mark Mark) (changed []Key, now Mark, ok bool)
}

// Mark stands for a view. Only views know what is in it.
type Mark any

// Observation says what a transaction learned from reading a cell.
type Observation uint8

const (
	// Equal: the value was seen in full.
	Equal Observation = iota
	// AtLeast: all that was learned is that the value, as a 256-bit number, is not
	// below the one given (a balance that covers a payment).
	AtLeast
)

// Read is one observation of the state before the transaction: no more than what was
// observed, and complete. A state in which every Read holds gives the same Result.
type Read struct {
	Key   Key
	Value common.Hash
	Op    Observation
}

// Holds reports whether the observation is also true of a cell with this value.
func (r *Read) Holds(value common.Hash) bool {
	if r.Op == AtLeast {
		return value.Cmp(r.Value) >= 0
	}
	return value == r.Value
}

// StateDiff is what changes. It applies in this order: Wiped accounts lose all their
// storage slots, Cells are set, Adds are added.
type StateDiff struct {
	// Wiped lists accounts whose storage is cleared: destroyed ones (then Cells also
	// sets Exists to 0 and the other fields to zero).
	Wiped []common.Address
	// Cells are the new values, each key once.
	Cells []Cell
	// Adds are Balance cells whose value is added modulo 2^256: a credit or debit
	// that did not need to know the balance.
	Adds []Cell
	// Codes are the codes deployed, by their hash.
	Codes []Code
}

// Code is contract code with its Keccak-256 hash.
type Code struct {
	Hash common.Hash
	Blob []byte
}
