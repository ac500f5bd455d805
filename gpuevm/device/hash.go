package device

import (
	"unsafe"

	"github.com/ethereum/go-ethereum/common"
)

// hasher hashes many byte strings in one launch, on a stream of its own.
type hasher struct {
	bus                    *bus
	bytes, offsets, hashes buffer
}

// Keccak256 sets hashes[i] to the hash of bytes[offsets[i]:offsets[i+1]]. An error is the
// device's: the caller hashes by himself.
func (e *Engine) Keccak256(bytes []byte, offsets []uint64, hashes []common.Hash) error {
	m, err := e.open()
	if err != nil {
		return err
	}
	h := &m.hashes
	h.bus.mu.Lock()
	err = h.hash(bytes, offsets, hashes)
	h.bus.mu.Unlock()
	if err != nil {
		e.fault(m, err)
	}
	return err
}

func (h *hasher) hash(bytes []byte, offsets []uint64, hashes []common.Hash) error {
	n := len(hashes)
	if n == 0 {
		return nil
	}
	h.bus.room(&h.bytes, len(bytes)+1)
	h.bus.room(&h.offsets, 8*(n+1))
	h.bus.room(&h.hashes, n*int(unsafe.Sizeof(common.Hash{})))
	h.bus.upload(h.bytes.at, bytes)
	h.bus.upload(h.offsets.at, bytesOfSlice(offsets[:n+1]))
	launch(h.bus, "hash.cu", "hash_bytes", h.bus.lanes(n), &hashArgs{
		count: uint32(n), bytes: h.bytes.at, offsets: h.offsets.at, hashes: h.hashes.at,
	})
	h.bus.download(bytesOfSlice(hashes), h.hashes.at)
	return h.bus.sync()
}
