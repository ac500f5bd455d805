package store

import (
	"context"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// scan visits the records in a range, each checked, in order, as they are at one instant.
func (s *Store) scan(from, to []byte, visit func(key []byte, st stamp, payload []byte) error) error {
	if err := s.gate.enter(); err != nil {
		return err
	}
	defer s.gate.leave()
	iter, err := s.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
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

// EachNode visits the trie nodes on disk: the account trie's, then those of storage tries by
// owner, each trie in the order of its paths. The node's memory is the visitor's only
// until it returns.
func (s *Store) EachNode(visit func(Node) error) error {
	err := s.scan([]byte{kindNode}, []byte{kindNode + 1}, func(key []byte, _ stamp, p []byte) error {
		if len(key) < 33 {
			return corrupt(key, "storage trie node without an owner")
		}
		return visit(Node{Owner: common.Hash(key[1:33]), Path: key[33:], Blob: p})
	})
	if err != nil {
		return err
	}
	return s.scan([]byte{kindTop}, []byte{kindTop + 1}, func(key []byte, _ stamp, p []byte) error {
		return visit(Node{Path: key[1:], Blob: p})
	})
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

// Stats reads everything, and so checks every record: that it is intact, that it is of no
// step after the head, that codes have their hashes, that slots belong to accounts.
func (s *Store) Stats(ctx context.Context) (stats []KindStats, err error) {
	for _, k := range kinds {
		st := KindStats{Name: k.name}
		err := s.scan([]byte{k.kind}, []byte{k.kind + 1}, func(key []byte, by stamp, p []byte) error {
			st.Records++
			st.Bytes += int64(len(key) + len(p))
			if by.step > s.queue.storedSeq() {
				return corrupt(key, "written by step %d to block %d, after the head", by.step, by.height)
			}
			if k.kind == kindCode && crypto.Keccak256Hash(p) != common.Hash(key[1:]) {
				return corrupt(key, "the code has another hash")
			}
			return ctx.Err()
		})
		if err != nil {
			return stats, err
		}
		if err := s.gate.enter(); err != nil {
			return stats, err
		}
		n, err := s.db.EstimateDiskUsage([]byte{k.kind}, []byte{k.kind + 1})
		s.gate.leave()
		if err != nil {
			return stats, err
		}
		st.OnDisk = int64(n)
		stats = append(stats, st)
	}
	return stats, s.orphans(ctx)
}

// orphans looks for slots whose account is not there.
func (s *Store) orphans(ctx context.Context) error {
	var last common.Address
	known := false
	return s.scan([]byte{kindSlot}, []byte{kindSlot + 1}, func(key []byte, _ stamp, _ []byte) error {
		addr := common.Address(key[1:21])
		if known && addr == last {
			return nil
		}
		last, known = addr, true
		var buf [21]byte
		found, err := s.get(accountKey(buf[:], addr), func(stamp, []byte) error { return nil })
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
// no state. Hashes of blocks stay, as BLOCKHASH may ask for them.
func (s *Store) Prune(ctx context.Context) (records int, err error) {
	if err := s.writable(); err != nil {
		return 0, err
	}
	if err := s.Sync(ctx); err != nil {
		return 0, err
	}
	// With the queue held the disk stays where it is, and no code can come to be used again.
	s.adding.Lock()
	defer s.adding.Unlock()
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	if len(s.queue.steps) > 0 {
		return 0, fmt.Errorf("prune: blocks are waiting for the disk")
	}
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
		err = s.unusedCodes(drop)
	}
	if err == nil {
		err = s.apply(batch, true)
	}
	if err == nil {
		err = s.compact(ctx)
	}
	return records, err
}

// unusedCodes finds codes that no state of the window refers to.
func (s *Store) unusedCodes(drop func([]byte)) error {
	used := make(map[common.Hash]struct{})
	err := s.EachAccount(common.Address{}, func(_ common.Address, a Account) error {
		used[a.CodeHash] = struct{}{}
		return nil
	})
	if err != nil {
		return err
	}
	s.index.eachAccount(func(a *account) { used[a.codeHash] = struct{}{} })
	return s.scan([]byte{kindCode}, []byte{kindCode + 1}, func(key []byte, _ stamp, _ []byte) error {
		if _, ok := used[common.Hash(key[1:])]; !ok {
			drop(key)
		}
		return nil
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
		"accounts": s.accounts.stats(), "slots": s.slots.stats(), "codes": s.codes.stats(), "nodes": s.nodes.stats(),
	}
}
