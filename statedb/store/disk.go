package store

import (
	"errors"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/ethereum/go-ethereum/common"
)

// get reads a record and checks it. use gets the payload, which it must not keep; a
// record that is absent is not used and no error.
func (s *Store) get(key []byte, use func(st stamp, payload []byte) error) (found bool, err error) {
	if err := s.gate.enter(); err != nil {
		return false, err
	}
	defer s.gate.leave()
	return get(s.db, key, use)
}

func get(in pebble.Reader, key []byte, use func(st stamp, payload []byte) error) (found bool, err error) {
	value, closer, err := in.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, wrapDisk(key, err)
	}
	defer closer.Close()
	st, payload, err := open(key, value)
	if err != nil {
		return false, err
	}
	if err := use(st, payload); err != nil {
		return false, corrupt(key, "%v", err)
	}
	return true, nil
}

func (s *Store) diskAccount(addr common.Address) (account, error) {
	a, ok, version := s.accounts.get(addr)
	if ok {
		return a, nil
	}
	var buf [21]byte
	_, err := s.get(accountKey(buf[:], addr), func(_ stamp, p []byte) (err error) {
		a, err = decodeAccount(p)
		return err
	})
	if err != nil {
		return account{}, err
	}
	s.accounts.fill(addr, a, version)
	return a, nil
}

func (s *Store) diskSlot(k slotKey) (common.Hash, error) {
	v, ok, version := s.slots.get(k)
	if ok {
		return v, nil
	}
	var buf [53]byte
	_, err := s.get(storageKey(buf[:], &k), func(_ stamp, p []byte) (err error) {
		v, _, err = readWord(p)
		return err
	})
	if err != nil {
		return common.Hash{}, err
	}
	s.slots.fill(k, v, version)
	return v, nil
}

func (s *Store) diskCode(hash common.Hash) ([]byte, error) {
	blob, ok, version := s.codes.get(hash)
	if ok {
		return blob, nil
	}
	found, err := s.get(codeKey(hash), func(_ stamp, p []byte) error {
		blob = append([]byte(nil), p...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("no code with hash %s", hash.Hex())
	}
	s.codes.fill(hash, blob, version)
	return blob, nil
}

// diskSlotsOf visits the slots of an account that have a record.
func (s *Store) diskSlotsOf(addr common.Address, visit func(slotKey)) error {
	prefix := append([]byte{kindSlot}, addr[:]...)
	return s.scan(prefix, after(prefix), func(key []byte, _ stamp, _ []byte) error {
		visit(slotKey{addr, common.Hash(key[21:])})
		return nil
	})
}

// BlockHash is the hash of a stored block of the chain that the disk is on.
func (s *Store) BlockHash(number uint64) (common.Hash, error) {
	var h head
	found, err := s.get(numberKey(kindBlock, number), func(st stamp, p []byte) (err error) {
		h, err = decodeHead(st.height, p)
		return err
	})
	if err == nil && !found {
		err = fmt.Errorf("block %d: %w", number, ErrUnknown)
	}
	return h.hash, err
}

// pending are blobs on their way to the disk, by hash: how many wait for each.
type pending struct {
	mu    sync.RWMutex
	blobs map[common.Hash]*pendingBlob
}

type pendingBlob struct {
	blob []byte
	refs int
}

func newPending() *pending { return &pending{blobs: make(map[common.Hash]*pendingBlob)} }

func (p *pending) hold(hash common.Hash, blob []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if b := p.blobs[hash]; b != nil {
		b.refs++
		return
	}
	p.blobs[hash] = &pendingBlob{blob, 1}
}

func (p *pending) release(hash common.Hash) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if b := p.blobs[hash]; b != nil {
		if b.refs--; b.refs == 0 {
			delete(p.blobs, hash)
		}
	}
}

func (p *pending) get(hash common.Hash) ([]byte, bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if b := p.blobs[hash]; b != nil {
		return b.blob, true
	}
	return nil, false
}
