package store

import (
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
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
// wrote over is gone. Such a store is refused, by the name of the first such record;
// throwing the records away would leave holes and call them a state.
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
		if err := s.checkNewer(h, seq); err != nil {
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

const stepProperty = "gpuevm.step"

// steps tells Pebble the step of each record, so that a table, or a block of one, in
// which all records are older can be passed over: whether any record is newer than the
// head is found without reading the state.
type steps struct{}

// MapPointKey implements sstable.IntervalMapper.
func (steps) MapPointKey(key pebble.InternalKey, value []byte) (sstable.BlockInterval, error) {
	if key.Kind() != pebble.InternalKeyKindSet && key.Kind() != pebble.InternalKeyKindSetWithDelete {
		return sstable.BlockInterval{}, nil
	}
	step, n := binary.Uvarint(value)
	if n <= 0 || step == 1<<64-1 {
		return sstable.BlockInterval{Lower: 0, Upper: 1<<64 - 1}, nil
	}
	return sstable.BlockInterval{Lower: step, Upper: step + 1}, nil
}

// MapRangeKeys implements sstable.IntervalMapper; there are no range keys.
func (steps) MapRangeKeys(sstable.Span) (sstable.BlockInterval, error) {
	return sstable.BlockInterval{}, nil
}

// checkNewer looks for records of steps after that of the head.
func (s *Store) checkNewer(h *head, seq uint64) error {
	first := seq + 1
	filter := sstable.NewBlockIntervalFilter(stepProperty, first, 1<<64-1, nil)
	iter, err := s.db.NewIter(&pebble.IterOptions{PointKeyFilters: []pebble.BlockPropertyFilter{filter}})
	if err != nil {
		return err
	}
	defer iter.Close()
	for iter.First(); iter.Valid(); iter.Next() {
		if iter.Key()[0] == kindMeta {
			continue
		}
		if step, n := binary.Uvarint(iter.Value()); n > 0 && step < first {
			continue
		}
		// A newer deletion may have been in a block that was passed over.
		var st stamp
		found, err := s.get(iter.Key(), func(is stamp, _ []byte) error { st = is; return nil })
		if err != nil {
			return err
		}
		if found {
			return corrupt(iter.Key(), "written by step %d to block %d, the last complete block is %d", st.step, st.height, h.height)
		}
	}
	if err := iter.Error(); err != nil {
		return wrapDisk([]byte{kindMeta}, err)
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
