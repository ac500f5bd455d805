package store

import (
	"bytes"

	"github.com/cockroachdb/pebble/v2"
	"github.com/ethereum/go-ethereum/common"
)

// Sweep reads trie nodes for one goroutine that wants many, mostly in the order of their
// owners and paths: a sub-trie's nodes are neighbours on disk, and an iterator that is there
// already needs a third of the time of a look-up. It keeps the store from being closed.
type Sweep struct {
	s            *Store
	upper, lower place // the upper levels lie apart
	key          []byte
	blobs        []byte // room for nodes; whoever gets one keeps it
}

// place is where a sweep is.
type place struct {
	iter  *pebble.Iterator
	asked int
}

const (
	// sweepAfter is how many nodes are looked up before an iterator is made, which takes as
	// long as about that many.
	sweepAfter = 6
	sweepRoom  = 1 << 15
)

// Sweep begins one.
func (s *Store) Sweep() *Sweep { return &Sweep{s: s} }

// Node is Store.Node.
func (w *Sweep) Node(owner common.Hash, path []byte, hash common.Hash) ([]byte, error) {
	if blob, ok := w.s.flight.get(hash); ok {
		return blob, nil
	}
	at := &w.lower
	if len(path) < upperLevels {
		at = &w.upper
	}
	if at.asked++; at.asked <= sweepAfter || hash == (common.Hash{}) || !w.began(at) {
		return w.s.Node(owner, path, hash)
	}
	w.key = nodeKey(w.key, owner, path)
	blob, err := w.seek(at.iter)
	if err == nil && (blob == nil || hashOf(blob) != hash) {
		return w.s.Node(owner, path, hash) // the disk may have gone on since
	}
	return blob, err
}

// began makes an iterator. Where that fails, a look-up will say why.
func (w *Sweep) began(at *place) bool {
	if at.iter != nil {
		return true
	}
	if w.s.gate.enter() != nil {
		return false
	}
	var err error
	if at.iter, err = w.s.db.NewIter(nil); err != nil {
		at.iter = nil
		w.s.gate.leave()
	}
	return err == nil
}

// seek is what the iterator has at the key.
func (w *Sweep) seek(iter *pebble.Iterator) ([]byte, error) {
	if !iter.SeekPrefixGE(w.key) || !bytes.Equal(iter.Key(), w.key) {
		if err := iter.Error(); err != nil {
			return nil, wrapDisk(w.key, err)
		}
		return nil, nil
	}
	value, err := iter.ValueAndErr()
	if err != nil {
		return nil, wrapDisk(w.key, err)
	}
	_, payload, err := open(w.key, value)
	if err != nil {
		return nil, err
	}
	return w.keep(payload), nil
}

func (w *Sweep) keep(blob []byte) []byte {
	if len(w.blobs)+len(blob) > cap(w.blobs) {
		w.blobs = make([]byte, 0, max(sweepRoom, len(blob)))
	}
	n := len(w.blobs)
	w.blobs = append(w.blobs, blob...)
	return w.blobs[n:len(w.blobs):len(w.blobs)]
}

// Close ends the sweep.
func (w *Sweep) Close() {
	for _, at := range []*place{&w.upper, &w.lower} {
		if at.iter != nil {
			_ = at.iter.Close() // its errors were those of seek
			at.iter = nil
			w.s.gate.leave()
		}
	}
}
