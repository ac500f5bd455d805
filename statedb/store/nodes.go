package store

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// Node is a trie node that a block wrote, or deleted where Blob is nil. Path is one
// byte a nibble; the account trie has no owner.
type Node struct {
	Owner common.Hash
	Path  []byte
	Hash  common.Hash // of Blob
	Blob  []byte
}

// NodeRef names a node. A zero Hash asks for whatever the disk has at the path.
type NodeRef struct {
	Owner common.Hash
	Path  []byte
	Hash  common.Hash
}

// Node is the trie node with this hash. Those on their way to the disk are found too.
//
// What comes from the disk is hashed and compared: the disk keeps one node a path, that of
// the block it is at, and a caller at another block must not get it for its own. Nodes
// in memory are kept by hash and need no check. Where the hash is not known (zero),
// the node at the path is returned as it is.
func (s *Store) Node(owner common.Hash, path []byte, hash common.Hash) ([]byte, error) {
	if blob, ok := s.cachedNode(hash); ok {
		return blob, nil
	}
	blob, got, err := s.loadNode(owner, path)
	if err != nil || got == hash || hash == (common.Hash{}) && blob != nil {
		return blob, err
	}
	// It may have been on its way when it was looked for, and on the disk by now.
	if blob, ok := s.cachedNode(hash); ok {
		return blob, nil
	}
	return nil, fmt.Errorf("%s with hash %s: %w", keyName(nodeKey(nil, owner, path)), hash.Hex(), ErrNode)
}

func (s *Store) cachedNode(hash common.Hash) ([]byte, bool) {
	if hash == (common.Hash{}) {
		return nil, false
	}
	if blob, ok := s.flight.get(hash); ok {
		return blob, true
	}
	blob, ok, _ := s.nodes.get(hash)
	return blob, ok
}

// loadNode reads what the disk has at a path, and keeps it.
func (s *Store) loadNode(owner common.Hash, path []byte) (blob []byte, hash common.Hash, err error) {
	var buf [97]byte
	found, err := s.get(nodeKey(buf[:], owner, path), func(_ stamp, p []byte) error {
		blob = append([]byte(nil), p...)
		return nil
	})
	if err != nil || !found {
		return nil, hash, err
	}
	hash = hashOf(blob)
	_, _, version := s.nodes.get(hash)
	s.nodes.fill(hash, blob, version)
	return blob, hash, nil
}

// sponge hashes one node at a time without an allocation: what Read fills in would escape.
type sponge struct {
	state  crypto.KeccakState
	digest common.Hash
}

var sponges = sync.Pool{New: func() any { return &sponge{state: crypto.NewKeccakState()} }}

func hashOf(blob []byte) common.Hash {
	s := sponges.Get().(*sponge)
	defer sponges.Put(s)
	s.state.Reset()
	_, _ = s.state.Write(blob)
	_, _ = s.state.Read(s.digest[:])
	return s.digest
}

// retrieval loads nodes into the cache ahead of those who will ask for them (Q_ret), so
// that a commit finds them there. It is a hint: what finds the queue full is dropped,
// and an error is left for the one who needs the node.
type retrieval struct {
	queue   chan NodeRef
	workers sync.WaitGroup
	busy    atomic.Int64
	loaded  atomic.Uint64
	dropped atomic.Uint64
}

func (s *Store) startRetrieval() {
	r := &s.retrieval
	r.queue = make(chan NodeRef, s.opt.RetrievalQueue)
	for range s.opt.RetrievalWorkers {
		r.workers.Go(func() {
			for ref := range r.queue {
				r.busy.Add(1)
				if _, ok := s.cachedNode(ref.Hash); !ok {
					s.loadNode(ref.Owner, ref.Path)
					r.loaded.Add(1)
				}
				r.busy.Add(-1)
			}
		})
	}
}

// Prefetch queues nodes to be loaded and says how many found a place. It never waits. The
// paths must not change afterwards.
func (s *Store) Prefetch(refs ...NodeRef) (queued int) {
	s.prefetching.RLock()
	defer s.prefetching.RUnlock()
	if s.retired {
		return 0
	}
	for _, ref := range refs {
		select {
		case s.retrieval.queue <- ref:
			queued++
		default:
			s.retrieval.dropped.Add(uint64(len(refs) - queued))
			return queued
		}
	}
	return queued
}

func (s *Store) stopRetrieval() {
	s.prefetching.Lock()
	s.retired = true
	close(s.retrieval.queue)
	s.prefetching.Unlock()
	s.retrieval.workers.Wait()
}
