package statedb

import (
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/rawdb"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/trie"
	"github.com/ethereum/go-ethereum/triedb"
	"github.com/gpuevm/gpuevm/gpuevm"
)

// Tries is a state whose cells live in Merkle Patricia tries, and what has been applied
// to it since.
//
// As a gpuevm.StateView it is the state at the root it was opened with, whatever is
// applied: a block reads the state before it while its own diffs are being folded in.
// Reading is safe for concurrent use, also beside folding. Apply, Root and Commit are
// for one goroutine.
type Tries struct {
	db    *triedb.Database
	codes *state.CodeDB
	root  common.Hash
	view  [viewShards]viewShard
	fold  fold
	line  *line
	pos   int // in line
}

// NewTries opens the state at root. db keeps tries by hash (the path scheme knows one
// chain of states, and its diff layers want more than a diff tells).
func NewTries(db *triedb.Database, codes *state.CodeDB, root common.Hash) (*Tries, error) {
	if db.Scheme() != rawdb.HashScheme {
		return nil, fmt.Errorf("tries need a trie database of the hash scheme, this one is %q", db.Scheme())
	}
	if _, err := trie.NewStateTrie(trie.StateTrieID(root), db); err != nil {
		return nil, fmt.Errorf("state root %s: %w", root.Hex(), err)
	}
	return &Tries{db: db, codes: codes, root: root, line: new(line)}, nil
}

// TriesFromAlloc are the tries of an allocation, in memory.
func TriesFromAlloc(alloc types.GenesisAlloc) (*Tries, error) {
	diff, err := AllocDiff(alloc)
	if err != nil {
		return nil, err
	}
	disk := rawdb.NewMemoryDatabase()
	empty, err := NewTries(triedb.NewDatabase(disk, triedb.HashDefaults), state.NewCodeDB(disk), types.EmptyRootHash)
	if err != nil {
		return nil, err
	}
	if err := empty.Apply(diff); err != nil {
		return nil, err
	}
	return empty.Commit()
}

// TriesFromWitness are the parts of tries that a witness has: RLP nodes and codes. Both
// are kept under the hash of what they are, so that nothing in a witness can be wrong,
// only missing; what is missing is an error when it is read.
func TriesFromWitness(root common.Hash, nodes, codes [][]byte) (*Tries, error) {
	disk := rawdb.NewMemoryDatabase()
	for _, n := range nodes {
		rawdb.WriteLegacyTrieNode(disk, crypto.Keccak256Hash(n), n)
	}
	for _, c := range codes {
		rawdb.WriteCode(disk, crypto.Keccak256Hash(c), c)
	}
	return NewTries(triedb.NewDatabase(disk, triedb.HashDefaults), state.NewCodeDB(disk), root)
}

// ViewRoot is the root of the state that reads are answered from.
func (t *Tries) ViewRoot() common.Hash { return t.root }

// Database is the same state for go-ethereum's own StateDB.
func (t *Tries) Database() state.Database { return state.NewDatabase(t.db, t.codes) }

// Code implements gpuevm.StateView.
func (t *Tries) Code(hash common.Hash) ([]byte, error) {
	code := t.codes.Reader().Code(common.Address{}, hash)
	if len(code) == 0 {
		return nil, fmt.Errorf("no code with hash %s", hash.Hex())
	}
	return code, nil
}

var _ gpuevm.StateView = (*Tries)(nil)

func (t *Tries) openAccounts() (*trie.StateTrie, error) {
	tr, err := trie.NewStateTrie(trie.StateTrieID(t.root), t.db)
	if err != nil {
		return nil, fmt.Errorf("state root %s: %w", t.root.Hex(), err)
	}
	return tr, nil
}

func (t *Tries) openStorage(addr common.Address, root common.Hash) (*trie.StateTrie, error) {
	tr, err := trie.NewStateTrie(trie.StorageTrieID(t.root, crypto.Keccak256Hash(addr[:]), root), t.db)
	if err != nil {
		return nil, fmt.Errorf("storage of account %s: %w", addr.Hex(), err)
	}
	return tr, nil
}
