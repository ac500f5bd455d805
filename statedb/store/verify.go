package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/ethereum/go-ethereum/common"
)

// scan visits the records in a range, each checked, in order, as they are at one instant.
func (s *Store) scan(from, to []byte, visit func(key []byte, st stamp, payload []byte) error) error {
	if err := s.gate.enter(); err != nil {
		return err
	}
	defer s.gate.leave()
	return scan(s.db, from, to, visit)
}

func scan(in pebble.Reader, from, to []byte, visit func(key []byte, st stamp, payload []byte) error) error {
	iter, err := in.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return wrapDisk(from, err)
	}
	defer iter.Close()
	for iter.First(); iter.Valid(); iter.Next() {
		st, payload, err := open(iter.Key(), iter.Value())
		if err != nil {
			return err
		}
		if err := visit(iter.Key(), st, payload); err != nil {
			return err
		}
	}
	if err := iter.Error(); err != nil {
		return wrapDisk(from, fmt.Errorf("in the records from here on: %w", err))
	}
	return nil
}

// EachAccount visits the accounts of the stored state, by address, from one on. Slots of an
// account are to be had by EachSlot; the disk must not move in between.
func (s *Store) EachAccount(from common.Address, visit func(common.Address, Account) error) error {
	return s.scan(accountKey(nil, from), []byte{kindAccount + 1}, func(key []byte, _ stamp, p []byte) error {
		a, err := decodeAccount(p)
		if err != nil || len(key) != 21 {
			return corrupt(key, "%v", err)
		}
		return visit(common.Address(key[1:]), Account{a.nonce, a.balance, a.codeHash})
	})
}

// EachSlot visits the slots of an account in the stored state, by slot.
func (s *Store) EachSlot(addr common.Address, visit func(slot, value common.Hash) error) error {
	prefix := append([]byte{kindSlot}, addr[:]...)
	return s.scan(prefix, after(prefix), func(key []byte, _ stamp, p []byte) error {
		v, _, err := readWord(p)
		if err != nil || len(key) != 53 {
			return corrupt(key, "%v", err)
		}
		return visit(common.Hash(key[21:]), v)
	})
}

