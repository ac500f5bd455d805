package mpt

import (
	"bytes"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
)

// maxValue is the longest value in bytes.
const maxValue = 1<<16 - 1

// Source has the nodes that are not in the arena. The blob it returns hashes to hash,
// which the trie checks only with Config.Verify. No blob and no error means that it has
// none. Resolve calls it from several goroutines.
type Source interface {
	Node(owner common.Hash, path []byte, hash common.Hash) ([]byte, error)
}

// Sweeper is a Source that has a quicker way for one goroutine that asks for many nodes, mostly
// in the order of their owners and paths. It is a pointer.
type Sweeper interface {
	Source
	Sweep() Sweep
}

// Sweep answers as its Source does, until it is closed.
type Sweep interface {
	Source
	Close()
}

// Item is a key to be set or, without a value, deleted.
type Item struct {
	Key   common.Hash
	Value []byte
}

// Trie is one trie, at one state at a time. It is for one goroutine; others may use
// other tries of the same arena meanwhile.
type Trie struct {
	arena  *Arena
	owner  common.Hash
	source Source

	root      ref
	hash      common.Hash // of the root, unless stale
	stale     bool
	unsent    bool
	wiped     bool // all records of the store are void
	gone      []place
	pending   int // items since the last Hash or HashEarly: how much work there is
	waiting   int // and about how many nodes HashEarly left
	floor     int // of the last HashEarly
	promised  int // keys it was told
	unwritten int // items since the last Collect
	size      int64
	loads     atomic.Int64 // nodes since the last Update
	lacks     bool         // there were many at the last
	err       error
}

// New opens the trie that has this root. Nothing is read; source may be nil for a trie
// that starts empty and is never pruned.
func (a *Arena) New(owner, root common.Hash, source Source) *Trie {
	return &Trie{arena: a, owner: owner, source: source, hash: orEmpty(root)}
}

func orEmpty(root common.Hash) common.Hash {
	if root == (common.Hash{}) {
		return types.EmptyRootHash
	}
	return root
}

// Owner is the hash of the account whose storage this is, zero for the accounts.
func (t *Trie) Owner() common.Hash { return t.owner }

// Size is the number of bytes of the trie's nodes in the arena.
func (t *Trie) Size() int64 { return t.size }

// Lacks says that an Update of n items will, by what was last seen, need many nodes that are not
// in the arena: it asks for them one after another, and Resolve for several at once.
func (t *Trie) Lacks(n int) bool {
	return t.lacks || t.root == 0 && t.hash != types.EmptyRootHash || many(t.loads.Load(), n)
}

// many says whether it pays to go through n items once more for so many nodes.
func many(loads int64, n int) bool { return 8*loads > int64(n) }

// Err is what poisoned the trie.
func (t *Trie) Err() error { return t.err }

// Reset leaves all changes and nodes behind and goes on at another root, as New.
func (t *Trie) Reset(root common.Hash) {
	w := t.arena.hire(t)
	w.dropTree(t.root)
	w.dismiss()
	*t = Trie{arena: t.arena, owner: t.owner, source: t.source, hash: orEmpty(root), gone: t.gone[:0]}
}

// Clear deletes everything, without reading what there is: for destroyed accounts.
func (t *Trie) Clear() error {
	if t.err != nil {
		return t.err
	}
	if t.root == 0 && t.hash == types.EmptyRootHash {
		return nil
	}
	t.Reset(common.Hash{})
	t.wiped, t.unsent = true, true
	return nil
}

func (t *Trie) fail(err error) error {
	if err != nil && t.err == nil {
		t.err = fmt.Errorf("trie is out of use until Reset: %w", err)
	}
	return err
}

var errUnhashed = errors.New("the trie has changes that are not hashed yet")

// Root is the hash of the trie as of the last Hash, which must have come after the last
// Update.
func (t *Trie) Root() (common.Hash, error) {
	if t.err == nil && t.stale {
		return common.Hash{}, errUnhashed
	}
	return t.hash, t.err
}

