package gpuevm

import (
	"fmt"

	"github.com/ethereum/go-ethereum/common"
)

// Kind says which field of an account a Key names.
type Kind uint8

const (
	// Exists is 1 where the account is in the state trie. Before EIP-158 an account
	// may exist and be empty, so existence can't be derived from the other fields.
	Exists Kind = iota
	// Nonce is a 64-bit number, right-aligned.
	Nonce
	// Balance is a 256-bit number of wei, big-endian.
	Balance
	// CodeHash is the Keccak-256 of the code, or zero where there is no code. The hash
	// of empty code is never stored.
	CodeHash
	// Slot is one 32-byte storage word; Key.Slot is its (unhashed) index.
	Slot
)

var kindNames = [...]string{"exists", "nonce", "balance", "codehash", "slot"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Key names one cell of the world state at field level, in full: no truncated
// addresses, no hashed slots. Slot is zero unless Kind is Slot.
type Key struct {
	Addr common.Address
	Kind Kind
	Slot common.Hash
}

func (k Key) String() string {
	if k.Kind == Slot {
		return fmt.Sprintf("%s slot %s", k.Addr.Hex(), k.Slot.Hex())
	}
	return k.Addr.Hex() + " " + k.Kind.String()
}

// Cell is a key and its value, the one currency of the system. An absent cell has
// the value zero.
type Cell struct {
	Key   Key
	Value common.Hash
}
