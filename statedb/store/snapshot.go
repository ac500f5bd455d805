package store

import (
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
)

// Snapshot is what the disk has at one instant: the state of one block as flat records and
// as tries, whatever is written meanwhile. Its walks are in the order of the keys. It must be
// closed; until then the store's Close waits (and the walks end).
type Snapshot struct {
	s      *Store
	snap   *pebble.Snapshot
	head   head
	seq    uint64
	empty  bool
	broken func(error) error
}

// Snapshot takes one. broken is told of each record that is not as it was written; where
// it returns nil the walk goes on without the record.
func (s *Store) Snapshot(broken func(error) error) (*Snapshot, error) {
	if err := s.gate.enter(); err != nil {
		return nil, err
	}
	if broken == nil {
		broken = func(err error) error { return err }
	}
	p := &Snapshot{s: s, snap: s.db.NewSnapshot(), broken: broken}
	if err := p.readHead(); err != nil {
		return nil, fmt.Errorf("%w (%v)", err, p.Close())
	}
	return p, nil
}

func (p *Snapshot) readHead() error {
	value, closer, err := p.snap.Get(metaHead)
	if err == pebble.ErrNotFound {
		p.head, p.empty = head{root: types.EmptyRootHash}, true
		return nil
	}
	if err != nil {
		return wrapDisk(metaHead, err)
	}
	defer closer.Close()
	st, payload, err := open(metaHead, value)
	if err != nil {
		return err
	}
	p.head, p.seq, err = decodeTop(st, payload)
	return err
}

// decodeTop reads the head's record: the block, and the step that led there.
func decodeTop(st stamp, p []byte) (h head, seq uint64, err error) {
	if len(p) < 65 {
		return h, 0, fmt.Errorf("head of %d bytes", len(p))
	}
	seq, n := binary.Uvarint(p[64:])
	if n <= 0 {
		return h, 0, fmt.Errorf("head without a step number")
	}
	h, err = decodeHead(st.height, p[:64])
	return h, seq, err
}

// Close ends the snapshot; its walks must be closed by then.
func (p *Snapshot) Close() error {
	defer p.s.gate.leave()
	return p.snap.Close()
}

// Head is the block that the state is of; its hash is zero where there is none yet.
func (p *Snapshot) Head() Head { return Head{p.head.height, p.head.hash, p.head.root} }

// AccountRecord is an account as a walk finds it.
type AccountRecord struct {
	Addr common.Address
	Account
}

// SlotRecord is a storage slot as a walk finds it.
type SlotRecord struct {
	Addr        common.Address
	Slot, Value common.Hash
}

// CodeRecord is a code as a walk finds it.
type CodeRecord struct {
	Hash common.Hash
	Blob []byte
}

// Walk visits records of one kind, each checked: that it is intact, of no step after the
// head, and of the form that its kind has. What Value refers to is the walk's.
//
//	for w.Next() { use(w.Value) }
//	err := w.Close()
type Walk[T any] struct {
	Value  T
	p      *Snapshot
	iter   *pebble.Iterator
	decode func(key, payload []byte, into *T) error
	from   []byte // where it began
	placed bool
	err    error
}

func newWalk[T any](p *Snapshot, from, to []byte, decode func(key, payload []byte, into *T) error) *Walk[T] {
	w := &Walk[T]{p: p, decode: decode, from: from}
	w.iter, w.err = p.snap.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	return w
}

// Next goes to the next record.
func (w *Walk[T]) Next() bool {
	for w.err == nil && w.step() {
		key := w.iter.Key()
		st, payload, err := open(key, w.iter.Value())
		if err == nil && st.step > w.p.seq {
			err = corrupt(key, "written by step %d to block %d, after the head", st.step, st.height)
		}
		if err == nil {
			if err = w.decode(key, payload, &w.Value); err != nil {
				err = corrupt(key, "%v", err)
			}
		}
		if err == nil {
			return true
		}
		w.err = w.p.broken(err)
	}
	return false
}

func (w *Walk[T]) step() (ok bool) {
	if w.p.s.gate.closed.Load() {
		w.err = fmt.Errorf("store: %w", ErrClosed)
		return false
	}
	if w.placed {
		ok = w.iter.Next()
	} else {
		w.placed, ok = true, w.iter.First()
	}
	if err := w.iter.Error(); err != nil {
		w.err = wrapDisk(w.from, fmt.Errorf("in the records from here on: %w", err))
	}
	return ok && w.err == nil
}

// within restricts the walk to other keys and puts it before the first of them.
func (w *Walk[T]) within(from, to []byte) {
	if w.err == nil {
		w.iter.SetBounds(from, to)
		w.from, w.placed = from, false
	}
}

// Err is what ended the walk before its end.
func (w *Walk[T]) Err() error { return w.err }

