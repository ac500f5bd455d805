package store

import (
	"encoding/binary"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
)

// Recovery is what Open found.
type Recovery struct {
	Empty  bool   // no block is stored
	Height uint64 // the last complete block; replay from the one after it
	Hash   common.Hash
	Root   common.Hash
	Floor  uint64 // the oldest state that can be read
	// Notes are things that should not be and do no harm.
	Notes []string
}

// Recovery says what Open found, and so from where to replay.
func (s *Store) Recovery() Recovery { return s.recovery }

// recover finds the last complete block and checks that the disk is what it was.
//
// Records of later blocks can't be there, for a batch is on disk as a whole or not at all. If
// they are all the same (somebody's bug, or ours), the state is of no block: what they
// wrote over is gone. Such a store is refused, by the marks at the two ends of a batch;
// throwing the records away would leave holes and call them a state. That no record
// anywhere is of a later step is for Stats and bulk.Verify to see, which read everything. (Opening
// did so too, by what tables note of their records, until it turned out that Pebble shows such notes
// no values: it read the whole state.)
func (s *Store) recover() error {
	fresh, err := s.checkSchema()
	if err != nil {
		return err
	}
	h, seq, err := s.readHead()
	if err != nil {
		return err
	}
	if s.ack, err = s.openAck(seq); err != nil {
		return err
	}
	empty := h == nil
	if empty {
		h = &head{root: types.EmptyRootHash}
	}
	if !fresh {
		if err := s.checkWhole(h, seq); err != nil {
			return err
		}
	}
	if err := s.restore(*h, empty); err != nil {
		return err
	}
	q := &s.queue
	q.last, q.seq, q.stored, q.durable = s.disk, seq, seq, seq
	q.storedHeight, q.durableHeight = h.height, h.height
	s.executed.Store(h.height)
	s.recovery.Empty, s.recovery.Height, s.recovery.Hash, s.recovery.Root = empty, h.height, h.hash, h.root
	s.recovery.Floor = s.tree.floor.block.height
	return nil
}

// checkSchema reads the version and the chain, or writes them into a new store.
func (s *Store) checkSchema() (fresh bool, err error) {
	found, err := s.get(metaSchema, func(_ stamp, p []byte) error {
		if v, n := binary.Uvarint(p); n <= 0 || v != schemaVersion {
			return fmt.Errorf("schema version %d, this program knows version %d", v, schemaVersion)
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	if !found {
		return true, s.initialize()
	}
	if found, err = s.get(metaLoading, func(stamp, []byte) error { return nil }); err != nil || found {
		if err == nil {
			err = fmt.Errorf("%w: a load was not finished; remove the directory and load again", ErrCorrupt)
		}
		return false, err
	}
	var genesis common.Hash // zero where a state was imported that does not say of which chain
	_, err = s.get(metaGenesis, func(_ stamp, p []byte) error {
		genesis = common.BytesToHash(p)
		return nil
	})
	if want := s.opt.Genesis; err == nil && want != genesis && want != (common.Hash{}) && genesis != (common.Hash{}) {
		err = fmt.Errorf("%w: its genesis is %s, want %s", ErrChain, genesis.Hex(), want.Hex())
	}
	return false, err
}

func (s *Store) initialize() error {
	if s.opt.ReadOnly {
		return fmt.Errorf("%w: no schema version", ErrCorrupt)
	}
	iter, err := s.db.NewIter(nil)
	if err != nil {
		return err
	}
	if iter.First() {
		err = corrupt(iter.Key(), "there is a record but no schema version")
	}
	if e := iter.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	batch := s.db.NewBatch()
	set := func(key, payload []byte) {
		_ = batch.Set(key, finish(append(seal(nil, stamp{}), payload...), key), nil)
	}
	set(metaSchema, binary.AppendUvarint(nil, schemaVersion))
	set(metaGenesis, s.opt.Genesis[:])
	return s.apply(batch, true)
}

func (s *Store) readHead() (h *head, seq uint64, err error) {
	_, err = s.get(metaHead, func(st stamp, p []byte) error {
		v, n, err := decodeTop(st, p)
		h, seq = &v, n
		return err
	})
	return h, seq, err
}

// checkWhole compares the marks at the two ends of the last batch: the one that it begins with,
// and the head, which it ends with.
func (s *Store) checkWhole(h *head, seq uint64) error {
	var begun stamp
	if _, err := s.get(metaBegun, func(st stamp, _ []byte) error { begun = st; return nil }); err != nil {
		return err
	}
	if begun.step != seq {
		return corrupt(metaBegun, "step %d to block %d was begun and is not whole: the last complete one is step %d to block %d",
			begun.step, begun.height, seq, h.height)
	}
	return nil
}

// restore builds the window from the undo records: from the head down as far as they go.
func (s *Store) restore(h head, empty bool) error {
	var undos []undo
	blocks := []head{h}
	for at := h; !empty && len(undos) < s.opt.Depth-1; {
		var u undo
		found, err := s.get(numberKey(kindUndo, at.height), func(_ stamp, p []byte) (err error) {
			u, err = decodeUndo(p)
			return err
		})
		if err != nil {
			return err
		}
		if !found {
			break
		}
		undos = append(undos, u)
		blocks = append(blocks, u.parent)
		at = u.parent
		if at.hash == (common.Hash{}) {
			break
		}
	}
	s.tree = newTree(blocks[len(blocks)-1])
	s.disk = s.tree.floor
	for i := len(undos) - 1; i >= 0; i-- {
		l := s.tree.child(s.disk, blocks[i])
		l.settled = l.block.root != (common.Hash{})
		s.enter(l, &undos[i].changes)
		s.disk = l
	}
	return nil
}
