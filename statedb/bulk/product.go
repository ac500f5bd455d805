package bulk

import (
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/statedb/store"
)

// product is what a state is gone through for. Its methods are called from many goroutines.
type product interface {
	slot(addr common.Address, slot, value common.Hash) error
	account(a *Account) error
	// part takes some of a trie's nodes, in post-order: children from left to right, then
	// their parent.
	part(sc scope) (part, error)
}

// part is for one goroutine. A node's memory is not its own. It ends when it has had all
// nodes, and does not where something failed before that.
type part interface {
	node(path, blob []byte, hash common.Hash) error
	end() error
}

// scope is which nodes of a trie: those whose paths begin with prefix, or the root node
// alone.
type scope struct {
	addr   common.Address // whose storage; zero for the account trie
	owner  common.Hash
	prefix []byte
	top    bool
}

// loading writes a state into a store.
type loading struct{ to *store.Loader }

func (l *loading) slot(addr common.Address, slot, value common.Hash) error {
	return l.to.Slot(addr, slot, value)
}

func (l *loading) account(a *Account) error {
	if len(a.Code) == 0 && a.CodeHash != (common.Hash{}) {
		return fmt.Errorf("%s: its code, with hash %s, is not there", a, a.CodeHash.Hex())
	}
	if len(a.Code) > 0 {
		if err := l.to.Code(a.CodeHash, a.Code); err != nil {
			return err
		}
	}
	return l.to.Account(a.Addr, store.Account{Nonce: a.Nonce, Balance: a.Balance, CodeHash: a.CodeHash})
}

func (l *loading) part(sc scope) (part, error) { return loadingPart{l.to, sc.owner}, nil }

type loadingPart struct {
	to    *store.Loader
	owner common.Hash
}

func (p loadingPart) node(path, blob []byte, hash common.Hash) error {
	return p.to.Node(store.Node{Owner: p.owner, Path: path, Blob: blob, Hash: hash})
}

func (loadingPart) end() error { return nil }
