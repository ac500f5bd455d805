package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/ethereum/go-ethereum/common"
)

// Loader fills an empty store with a first state that is too large to be one block's diff
// in memory: a genesis with millions of accounts, a dump. Records go in as they come, in any
// order; that it is finished is written last, so that half a load is known as such. Its methods
// may be called from many goroutines.
type Loader struct {
	s      *Store
	height uint64
	root   common.Hash
	mu     sync.Mutex
	now    *bundle
	seats  chan struct{} // of bundles being written
	crew   sync.WaitGroup
	tables atomic.Int64
	failed atomic.Pointer[error]
}

// Account is an account to be loaded.
type Account struct {
	Nonce    uint64
	Balance  common.Hash
	CodeHash common.Hash // zero: no code
}

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
	l := &Loader{s: s, height: height, root: root, seats: make(chan struct{}, 2), now: new(bundle)}
	err := l.mark()
	if err == nil {
		l.fail(fill(l))
		l.flush()
		l.crew.Wait()
		err = l.err()
	}
	if e := s.opt.FS.RemoveAll(s.fs.PathJoin(s.dir, loadDir)); err == nil {
		err = e
	}
	if err == nil {
		err = l.finish(head{height, hash, l.root})
	}
	if err != nil {
		return s.unloaded(fmt.Errorf("load: %w", err))
	}
	return nil
}

// mark says on disk that there will be half a state.
func (l *Loader) mark() error {
	batch := l.s.db.NewBatch()
	_ = batch.Set(metaLoading, l.sealed(metaLoading, nil), nil)
	return l.s.apply(batch, true)
}

func (l *Loader) sealed(key, payload []byte) []byte {
	return appendSealed(nil, stamp{1, l.height}, key, payload)
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

// finish makes the loaded state the head. The tables that it is in are synced.
func (l *Loader) finish(h head) error {
	if h.root == (common.Hash{}) {
		return errors.New("the state has no root")
	}
	s := l.s
	batch := s.db.NewBatch()
	block, top := numberKey(kindBlock, h.height), binary.AppendUvarint(h.append(nil), 1)
	_ = batch.Set(metaBegun, l.sealed(metaBegun, nil), nil)
	_ = batch.Set(block, l.sealed(block, h.append(nil)), nil)
	_ = batch.Set(metaHead, l.sealed(metaHead, top), nil)
	_ = batch.Delete(metaLoading, nil)
	if err := s.apply(batch, true); err != nil {
		return err
	}
	q := &s.queue
	s.epoch.Add(1)
	s.accounts.clear() // what was not there may be now
	s.slots.clear()
	s.codes.clear()
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
	return s.acknowledge(h, 1)
}

// Root says what root the state has come out with.
func (l *Loader) Root(root common.Hash) { l.root = root }

func (l *Loader) err() error {
	if err := l.failed.Load(); err != nil {
		return *err
	}
	if l.s.gate.closed.Load() {
		return fmt.Errorf("store: %w", ErrClosed)
	}
	return nil
}

// fail keeps the first error.
func (l *Loader) fail(err error) {
	if err != nil {
		l.failed.CompareAndSwap(nil, &err)
	}
}

// Account puts an account.
func (l *Loader) Account(addr common.Address, a Account) error {
	var key [21]byte
	var buf [80]byte
	acct := account{nonce: a.Nonce, balance: a.Balance, codeHash: a.CodeHash, exists: true}
	return l.put(accountKey(key[:], addr), appendAccount(buf[:0], &acct))
}

// Slot puts a storage slot of an account that is put as well.
func (l *Loader) Slot(addr common.Address, slot, value common.Hash) error {
	if value == (common.Hash{}) {
		return l.err()
	}
	var key [53]byte
	var buf [33]byte
	return l.put(storageKey(key[:], &slotKey{addr, slot}), appendWord(buf[:0], value))
}

// Code puts a code.
func (l *Loader) Code(hash common.Hash, blob []byte) error { return l.put(codeKey(hash), blob) }

// Node puts a trie node.
func (l *Loader) Node(n Node) error {
	var key [nodeKeySize]byte
	return l.put(nodeKey(key[:], n.Owner, n.Path), n.Blob)
}
