package bulk

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/trie"
	"github.com/gpuevm/gpuevm/statedb/keccak"
)

// hashing hashes keys in batches.
type hashing struct {
	hasher keccak.Hasher
	batch  keccak.Batch
	record []byte
}

// hashBatch is how many keys are hashed at once: padded, they take 136 KiB.
const hashBatch = 1024

func (h *hashing) each(n int, key func(i int) []byte, got func(i int, hash *[32]byte) error) error {
	for first := 0; first < n; first += hashBatch {
		h.batch.Reset()
		for i := first; i < min(first+hashBatch, n); i++ {
			h.batch.Add(key(i))
		}
		h.hasher.Hash(&h.batch)
		for i := range h.batch.Len() {
			if err := got(first+i, h.batch.Digest(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (h *hashing) hashOne(key []byte) (hash common.Hash) {
	_ = h.each(1, func(int) []byte { return key }, func(_ int, d *[32]byte) error { hash = *d; return nil })
	return hash
}

// worker builds storage tries of accounts in memory.
type worker struct {
	in *intake
	hashing
	hashes  [][32]byte // of a job's slots
	order   []keyed
	trie    *trie.StackTrie
	emit    emitter
	leaf    []byte
	records []byte // accounts that are done
	used    []byte // their codes
}

func newWorker(in *intake) *worker {
	w := &worker{in: in}
	w.hasher = in.opt.Hasher
	w.trie = trie.NewStackTrie(w.emit.node)
	return w
}

func (w *worker) do(j *job) error {
	n := len(j.slots) / pairWidth
	w.hashes = slices.Grow(w.hashes[:0], n)[:n]
	_ = w.each(n, func(i int) []byte { return j.slots[i*pairWidth:][:32] }, func(i int, hash *[32]byte) error {
		w.hashes[i] = *hash
		return nil
	})
	owners := make([][32]byte, len(j.entries))
	_ = w.each(len(owners), func(i int) []byte { return j.entries[i].Addr[:] }, func(i int, hash *[32]byte) error {
		owners[i] = *hash
		return nil
	})
	first := 0
	for i := range j.entries {
		if w.in.ctx.Err() != nil {
			return nil
		}
		e := &j.entries[i]
		slots := storage{j.slots[first:e.to], w.hashes[first/pairWidth : e.to/pairWidth]}
		first = e.to
		root, err := w.storage(&e.Account, owners[i], slots)
		if err != nil {
			return err
		}
		if err := w.end(&e.Account, &owners[i], root, len(slots.hashes)); err != nil {
			return err
		}
	}
	return w.flush()
}

// storage is the slots of one account.
type storage struct {
	pairs  []byte
	hashes [][32]byte
}

func (s *storage) pair(k keyed) []byte { return s.pairs[int(k.at)*pairWidth:][:pairWidth] }

func (s *storage) sort(order []keyed) []keyed {
	order = order[:0]
	for i := range s.hashes {
		order = append(order, keyed{binary.BigEndian.Uint64(s.hashes[i][:]), uint32(i)})
	}
	slices.SortFunc(order, func(a, b keyed) int {
		if c := cmp.Compare(a.prefix, b.prefix); c != 0 {
			return c
		}
		return bytes.Compare(s.hashes[a.at][:], s.hashes[b.at][:])
	})
	return order
}

// storage builds the storage trie of an account.
func (w *worker) storage(a *Account, owner common.Hash, s storage) (root common.Hash, err error) {
	if len(s.hashes) == 0 {
		return types.EmptyRootHash, nil
	}
	w.order = s.sort(w.order)
	w.emit = emitter{}
	if w.emit.to, err = w.in.to.part(scope{addr: a.Addr, owner: owner}); err != nil {
		return root, err
	}
	root, err = w.grow(a, &s)
	if err == nil {
		err = w.emit.to.end()
	}
	w.in.nodes.Add(int64(w.emit.nodes))
	return root, err
}

func (w *worker) grow(a *Account, s *storage) (root common.Hash, err error) {
	w.trie.Reset()
	for i, k := range w.order {
		pair := s.pair(k)
		if i > 0 && s.hashes[k.at] == s.hashes[w.order[i-1].at] {
			return root, slotTwice(a, pair[:32])
		}
		if err := w.in.to.slot(a.Addr, common.Hash(pair[:32]), common.Hash(pair[32:])); err != nil {
			return root, err
		}
		w.leaf = slotLeaf(w.leaf[:0], pair[32:])
		if err := w.trie.Update(s.hashes[k.at][:], w.leaf); err != nil {
			return root, err
		}
	}
	return w.trie.Hash(), w.emit.err
}

// end is what there is to do with an account whose storage root is known.
func (w *worker) end(a *Account, owner *[32]byte, root common.Hash, slots int) error {
	if a.Root != (common.Hash{}) && a.Root != root {
		return &RootError{Account: a.String(), Slots: slots, Got: root, Want: a.Root}
	}
	if len(a.Code) > 0 {
		if hash := crypto.Keccak256Hash(a.Code); hash != a.CodeHash {
			return fmt.Errorf("%s: its code has hash %s, not %s", a, hash.Hex(), a.CodeHash.Hex())
		}
	}
	if err := w.in.to.account(a); err != nil {
		return err
	}
	w.in.accounts.Add(1)
	w.records = appendAccountRecord(w.records, owner, a, root)
	if w.in.codes != nil && a.CodeHash != (common.Hash{}) {
		w.used = append(append(w.used, a.CodeHash[:]...), a.Addr[:]...)
	}
	return nil
}

func (w *worker) flush() error {
	err := w.in.sorted.add(w.records)
	if err == nil && w.in.codes != nil {
		err = w.in.codes.add(w.used)
	}
	w.records, w.used = w.records[:0], w.used[:0]
	return err
}

// RootError is a root that is not the one there should be.
type RootError struct {
	Account   string // whose storage; empty: the state
	Slots     int    // that the storage has
	Got, Want common.Hash
}

func (e *RootError) Error() string {
	if e.Account == "" {
		return fmt.Sprintf("state root %s, want %s", e.Got.Hex(), e.Want.Hex())
	}
	return fmt.Sprintf("%s: the root of its %d slots is %s, the source says %s: slots are missing, too many, or wrong",
		e.Account, e.Slots, e.Got.Hex(), e.Want.Hex())
}
