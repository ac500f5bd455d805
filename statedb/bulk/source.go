package bulk

import (
	"context"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
)

// Source is a state to be gone through: an allocation, a dump, what a store has.
type Source interface {
	// Each hands over every account, in any order, each once, and returns the state root
	// that the source claims to have; zero where it claims none.
	Each(ctx context.Context, to Sink) (root common.Hash, err error)
}

// Sink is where a Source hands its accounts to, from one goroutine: the slots of an account
// first, in any order, then the account. An error ends it all.
type Sink struct {
	Slot    func(slot, value common.Hash) error
	Account func(Account) error
	// At says how far the source is, now and then, in whatever it counts; total is zero
	// where it can't know.
	At func(done, total int64)
}

// Account is an account without its storage.
type Account struct {
	Addr     common.Address
	Nonce    uint64
	Balance  common.Hash
	CodeHash common.Hash // zero: no code
	Code     []byte      // where the source has codes
	Root     common.Hash // of its storage, as the source claims; zero: it doesn't
	Line     int         // where the source has it, for errors; zero: nowhere
}

func (a *Account) String() string {
	if a.Line == 0 {
		return "account " + a.Addr.Hex()
	}
	return fmt.Sprintf("account %s (line %d)", a.Addr.Hex(), a.Line)
}