// Close ends the walk and returns what ended it before its end.
func (w *Walk[T]) Close() error {
	if w.iter == nil {
		return w.err
	}
	if err := w.iter.Close(); w.err == nil {
		w.err = err
	}
	w.iter = nil
	return w.err
}

func readAccount(key, p []byte, into *AccountRecord) error {
	a, err := decodeAccount(p)
	if err == nil && len(key) != 21 {
		err = fmt.Errorf("key of %d bytes", len(key))
	}
	if err == nil {
		*into = AccountRecord{common.Address(key[1:]), Account{a.nonce, a.balance, a.codeHash}}
	}
	return err
}

func readSlot(key, p []byte, into *SlotRecord) error {
	v, rest, err := readWord(p)
	switch {
	case err != nil:
		return err
	case len(key) != 53:
		return fmt.Errorf("key of %d bytes", len(key))
	case len(rest) > 0 || v == (common.Hash{}):
		return fmt.Errorf("%#x is no value of a slot", p)
	}
	*into = SlotRecord{common.Address(key[1:21]), common.Hash(key[21:]), v}
	return nil
}

// Accounts walks the accounts by address.
func (p *Snapshot) Accounts() *Walk[AccountRecord] {
	return newWalk(p, []byte{kindAccount}, []byte{kindAccount + 1}, readAccount)
}

// Slots walks the slots of all accounts, by address and slot.
func (p *Snapshot) Slots() *Walk[SlotRecord] {
	return newWalk(p, []byte{kindSlot}, []byte{kindSlot + 1}, readSlot)
}

// Codes walks the codes by hash. That they have it is for the visitor to check.
func (p *Snapshot) Codes() *Walk[CodeRecord] {
	return newWalk(p, []byte{kindCode}, []byte{kindCode + 1}, func(key, payload []byte, into *CodeRecord) error {
		if len(key) != 33 {
			return fmt.Errorf("key of %d bytes", len(key))
		}
		*into = CodeRecord{common.Hash(key[1:]), payload}
		return nil
	})
}

// Code is a code by its hash.
func (p *Snapshot) Code(hash common.Hash) ([]byte, error) {
	key := codeKey(hash)
	value, closer, err := p.snap.Get(key)
	if err == pebble.ErrNotFound {
		return nil, fmt.Errorf("%w: no code with hash %s", ErrCorrupt, hash.Hex())
	}
	if err != nil {
		return nil, wrapDisk(key, err)
	}
	defer closer.Close()
	_, payload, err := open(key, value)
	return append([]byte(nil), payload...), err
}

// Rest checks what the other walks don't visit: hashes of blocks, undo records, metadata.
func (p *Snapshot) Rest(visited func()) error {
	for _, kind := range []byte{kindBlock, kindUndo, kindMeta} {
		w := newWalk(p, []byte{kind}, []byte{kind + 1}, p.checkBook)
		for w.Next() {
			visited()
		}
		if err := w.Close(); err != nil {
			return err
		}
	}
	return p.checkChain()
}

func (p *Snapshot) checkBook(key, payload []byte, _ *struct{}) error {
	switch {
	case key[0] != kindMeta && len(key) != 9:
		return fmt.Errorf("key of %d bytes", len(key))
	case key[0] == kindBlock:
		_, err := decodeHead(0, payload)
		return err
	case key[0] == kindUndo:
		_, err := decodeUndo(payload)
		return err
	}
	return nil
}

// checkChain compares the head with the record of its block.
func (p *Snapshot) checkChain() error {
	if p.empty {
		return nil
	}
	key := numberKey(kindBlock, p.head.height)
	value, closer, err := p.snap.Get(key)
	if err == pebble.ErrNotFound {
		return p.broken(corrupt(key, "the head's block has no record"))
	}
	if err != nil {
		return wrapDisk(key, err)
	}
	defer closer.Close()
	st, payload, err := open(key, value)
	if err != nil {
		return nil // the walk has told
	}
	if h, err := decodeHead(st.height, payload); err != nil || h.hash != p.head.hash || h.root != p.head.root {
		return p.broken(corrupt(key, "hash %s and root %s, the head has %s and %s", h.hash.Hex(), h.root.Hex(), p.head.hash.Hex(), p.head.root.Hex()))
	}
	return nil
}

// Size estimates the bytes that accounts and slots, and trie nodes, take on disk.
func (p *Snapshot) Size() (flat, storage, top, codes int64) {
	size := func(kind byte) int64 {
		n, err := p.s.db.EstimateDiskUsage([]byte{kind}, []byte{kind + 1})
		if err != nil {
			return 0 // an estimate, for those who watch
		}
		return int64(n)
	}
	return size(kindAccount) + size(kindSlot), size(kindNode), size(kindTop), size(kindCode)
}

// Dir is where the store is, and on which file system.
func (s *Store) Dir() (string, vfs.FS) { return s.dir, s.opt.FS }
