package forest

import (
	"sync"
	"sync/atomic"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/gpuevm/gpuevm/statedb/mpt"
)

// source counts what is asked of another.
type source struct {
	mpt.Source
	loaded atomic.Int64
}

// Node implements mpt.Source.
func (s *source) Node(owner common.Hash, path []byte, hash common.Hash) ([]byte, error) {
	s.loaded.Add(1)
	return s.Source.Node(owner, path, hash)
}

// Sweep implements mpt.Sweeper, whether or not the other source does.
func (s *source) Sweep() mpt.Sweep {
	if from, ok := s.Source.(mpt.Sweeper); ok {
		return &sweep{from.Sweep(), &s.loaded}
	}
	return unswept{s}
}

// sweep counts too.
type sweep struct {
	mpt.Sweep
	loaded *atomic.Int64
}

// Node implements mpt.Source.
func (s *sweep) Node(owner common.Hash, path []byte, hash common.Hash) ([]byte, error) {
	s.loaded.Add(1)
	return s.Sweep.Node(owner, path, hash)
}

type unswept struct{ *source }

func (unswept) Close() {}

// Nodes are nodes in memory by hash: those of a witness, or of a state that is nowhere
// else. Nothing in it can be wrong, only missing. Safe for concurrent use.
type Nodes struct {
	mu     sync.RWMutex
	byHash map[common.Hash][]byte
}

// NewNodes are nodes as a witness lists them. The blobs are not copied.
func NewNodes(blobs ...[]byte) *Nodes {
	n := &Nodes{byHash: make(map[common.Hash][]byte, len(blobs))}
	for _, b := range blobs {
		n.byHash[crypto.Keccak256Hash(b)] = b
	}
	return n
}

// Node implements mpt.Source.
func (n *Nodes) Node(_ common.Hash, _ []byte, hash common.Hash) ([]byte, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.byHash[hash], nil
}

// Keep takes a change that Collect hands over. Nodes that are gone stay: others may have
// the same hash.
func (n *Nodes) Keep(c *mpt.Change) error {
	if c.Blob == nil {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.byHash[c.Hash] == nil {
		n.byHash[c.Hash] = append([]byte(nil), c.Blob...)
	}
	return nil
}
