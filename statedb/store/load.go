package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/ethereum/go-ethereum/common"
)

// Loader fills an empty store with a first state that is too large to be one block's diff
// in memory: a genesis with millions of accounts, a dump. Records go in as they come, in
// batches; that it is finished is written last, so that half a load is known as such.
// Its methods may be called from many goroutines.
type Loader struct {
	s      *Store
	height uint64
	root   common.Hash
	mu     sync.Mutex
	batch  *pebble.Batch
	value  []byte
	key    []byte
	err    error
}

// Account is an account to be loaded.
type Account struct {
	Nonce    uint64
	Balance  common.Hash
	CodeHash common.Hash // zero: no code
}

const loadBatch = 8 << 20

// Load runs fill, which hands over the state after the block (hash, height), and makes it
// the store's first block. Where root is zero, fill says what it is with Loader.Root. After
// an error the directory is of no use, and Open says so. Progress, Sync and Close can be called
// meanwhile; Close ends the load.
func (s *Store) Load(height uint64, hash, root common.Hash, fill func(*Loader) error) error {
	if err := s.writable(); err != nil {
		return err
	}
	if err := s.gate.enter(); err != nil {
		return err
	}
	defer s.gate.leave()
	s.adding.Lock() // nothing else can give the store a block
	defer s.adding.Unlock()
	s.tree.mu.RLock()
	used := len(s.tree.byHash) != 1 || s.tree.floor.block.hash != (common.Hash{})
	s.tree.mu.RUnlock()
	if used || hash == (common.Hash{}) {
		return errors.New("load: the store is not empty, or the block has no hash")
	}
	l := &Loader{s: s, height: height, root: root, batch: s.db.NewBatch()}
	l.put(metaLoading, nil)
	l.flush(true)
	if l.err == nil {
		l.fail(fill(l))
	}
	if l.err == nil {
		l.finish(head{height, hash, l.root})
	}
	if l.err != nil {
		return s.unloaded(fmt.Errorf("load: %w", l.err))
	}
	return nil
}

// unloaded ends all writing: what is on disk is half a state.
func (s *Store) unloaded(err error) error {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	if s.queue.failed == nil {
		s.queue.failed = err
	}
	s.queue.signal()
	return err
}

// finish makes the loaded state the head. What was written without a sync is durable with
// this sync, as it comes later in the log.
func (l *Loader) finish(h head) {
	s := l.s
	if h.root == (common.Hash{}) {
		l.fail(errors.New("the state has no root"))
		return
	}
	l.put(numberKey(kindBlock, h.height), h.append(nil))
	l.put(metaHead, binary.AppendUvarint(h.append(nil), 1))
	_ = l.batch.Delete(metaLoading, nil)
	l.flush(true)
	if l.err != nil {
		return
	}
	q := &s.queue
	s.epoch.Add(1)
	q.mu.Lock()
	defer q.mu.Unlock()
	s.tree.mu.Lock()
	s.tree.floor.dropped.Store(true)
	fresh := newTree(h)
	s.tree.floor, s.tree.byHash, s.tree.byRoot = fresh.floor, fresh.byHash, fresh.byRoot
	s.disk, q.last = s.tree.floor, s.tree.floor
	s.tree.mu.Unlock()
	q.seq, q.stored, q.durable = 1, 1, 1
	q.storedHeight, q.durableHeight = h.height, h.height
	s.executed.Store(h.height)
	l.fail(s.acknowledge(h, 1))
}

// Root says what root the state has come out with.
func (l *Loader) Root(root common.Hash) { l.root = root }

// fail keeps the first error.
func (l *Loader) fail(err error) {
	if l.err == nil {
		l.err = err
	}
}

func (l *Loader) put(key, payload []byte) {
	if l.err != nil {
		return
	}
	if l.s.gate.closed.Load() {
		l.err = fmt.Errorf("store: %w", ErrClosed)
		return
	}
	l.value = finish(append(seal(l.value, stamp{1, l.height}), payload...), key)
	_ = l.batch.Set(key, l.value, nil)
	if l.batch.Len() >= loadBatch {
		l.flush(false)
	}
}

func (l *Loader) flush(sync bool) {
	if l.err != nil {
		return
	}
	l.err = l.s.apply(l.batch, sync)
	l.batch = l.s.db.NewBatch()
}

// Account puts an account.
func (l *Loader) Account(addr common.Address, a Account) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	acct := account{nonce: a.Nonce, balance: a.Balance, codeHash: a.CodeHash, exists: true}
	l.key = accountKey(l.key, addr)
	l.put(l.key, appendAccount(nil, &acct))
	return l.err
}

// Slot puts a storage slot of an account that is put as well.
func (l *Loader) Slot(addr common.Address, slot, value common.Hash) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if value == (common.Hash{}) {
		return l.err
	}
	l.key = storageKey(l.key, &slotKey{addr, slot})
	l.put(l.key, appendWord(nil, value))
	return l.err
}

// Code puts a code.
func (l *Loader) Code(hash common.Hash, blob []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.put(codeKey(hash), blob)
	return l.err
}

// Node puts a trie node.
func (l *Loader) Node(n Node) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.key = nodeKey(l.key, n.Owner, n.Path)
	l.put(l.key, n.Blob)
	return l.err
}
