package store

import (
	"slices"
	"sync"

	"github.com/ethereum/go-ethereum/common"
)

// flight are the trie nodes of steps that are not on disk yet. They are found by hash once
// somebody has asked: mostly nobody does, as the tries have their newest nodes in memory, and
// then a step costs nothing here.
type flight struct {
	mu     sync.RWMutex
	unread []*step // whose nodes are not in the map
	byHash map[common.Hash]flying
	nodes  int // of all steps
}

type flying struct {
	blob  []byte
	steps int // that have it
}

// board takes a step's nodes.
func (f *flight) board(x *step) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unread = append(f.unread, x)
	f.nodes += len(x.Nodes)
}

// land forgets a step that is on disk.
func (f *flight) land(x *step) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nodes -= len(x.Nodes)
	if i := slices.Index(f.unread, x); i >= 0 {
		f.unread = slices.Delete(f.unread, i, i+1)
		return
	}
	for i := range x.Nodes {
		n := &x.Nodes[i]
		switch e := f.byHash[n.Hash]; {
		case n.Blob == nil:
		case e.steps > 1:
			f.byHash[n.Hash] = flying{e.blob, e.steps - 1}
		default:
			delete(f.byHash, n.Hash)
		}
	}
	if len(f.byHash) == 0 {
		f.byHash = nil // a map keeps the room of the most it ever had
	}
}

// get is the node with a hash.
func (f *flight) get(hash common.Hash) ([]byte, bool) {
	f.mu.RLock()
	read := len(f.unread) == 0
	e, ok := f.byHash[hash]
	f.mu.RUnlock()
	if ok || read {
		return e.blob, ok
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.read()
	e, ok = f.byHash[hash]
	return e.blob, ok
}

func (f *flight) read() {
	n := len(f.byHash)
	for _, x := range f.unread {
		n += len(x.Nodes)
	}
	if f.byHash == nil {
		f.byHash = make(map[common.Hash]flying, n)
	}
	for _, x := range f.unread {
		for i := range x.Nodes {
			if n := &x.Nodes[i]; n.Blob != nil {
				f.byHash[n.Hash] = flying{n.Blob, f.byHash[n.Hash].steps + 1}
			}
		}
	}
	f.unread = nil
}

func (f *flight) len() int {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.nodes
}
