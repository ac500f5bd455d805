package store

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/ethereum/go-ethereum/common"
)

// Store is a directory with a state in it, and the window of states that can be read.
// Everything on it may be called from any goroutine.
type Store struct {
	opt Options
	dir string
	fs  *disk
	db  *pebble.DB
	how *pebble.Options // that db was opened with
	ack *ack

	tree   *tree
	index  *index
	adding sync.Mutex    // one Add at a time
	epoch  atomic.Uint64 // counts what the disk was told to change; see account

	accounts     *cache[common.Address, account]
	slots        *cache[slotKey, common.Hash]
	codes        *cache[common.Hash, []byte]
	pendingCodes *pending
	flight       flight

	queue        queue
	disk         *layer        // where the disk is; the writer's, and under the queue's lock
	written      chan struct{} // closed when the writer has ended
	executed     atomic.Uint64
	bytesWritten atomic.Uint64

	gate     gate
	fatal    atomic.Pointer[error] // why Pebble gave up
	closed   sync.Once
	closeErr error
	recovery Recovery
}

// Open opens the store in a directory, or makes an empty one there. What was found is in
// Recovery.
func Open(dir string, opt Options) (*Store, error) {
	opt.fill()
	s := &Store{
		opt: opt, dir: dir, index: newIndex(), written: make(chan struct{}),
		accounts:     newCache[common.Address, account](opt.AccountCache, nil),
		slots:        newCache[slotKey, common.Hash](opt.SlotCache, nil),
		codes:        newCache[common.Hash](opt.CodeCache, func(b *[]byte) int { return len(*b) + 16 }),
		pendingCodes: newPending(),
	}
	s.queue.changed = make(chan struct{})
	s.fs = newDisk(opt.FS, s.giveUp)
	if err := s.openDisk(); err != nil {
		if s.fatal.Load() == nil {
			err = errors.Join(err, s.fs.close())
		}
		return nil, fmt.Errorf("store %s: %w", dir, err)
	}
	if err := s.recover(); err != nil {
		s.gate.close()
		err = errors.Join(err, s.shut())
		return nil, fmt.Errorf("store %s: %w", dir, err)
	}
	if opt.ReadOnly {
		close(s.written)
	} else {
		go s.write()
	}
	return s, nil
}

func (s *Store) openDisk() error {
	o := &pebble.Options{
		FS:                 s.fs,
		ReadOnly:           s.opt.ReadOnly,
		ErrorIfNotExists:   s.opt.ReadOnly,
		CacheSize:          int64(s.opt.BlockCache),
		MemTableSize:       uint64(s.opt.MemTable),
		FormatMajorVersion: pebble.FormatTableFormatV6, // sync marks in the log, checksums in footers
		Logger:             (*logger)(s),
		EventListener:      &pebble.EventListener{DataCorruption: func(pebble.DataCorruptionInfo) {}}, // the reader gets the error
	}
	o.MemTableStopWritesThreshold = 4
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10) // half of what the EVM reads is absent
		o.Levels[i].BlockSize = 4 << 10
	}
	o.EnsureDefaults()
	s.how = o
	return s.guard(func() (err error) {
		s.db, err = pebble.Open(s.dir, o)
		if err != nil && isCorruption(err) {
			err = fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		return err
	})
}

// guard calls Pebble from a goroutine that Pebble may end, panic on, or never come back to.
func (s *Store) guard(call func() error) error {
	result := make(chan error, 1)
	go func() {
		err, returned := error(nil), false
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("pebble: %v", r)
				if e, ok := r.(error); ok {
					err = fmt.Errorf("pebble: %w", e)
				}
			} else if !returned {
				err = *s.fatal.Load()
			}
			result <- err
		}()
		err = call()
		returned = true
	}()
	select {
	case err := <-result:
		return err
	case <-s.fs.stop:
		return *s.fatal.Load()
	}
}

// giveUp notes that the disk, or Pebble, has failed. The books are told by a goroutine of
// their own, as whoever called Pebble may have the queue's lock.
func (s *Store) giveUp(err error) {
	s.fatal.CompareAndSwap(nil, &err)
	go s.fail(err)
}

func (s *Store) writable() error {
	if s.opt.ReadOnly {
		return errors.New("store is open for reading only")
	}
	if s.gate.closed.Load() {
		return fmt.Errorf("store: %w", ErrClosed)
	}
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	return s.queue.state()
}

// Close writes what is queued, syncs it, and lets go of everything. Blocks that were added
// and not advanced to are lost. It returns what went wrong since Open.
func (s *Store) Close() error {
	s.closed.Do(func() {
		s.queue.mu.Lock()
		s.queue.closing = true
		s.queue.signal()
		s.queue.mu.Unlock()
		<-s.written
		s.gate.close()
		shut := s.shut()
		s.queue.mu.Lock()
		s.closeErr = errors.Join(s.queue.failed, shut)
		s.queue.mu.Unlock()
	})
	return s.closeErr
}

// shut closes the files. Where the disk has failed, Pebble has goroutines that wait for it
// and files that are theirs; it can only be left alone.
func (s *Store) shut() error {
	var err error
	if s.ack != nil {
		err = s.ack.file.Close()
	}
	if s.fatal.Load() == nil {
		err = errors.Join(err, s.guard(s.db.Close))
	}
	if s.fatal.Load() == nil {
		err = errors.Join(err, s.fs.close())
	}
	if failure := s.fatal.Load(); failure != nil {
		err = errors.Join(err, fmt.Errorf("%w; its files stay open until the process ends", *failure))
	}
	return err
}

// Progress is how far the blocks are, by height, and what waits for what.
type Progress struct {
	Executed uint64 // added last
	Hashed   uint64 // root known, queued for the disk
	Stored   uint64 // applied to the disk
	Durable  uint64 // synced
	Floor    uint64 // oldest state that can be read

	HeadHash, HeadRoot common.Hash // of the block stored

	Steps, StepBytes int // waiting for the disk
	PendingNodes     int // in them
	IndexKeys        int
	Written          uint64 // bytes of batches since Open
}

// Progress says where the store stands.
func (s *Store) Progress() Progress {
	q := &s.queue
	q.mu.Lock()
	p := Progress{
		Executed: s.executed.Load(), Hashed: q.last.block.height, Stored: q.storedHeight, Durable: q.durableHeight,
		HeadHash: s.disk.block.hash, HeadRoot: s.disk.block.root,
		Steps: len(q.steps), StepBytes: q.bytes,
	}
	q.mu.Unlock()
	s.tree.mu.RLock()
	p.Floor = s.tree.floor.block.height
	s.tree.mu.RUnlock()
	p.PendingNodes = s.flight.len()
	p.IndexKeys, p.Written = s.index.size(), s.bytesWritten.Load()
	return p
}
