package mpt

import (
	"bytes"
	"fmt"
	"math"
	"sort"

	"github.com/ethereum/go-ethereum/common"
)

// A node is past its commit point when no change to it is likely any more: it may be
// hashed while the block still executes. Only the time at which a node is hashed depends
// on it, never the root: a node that does change after it was hashed is stale again.

const (
	// commitSure is how likely a node must be to stay as it is.
	commitSure = 0.9
	// commitFloor: the root and its children change with nearly every update.
	commitFloor = 2
)

// commitPoint says which nodes are final. The zero value is that of Hash: all are.
type commitPoint struct {
	floor int
	anew  bool // floor was greater before: nodes that wait may wait for nothing
}

// commitDepth is the depth r from which on nodes are final, for all that u uniformly
// distributed updates are still to come: a node at r is apart from all of them with
// probability (1-16^-r)^u, about e^(-u/16^r).
func commitDepth(u int) int {
	r := commitFloor
	for math.Exp(-float64(u)/math.Pow(16, float64(r))) < commitSure {
		r++
	}
	return r
}

// passed says whether a node is final.
func (p commitPoint) passed(depth int, known []common.Hash) bool {
	return depth >= p.floor && len(known) == 0
}

// idle says that nothing below a node which is not final is both stale and final.
func (p commitPoint) idle(h *head) bool { return h.stale == 0 || h.waits && !p.anew }

// HashEarly hashes those changed nodes that are past their commit point, and leaves the
// rest to Hash: known are the keys that will still be updated, in ascending order, unknown
// is about how many updates of other keys there will be. Updates that were not announced
// cost time and nothing else.
//
// It takes time in proportion to what it hashes, to what changed since it was last called
// and to the number of known keys. So it is for batches of transactions, not for each.
func (t *Trie) HashEarly(known []common.Hash, unknown int) error {
	if t.err != nil {
		return t.err
	}
	for i := 1; i < len(known); i++ {
		if bytes.Compare(known[i-1][:], known[i][:]) >= 0 {
			return fmt.Errorf("trie %x: known keys are not in order at %x", t.owner, known[i])
		}
	}
	if t.stale {
		t.hashEarly(known, commitDepth(unknown))
	}
	return nil
}

func (t *Trie) hashEarly(known []common.Hash, floor int) {
	work := t.pending + min(t.waiting, max(t.promised-len(known), 0))
	anew := floor < t.floor
	if anew {
		work = t.work()
	}
	t.floor, t.promised = floor, len(known)
	g := t.arena.gather(0)
	g.point = commitPoint{floor, anew}
	g.visit(job{node: t.root}, known, work)
	g.flush()
	t.arena.hashers.put(g)
	// What is left has a known key below it, each another one, or is above the floor.
	t.waiting = t.work()
	if floor < 8 {
		t.waiting = min(t.waiting, len(known)+1<<(4*(floor-1)))
	}
	t.pending = 0
}

// work is about how many nodes without stale children there are to be hashed.
func (t *Trie) work() int { return t.pending + t.waiting }

// below are the keys that begin with the first depth nibbles of key.
func below(keys []common.Hash, key *common.Hash, depth int) []common.Hash {
	order := func(i int) int {
		if prefix(&keys[i], key) >= depth {
			return 0
		}
		return bytes.Compare(keys[i][:], key[:])
	}
	from := sort.Search(len(keys), func(i int) bool { return order(i) >= 0 })
	to := sort.Search(len(keys), func(i int) bool { return order(i) > 0 })
	return keys[from:to]
}

// belowNibble are the keys with nibble n at depth, all being the same before it.
func belowNibble(keys []common.Hash, depth, n int) []common.Hash {
	if len(keys) == 0 {
		return nil
	}
	from := sort.Search(len(keys), func(i int) bool { return nibble(&keys[i], depth) >= n })
	to := sort.Search(len(keys), func(i int) bool { return nibble(&keys[i], depth) > n })
	return keys[from:to]
}
