package store

import (
	"encoding/binary"

	"github.com/cockroachdb/pebble/v2"
	"github.com/ethereum/go-ethereum/common"
)

// built is a group of steps as one batch.
type built struct {
	batch   *pebble.Batch
	changes *changes // all of them together
	entered []*layer // blocks that the disk comes to be on
	head    head
	seq     uint64
	key     []byte
	value   []byte
}

// build makes one batch of a group of steps. All of it, or nothing, comes to be on disk:
// the state of the last block, everything its tries need, the undo of each block on
// the way, and the head that says so.
func (s *Store) build(group []*step) (*built, error) {
	b := &built{batch: s.db.NewBatch(), changes: new(changes)}
	if len(group) == 0 {
		b.head, b.seq = s.disk.block, s.queue.storedSeq()
		return b, nil
	}
	last := group[len(group)-1]
	b.head, b.seq = last.to.block, last.seq
	b.put(b.head.height, append(b.key[:0], metaBegun...), func(buf []byte) []byte { return buf }) // first of all
	var walked []*layer
	at := s.disk
	for _, x := range group {
		down, up := s.tree.path(at, x.to)
		if err := s.chain(b, down, up); err != nil {
			return nil, err
		}
		walked = append(append(walked, down...), up...)
		b.nodes(x)
		at = x.to
	}
	var err error
	if b.changes, err = s.changed(s.disk, last.to, walked); err != nil {
		return nil, err
	}
	b.cells()
	b.codes(s)
	b.put(b.head.height, append(b.key[:0], metaHead...), func(buf []byte) []byte {
		return binary.AppendUvarint(b.head.append(buf), b.seq)
	})
	return b, nil
}

func (q *queue) storedSeq() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.stored
}

// put writes a record. Batch operations return no error worth the name: the one thing that
// can go wrong, a batch of more than 4 GB, is a panic, which guard makes an error.
func (b *built) put(height uint64, key []byte, payload func([]byte) []byte) {
	b.key = key
	b.value = finish(payload(seal(b.value, stamp{b.seq, height})), key)
	_ = b.batch.Set(key, b.value, nil)
}

func (b *built) cells() {
	for i := range b.changes.accounts {
		a := &b.changes.accounts[i]
		key := accountKey(b.key, a.addr)
		if !a.after.exists {
			_ = b.batch.Delete(key, nil)
			continue
		}
		b.put(b.head.height, key, func(buf []byte) []byte { return appendAccount(buf, &a.after) })
	}
	for i := range b.changes.slots {
		c := &b.changes.slots[i]
		key := storageKey(b.key, &c.key)
		if c.after == (common.Hash{}) {
			_ = b.batch.Delete(key, nil)
			continue
		}
		b.put(b.head.height, key, func(buf []byte) []byte { return appendWord(buf, c.after) })
	}
}

func (b *built) codes(s *Store) {
	for _, l := range b.entered {
		for _, hash := range l.codes { // only the writer and drop change them, and l is not dropped
			if blob, ok := s.pendingCodes.get(hash); ok {
				b.put(b.head.height, codeKey(hash), func(buf []byte) []byte { return append(buf, blob...) })
			}
		}
	}
}

func (b *built) nodes(x *step) {
	for _, owner := range x.Wiped {
		prefix := trieKey(nil, owner)
		_ = b.batch.DeleteRange(prefix, after(prefix), nil)
	}
	for i := range x.Nodes {
		n := &x.Nodes[i]
		key := nodeKey(b.key, n.Owner, n.Path)
		if n.Blob == nil {
			_ = b.batch.Delete(key, nil)
			continue
		}
		b.put(b.head.height, key, func(buf []byte) []byte { return append(buf, n.Blob...) })
	}
}

// chain writes what is known of the blocks themselves: those left behind go, those
// entered come with their undo, and the undo of blocks that leave the window goes.
func (s *Store) chain(b *built, down, up []*layer) error {
	for _, l := range down {
		_ = b.batch.Delete(numberKey(kindBlock, l.block.height), nil)
		_ = b.batch.Delete(numberKey(kindUndo, l.block.height), nil)
	}
	for _, l := range up {
		c, err := s.changed(l.parent, l, []*layer{l})
		if err != nil {
			return err
		}
		// A block passed on the way may have no root yet, and get it meanwhile.
		block, parent := s.tree.blocks(l)
		b.put(l.block.height, numberKey(kindBlock, l.block.height), block.append)
		u := undo{parent: parent, changes: *c}
		b.put(l.block.height, numberKey(kindUndo, l.block.height), u.append)
		if depth := uint64(s.opt.Depth); l.block.height >= depth {
			_ = b.batch.Delete(numberKey(kindUndo, l.block.height-depth), nil)
		}
		b.entered = append(b.entered, l)
	}
	return nil
}
