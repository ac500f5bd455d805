package bench

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/statedb/keccak"
)

// Digester hashes byte strings that lie one after the other: message i is
// bytes[offsets[i]:offsets[i+1]]. A device.Engine is one.
type Digester interface {
	Keccak256(bytes []byte, offsets []uint64, hashes []common.Hash) error
}

// DeviceHasher hashes large batches of trie nodes on a device, and small ones, or all once
// the device has failed, on the CPU. From how many permutations on the device pays is
// measured at the start: a GPU has to earn the copies there and back.
type DeviceHasher struct {
	device Digester
	cpu    keccak.Hasher
	least  int // permutations in a batch; more than any batch has: never
	failed atomic.Bool
	onIt   atomic.Int64
	all    atomic.Int64
	pool   sync.Pool
}

const never = 1 << 62

// NewDeviceHasher measures from which size on the device is quicker than one core.
func NewDeviceHasher(device Digester, cpu keccak.Hasher) *DeviceHasher {
	h := NewOnDevice(device, cpu)
	for h.least = 1 << 8; h.least <= 1<<18 && !h.pays(h.least); h.least *= 4 {
	}
	if h.least > 1<<18 {
		h.least = never
	}
	h.onIt.Store(0)
	return h
}

// NewOnDevice gives every batch to the device, and to the CPU what the device fails on.
func NewOnDevice(device Digester, cpu keccak.Hasher) *DeviceHasher {
	return &DeviceHasher{device: device, cpu: cpu, pool: sync.Pool{New: func() any { return new(digests) }}}
}

// Least is from how many permutations on a batch goes to the device; ok is false where none
// does.
func (h *DeviceHasher) Least() (permutations int, ok bool) { return h.least, h.least < never }

// Done is how many permutations were done, and how many of them by the device.
func (h *DeviceHasher) Done() (all, onDevice int64) { return h.all.Load(), h.onIt.Load() }

// String says how much the device hashes, and has hashed.
func (h *DeviceHasher) String() string {
	all, did := h.Done()
	from := fmt.Sprintf("trie nodes in batches of %d permutations or more", h.least)
	switch {
	case h.least == 0:
		from = "all trie nodes"
	case h.least == never:
		from = "no trie nodes, the CPU being quicker"
	}
	return fmt.Sprintf("hashes %s; %d of %d permutations", from, did, all)
}

// pays hashes so many messages of one permutation in turns on both sides.
func (h *DeviceHasher) pays(messages int) bool {
	var b keccak.Batch
	word := make([]byte, 110)
	for i := range messages {
		word[i%len(word)] = byte(rand.Uint32())
		b.Add(word)
	}
	var ours, cpu []time.Duration
	for range 5 {
		start := time.Now()
		if !h.hash(&b) {
			return false
		}
		half := time.Now()
		h.cpu.Hash(&b)
		ours, cpu = append(ours, half.Sub(start)), append(cpu, time.Since(half))
	}
	slices.Sort(ours)
	slices.Sort(cpu)
	return ours[2] < cpu[2]
}

// Hash implements keccak.Hasher.
func (h *DeviceHasher) Hash(b *keccak.Batch) {
	h.all.Add(int64(b.Permutations()))
	if b.Permutations() < h.least || h.failed.Load() || !h.hash(b) {
		h.cpu.Hash(b)
	}
}

// digests is the memory of one batch on its way.
type digests struct {
	bytes   []byte
	offsets []uint64
	hashes  []common.Hash
}

// hash is Hash on the device. It is false where the device failed, and never asked again.
func (h *DeviceHasher) hash(b *keccak.Batch) bool {
	d := h.pool.Get().(*digests)
	defer h.pool.Put(d)
	d.bytes, d.offsets = d.bytes[:0], append(d.offsets[:0], 0)
	for i := range b.Len() {
		d.bytes = append(d.bytes, b.Message(i)...)
		d.offsets = append(d.offsets, uint64(len(d.bytes)))
	}
	d.hashes = slices.Grow(d.hashes[:0], b.Len())[:b.Len()]
	if err := h.device.Keccak256(d.bytes, d.offsets, d.hashes); err != nil {
		if !h.failed.Swap(true) {
			slog.Warn("the device can't hash: the CPU does", "error", err)
		}
		return false
	}
	h.onIt.Add(int64(b.Permutations()))
	out := b.Digests()
	for i := range out {
		out[i] = d.hashes[i]
	}
	return true
}
