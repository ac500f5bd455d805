package mpt

import (
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/statedb/keccak"
)

// verifyAt is how many loaded nodes are hashed at once. They are in use by then; nothing
// that was made of them leaves the trie before they are all found to be right.
const verifyAt = 64

// checking is the loaded nodes whose hashes are not checked yet.
type checking struct {
	batch keccak.Batch
	want  []expected
}

type expected struct {
	place
	hash common.Hash
}

// WrongNodeError says which node a source has with another content. It poisons the trie.
type WrongNodeError struct {
	Owner common.Hash
	Path  []byte // nibbles
	Hash  common.Hash
	Got   common.Hash
}

func (e *WrongNodeError) Error() string {
	return fmt.Sprintf("trie %x: node at path %x has hash %x, want %x", e.Owner, e.Path, e.Got, e.Hash)
}

// expect has a loaded node checked, sooner or later.
func (w *worker) expect(blob []byte, key *common.Hash, depth int, hash common.Hash) error {
	if !w.verify {
		return nil
	}
	w.loaded.batch.Add(blob)
	w.loaded.want = append(w.loaded.want, expected{place{*key, uint8(depth)}, hash})
	if len(w.loaded.want) < verifyAt {
		return nil
	}
	return w.verified()
}

// verified checks what was loaded.
func (w *worker) verified() error {
	c := &w.loaded
	if len(c.want) == 0 {
		return nil
	}
	w.hasher.Hash(&c.batch)
	var err error
	for i, e := range c.want {
		if got := common.Hash(*c.batch.Digest(i)); got != e.hash && err == nil {
			path := appendPath(nil, &e.key, int(e.depth))
			err = &WrongNodeError{Owner: w.t.owner, Path: path, Hash: e.hash, Got: got}
		}
	}
	c.batch.Reset()
	c.want = c.want[:0]
	return err
}

// finish ends an operation: err is how it went. Wrong nodes are in the trie by then, so
// that even a read poisons it.
func (w *worker) finish(err error) error {
	if wrong := w.verified(); wrong != nil {
		err = wrong // whatever else failed may have failed because of this
	}
	if isWrong(err) {
		return w.t.fail(err)
	}
	return err
}

func isWrong(err error) bool {
	if err == nil {
		return false // the variable below is not on the stack
	}
	var wrong *WrongNodeError
	return errors.As(err, &wrong)
}
