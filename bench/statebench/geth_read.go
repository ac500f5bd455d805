package statebench

import (
	"sync"
	"sync/atomic"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethdb"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/trie"
)

func hashOf(addr common.Address) common.Hash { return crypto.Keccak256Hash(addr[:]) }

func decode(leaf []byte, a *types.StateAccount) error { return rlp.DecodeBytes(leaf, a) }

func (g *geth) readers() ([]reader, error) {
	flat, err := g.trie.StateReader(g.root)
	if err != nil {
		return nil, err
	}
	walker := &trieReader{g: g}
	return []reader{{
		name: "go-ethereum flat",
		account: func(addr common.Address) (bool, error) {
			a, err := flat.Account(hashOf(addr))
			return a != nil, err
		},
		slot: func(addr common.Address, slot common.Hash) (bool, error) {
			v, err := flat.Storage(hashOf(addr), crypto.Keccak256Hash(slot[:]))
			return len(v) > 0, err
		},
		again: func() error { return nil },
		close: func() {},
	}, {
		name: "go-ethereum trie", account: walker.account, slot: walker.slot, again: walker.again, close: func() {},
	}}, walker.again()
}

// trieReader reads as mptTrieReader of core/state does, which is not exported: one account
// trie for a block, whose nodes stay decoded, behind a lock; storage tries likewise.
type trieReader struct {
	g     *geth
	mu    sync.Mutex
	top   *trie.StateTrie
	tries map[common.Address]*trie.StateTrie
}

func (r *trieReader) again() (err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tries = make(map[common.Address]*trie.StateTrie)
	r.top, err = trie.NewStateTrie(trie.StateTrieID(r.g.root), r.g.trie)
	return err
}

func (r *trieReader) account(addr common.Address) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a, err := r.top.GetAccount(addr)
	return a != nil, err
}

func (r *trieReader) slot(addr common.Address, slot common.Hash) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.tries[addr]
	if t == nil {
		a, err := r.top.GetAccount(addr)
		if a == nil || err != nil {
			return false, err
		}
		if t, err = trie.NewStateTrie(trie.StorageTrieID(r.g.root, hashOf(addr), a.Root), r.g.trie); err != nil {
			return false, err
		}
		r.tries[addr] = t
	}
	v, err := t.GetStorage(addr, slot[:])
	return len(v) > 0, err
}

// countingStore counts the bytes of the batches that are written.
type countingStore struct {
	ethdb.KeyValueStore
	bytes atomic.Int64
}

// NewBatch implements ethdb.Batcher.
func (s *countingStore) NewBatch() ethdb.Batch {
	return &countingBatch{s.KeyValueStore.NewBatch(), &s.bytes}
}

// NewBatchWithSize implements ethdb.Batcher.
func (s *countingStore) NewBatchWithSize(size int) ethdb.Batch {
	return &countingBatch{s.KeyValueStore.NewBatchWithSize(size), &s.bytes}
}

type countingBatch struct {
	ethdb.Batch
	bytes *atomic.Int64
}

func (b *countingBatch) Write() error {
	b.bytes.Add(int64(b.ValueSize()))
	return b.Batch.Write()
}
