package store

import (
	"bytes"
	"cmp"

	"github.com/ethereum/go-ethereum/common"
)

// Nodes is a walk over trie nodes that can be sent from trie to trie. Nodes come in the order of
// their owners and paths, and without their hashes.
type Nodes struct {
	Value Node
	// The upper levels of a trie and the others lie apart: each has a walk, and the next node
	// is the lesser of theirs.
	walks [2]nodeWalk
	last  *nodeWalk // that Value is of
	err   error
}

type nodeWalk struct {
	*Walk[Node]
	waits bool // at a node that was not visited yet
}

// Nodes walks the trie nodes; nowhere before it is sent somewhere.
func (p *Snapshot) Nodes() *Nodes {
	n := new(Nodes)
	for i := range n.walks {
		n.walks[i].Walk = newWalk(p, []byte{kindNode}, []byte{kindNode}, readNode)
	}
	return n
}

func readNode(key, payload []byte, into *Node) (err error) {
	into.Blob = payload
	into.Owner, into.Path, err = splitNodeKey(key)
	return err
}

// Next goes to the next node.
func (n *Nodes) Next() bool {
	n.last = nil
	for i := range n.walks {
		w := &n.walks[i]
		if !w.waits {
			w.waits = w.Next()
		}
		if n.err = cmp.Or(n.err, w.Err()); n.err != nil {
			return false
		}
		if w.waits && (n.last == nil || bytes.Compare(w.Value.Path, n.last.Value.Path) < 0) {
			n.last = w
		}
	}
	if n.last == nil {
		return false
	}
	n.last.waits, n.Value = false, n.last.Value
	return true
}

// Err is what ended the walk before its end.
func (n *Nodes) Err() error { return n.err }

// Close ends the walk and returns what ended it before its end.
func (n *Nodes) Close() error {
	for i := range n.walks {
		n.err = cmp.Or(n.err, n.walks[i].Close())
	}
	return n.err
}

// within sends one walk over upper levels, the other over the rest; a walk without a range is
// over.
func (n *Nodes) within(ranges ...[2][]byte) {
	for i := range n.walks {
		if i == len(ranges) {
			ranges = append(ranges, [2][]byte{{kindNode}, {kindNode}})
		}
		n.walks[i].within(ranges[i][0], ranges[i][1])
		n.walks[i].waits = false
	}
}

// Trie sends the walk to the nodes of one trie whose paths begin with prefix.
func (n *Nodes) Trie(owner common.Hash, prefix []byte) {
	trie := trieKey(nil, owner)
	lower := append(append(trie[:len(trie):len(trie)], deep), prefix...)
	if len(prefix) >= upperLevels {
		n.within([2][]byte{lower, after(lower)})
		return
	}
	upper := append(trie[:len(trie):len(trie)], prefix...)
	end := after(upper)
	if len(prefix) == 0 {
		end = lower
	}
	n.within([2][]byte{upper, end}, [2][]byte{lower, after(lower)})
}

// Top sends the walk to the root node of a trie alone.
func (n *Nodes) Top(owner common.Hash) {
	from := nodeKey(nil, owner, nil)
	n.within([2][]byte{from, append(from[:len(from):len(from)], 0)})
}

// Storage sends the walk to the storage tries of owners that begin with a nibble, from one
// owner on, whose nodes come in the order of their keys.
func (n *Nodes) Storage(nibble byte, from common.Hash) {
	to := []byte{kindNode, (nibble + 1) << 4}
	if nibble == 15 {
		to = []byte{kindNode + 1}
	}
	n.within([2][]byte{append([]byte{kindNode}, from[:]...), to})
}