// EachNode visits the trie nodes on disk: those of storage tries by owner, then the account
// trie's, of each trie the upper levels first. The node's memory is the visitor's only until it
// returns.
func (s *Store) EachNode(visit func(Node) error) error {
	for _, kind := range []byte{kindNode, kindTop} {
		err := s.scan([]byte{kind}, []byte{kind + 1}, func(key []byte, _ stamp, p []byte) error {
			owner, path, err := splitNodeKey(key)
			if err != nil {
				return corrupt(key, "%v", err)
			}
			return visit(Node{Owner: owner, Path: path, Blob: p})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Kinds are the kinds of records, as Stats names them.
var kinds = []struct {
	kind byte
	name string
}{
	{kindAccount, "accounts"}, {kindSlot, "slots"}, {kindCode, "codes"}, {kindTop, "account trie nodes"},
	{kindNode, "storage trie nodes"}, {kindBlock, "blocks"}, {kindUndo, "undo"}, {kindMeta, "metadata"},
}

// KindStats counts the records of a kind.
type KindStats struct {
	Name    string
	Records int
	Bytes   int64 // keys and values
	OnDisk  int64 // after compression, as Pebble estimates it
}

// Stats reads everything, as it is at one instant whatever is written meanwhile, and so
// checks every record: that it is intact, that it is of no step after the head, that codes
// have their hashes, that slots belong to accounts. Who watches is told now and then of how many bytes on disk have been read, about.
func (s *Store) Stats(ctx context.Context, watching ...func(done, total int64)) (stats []KindStats, err error) {
	total := int64(0)
	for _, k := range kinds {
		n, err := s.usage(k.kind)
		if err != nil {
			return nil, err
		}
		stats = append(stats, KindStats{Name: k.name, OnDisk: n})
		total += n
	}
	at, err := s.Snapshot(nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, at.Close()) }()
	done := int64(0)
	for i, k := range kinds {
		st := &stats[i]
		w := watch{ctx: ctx, watching: watching, from: done, part: st.OnDisk, total: total}
		err := scan(at.snap, []byte{k.kind}, []byte{k.kind + 1}, func(key []byte, by stamp, p []byte) error {
			st.Records++
			st.Bytes += int64(len(key) + len(p))
			if by.step > at.seq {
				return corrupt(key, "written by step %d to block %d, after the head", by.step, by.height)
			}
			if k.kind == kindCode && hashOf(p) != common.Hash(key[1:]) {
				return corrupt(key, "the code has another hash")
			}
			return w.at(key)
		})
		if err != nil {
			return stats[:i], err
		}
		done += st.OnDisk
	}
	return stats, at.orphans(ctx)
}

// usage is what a kind of records takes on disk, as Pebble estimates it.
func (s *Store) usage(kind byte) (int64, error) {
	if err := s.gate.enter(); err != nil {
		return 0, err
	}
	defer s.gate.leave()
	n, err := s.db.EstimateDiskUsage([]byte{kind}, []byte{kind + 1})
	return int64(n), err
}

// watch tells how far a scan of one kind is, by where the key lies among all there could
// be: addresses and hashes are spread evenly.
type watch struct {
	ctx               context.Context
	watching          []func(done, total int64)
	from, part, total int64
	records           int
}

func (w *watch) at(key []byte) error {
	if w.records++; w.records%1024 != 1 {
		return nil
	}
	var place [8]byte
	copy(place[:], key[1:])
	for _, told := range w.watching {
		told(w.from+int64(float64(binary.BigEndian.Uint64(place[:]))/(1<<64)*float64(w.part)), w.total)
	}
	return w.ctx.Err()
}

// orphans looks for slots whose account is not there.
func (p *Snapshot) orphans(ctx context.Context) error {
	var last common.Address
	known := false
	return scan(p.snap, []byte{kindSlot}, []byte{kindSlot + 1}, func(key []byte, _ stamp, _ []byte) error {
		addr := common.Address(key[1:21])
		if known && addr == last {
			return nil
		}
		last, known = addr, true
		var buf [21]byte
		found, err := get(p.snap, accountKey(buf[:], addr), func(stamp, []byte) error { return nil })
		if err == nil && !found {
			err = corrupt(key, "a slot without an account")
		}
		if err == nil {
			err = ctx.Err()
		}
		return err
	})
}

// Prune removes what no state of the window needs: undo records older than the window, codes
// that no account refers to, and the space of records that were deleted. It changes
// no state. Hashes of blocks stay, as BLOCKHASH may ask for them. Who watches is told how
// much of the accounts has been looked through; the compaction after that says nothing of
// itself. Blocks can't be added meanwhile; those that were go on to the disk.
func (s *Store) Prune(ctx context.Context, watching ...func(done, total int64)) (records int, err error) {
	if err := s.writable(); err != nil {
		return 0, err
	}
	if err := s.Sync(ctx); err != nil {
		return 0, err
	}
	if err := s.gate.enter(); err != nil {
		return 0, err
	}
	defer s.gate.leave()
	s.adding.Lock()
	defer s.adding.Unlock()
	batch := s.db.NewBatch()
	drop := func(key []byte) {
		records++
		_ = batch.Delete(key, nil)
	}
	s.tree.mu.RLock()
	floor := s.tree.floor.block.height
	s.tree.mu.RUnlock()
	err = s.scan([]byte{kindUndo}, numberKey(kindUndo, floor+1), func(key []byte, _ stamp, _ []byte) error {
		drop(key)
		return ctx.Err()
	})
	if err == nil {
		err = s.unusedCodes(ctx, watching, drop)
	}
	if err == nil {
		err = s.apply(batch, true)
	}
	if err == nil {
		err = s.compact(ctx)
	}
	return records, err
}

// unusedCodes finds codes that no state of the window refers to. The index is asked first: as
// no block is added, whatever the disk comes to refer to while it is read is in the
// index by then. (The other way round, a block could leave the index for the disk unseen.)
func (s *Store) unusedCodes(ctx context.Context, watching []func(done, total int64), drop func([]byte)) error {
	total, err := s.usage(kindAccount)
	if err != nil {
		return err
	}
	w := watch{ctx: ctx, watching: watching, part: total, total: total}
	used := make(map[common.Hash]struct{})
	s.index.eachAccount(func(a *account) { used[a.codeHash] = struct{}{} })
	err = s.scan([]byte{kindAccount}, []byte{kindAccount + 1}, func(key []byte, _ stamp, p []byte) error {
		a, err := decodeAccount(p)
		if err != nil {
			return corrupt(key, "%v", err)
		}
		if a.codeHash != (common.Hash{}) {
			used[a.codeHash] = struct{}{}
		}
		return w.at(key)
	})
	if err != nil {
		return err
	}
	return s.scan([]byte{kindCode}, []byte{kindCode + 1}, func(key []byte, _ stamp, _ []byte) error {
		if _, ok := used[common.Hash(key[1:])]; !ok {
			drop(key)
		}
		return ctx.Err()
	})
}

func (s *Store) compact(ctx context.Context) error {
	if err := s.gate.enter(); err != nil {
		return err
	}
	defer s.gate.leave()
	return s.guard(func() error { return s.db.Compact(ctx, []byte{kindAccount}, []byte{0xff}, false) })
}

// Caches says how the caches are doing, by name.
func (s *Store) Caches() map[string]CacheStats {
	return map[string]CacheStats{
		"accounts": s.accounts.stats(), "slots": s.slots.stats(), "codes": s.codes.stats(),
	}
}
