package store

import (
	"fmt"
	"sync"

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

// Node is the trie node with this hash. Those on their way to the disk are found too.
//
// What comes from the disk is hashed and compared: the disk keeps one node a path, that of
// the block it is at, and a caller at another block must not get it for its own. Nodes
// in memory are kept by hash and need no check. Where the hash is not known (zero),
// the node at the path is returned as it is.
func (s *Store) Node(owner common.Hash, path []byte, hash common.Hash) (blob []byte, err error) {
	if blob, ok := s.flight.get(hash); ok {
		return blob, nil
	}
	var buf [nodeKeySize]byte
	key := nodeKey(buf[:], owner, path)
	_, err = s.get(key, func(_ stamp, p []byte) error {
		blob = append([]byte(nil), p...)
		return nil
	})
	if err == nil && (hash != (common.Hash{}) || blob == nil) && (blob == nil || hashOf(blob) != hash) {
		return nil, fmt.Errorf("%s with hash %s: %w", keyName(key), hash.Hex(), ErrNode)
	}
	return blob, err
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