// Update applies a batch, whose keys ascend. Setting a key to what it is and deleting
// one that is absent change nothing.
func (t *Trie) Update(batch []Item) error {
	if err := t.ready(batch); err != nil || len(batch) == 0 {
		return err
	}
	w := t.arena.hire(t)
	defer w.dismiss()
	if err := w.finish(w.loadRoot()); err != nil {
		return t.fail(err)
	}
	root, changed, err := w.apply(t.root, 0, batch)
	err = w.finish(err)
	t.root, t.lacks = root, many(t.loads.Swap(0), len(batch))
	if changed {
		t.stale, t.unsent = true, true
		t.pending += len(batch)
		t.unwritten += len(batch)
	}
	if root == 0 && err == nil && changed {
		t.hash, t.stale = types.EmptyRootHash, false
	}
	return t.fail(err)
}

// ready checks the batch before anything is touched: it being bad poisons nothing.
func (t *Trie) ready(batch []Item) error {
	if t.err != nil {
		return t.err
	}
	for i := range batch {
		if len(batch[i].Value) > maxValue {
			return fmt.Errorf("trie %x, key %x: value of %d bytes is too long", t.owner, batch[i].Key, len(batch[i].Value))
		}
		if i > 0 && bytes.Compare(batch[i-1].Key[:], batch[i].Key[:]) >= 0 {
			return fmt.Errorf("trie %x: batch is not in order at key %x", t.owner, batch[i].Key)
		}
	}
	return t.arena.room()
}

func (w *worker) loadRoot() (err error) {
	t := w.t
	if t.root != 0 || t.hash == types.EmptyRootHash {
		return nil
	}
	t.root, err = w.load(new(common.Hash), 0, (*slot)(&t.hash))
	return err
}

// Get returns a key's value, or nil. It may load nodes, as Resolve. The value is valid
// until the trie is next changed or pruned.
func (t *Trie) Get(key common.Hash) ([]byte, error) {
	if t.err != nil {
		return nil, t.err
	}
	w := t.arena.hire(t)
	defer w.dismiss()
	var value []byte
	err := w.walk(&key, func(r ref, _ int) {
		if w.head(r).kind == leafNode {
			if l := w.leaf(r); l.key == key {
				value = l.value()
			}
		}
	})
	return value, w.finish(err)
}

// walk visits the nodes on the way to a key, loading what is not there. A node that
// can't be loaded changes nothing, and poisons nothing.
func (w *worker) walk(key *common.Hash, visit func(r ref, depth int)) error {
	if err := w.loadRoot(); err != nil {
		return err
	}
	r, depth := w.t.root, 0
	for r != 0 {
		h := w.head(r)
		h.epoch = w.now
		visit(r, depth)
		var next *ref
		var s *slot
		switch h.kind {
		case leafNode:
			return nil
		case extNode:
			e := w.ext(r)
			if prefix(key, &e.key) < int(e.end) {
				return nil
			}
			next, s, depth = &e.child, &e.slot, int(e.end)
		default:
			n := nibble(key, depth)
			if !h.has(n) {
				return nil
			}
			b := w.branch(r)
			next, s, depth = &b.refs[h.rank(n)], &b.slots[h.rank(n)], depth+1
		}
		if *next == 0 {
			c, err := w.load(key, depth, s)
			if err != nil {
				return err
			}
			*next = c
		}
		r = *next
	}
	return nil
}

// Prove lists the nodes on the way to a key, root first: a proof of its value or of its
// absence, as eth_getProof has it. The trie must be hashed.
func (t *Trie) Prove(key common.Hash) ([][]byte, error) {
	if _, err := t.Root(); err != nil {
		return nil, err
	}
	w := t.arena.hire(t)
	defer w.dismiss()
	var proof [][]byte
	err := w.walk(&key, func(r ref, depth int) {
		blob := w.encode(nil, r, depth)
		if depth == 0 || len(blob) >= 32 { // shorter ones are within their parents
			proof = append(proof, blob)
		}
	})
	return proof, w.finish(err)
}
