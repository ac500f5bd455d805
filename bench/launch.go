package bench

import (
	"bytes"
	"encoding/binary"
	"errors"
	"time"
	"unsafe"

	"github.com/ethereum/go-ethereum/crypto"
	"github.com/gpuevm/gpuevm/gpuevm/cuda"
)

// kernelSources are those that an engine launches.
var kernelSources = []string{"run.cu", "table.cu", "hash.cu"}

// FirstLaunch loads the kernels that an engine needs and launches the smallest of them: a
// device that can't do that, or hashes wrongly, is none. It returns the launch's time.
func FirstLaunch(dev cuda.Device) (time.Duration, error) {
	for _, source := range kernelSources {
		if err := dev.Load(source, ""); err != nil {
			return 0, err
		}
	}
	h, err := newHashes(dev, [][]byte{[]byte("gpuevm")})
	if err != nil {
		return 0, err
	}
	took, err := h.run()
	if err == nil && !bytes.Equal(h.out[0].host, crypto.Keccak256([]byte("gpuevm"))) {
		err = errors.New("the device's first hash is wrong")
	}
	return took.Wall, errors.Join(err, h.free())
}

// kernel is a kernel over some items with its buffers on the device. Its arguments are a
// count, a word of padding and the buffers' addresses, as in kernels/cells.cuh.
type kernel struct {
	dev          cuda.Device
	source, name string
	count        int
	in           []buffer
	out          []buffer
	args         []byte
}

// buffer is memory on the device with its twin on the host, from where it copies fast.
type buffer struct {
	at   cuda.Ptr
	host []byte
}

// newKernel makes the buffers: inputs, then outputs of some sizes.
func newKernel(dev cuda.Device, source, name string, count int, inputs [][]byte, sizes ...int) (*kernel, error) {
	k := &kernel{dev: dev, source: source, name: name, count: count}
	k.args = binary.LittleEndian.AppendUint64(nil, uint64(count))
	for _, in := range inputs {
		b, err := k.buffer(len(in))
		if err != nil {
			return nil, errors.Join(err, k.free())
		}
		copy(b.host, in)
		k.in = append(k.in, b)
	}
	for _, n := range sizes {
		b, err := k.buffer(n)
		if err != nil {
			return nil, errors.Join(err, k.free())
		}
		k.out = append(k.out, b)
	}
	return k, nil
}

func (k *kernel) buffer(bytes int) (b buffer, err error) {
	if b.at, err = k.dev.Alloc(bytes); err != nil {
		return b, err
	}
	if b.host, err = k.dev.HostAlloc(bytes); err != nil {
		return b, errors.Join(err, k.dev.Free(b.at))
	}
	k.args = binary.LittleEndian.AppendUint64(k.args, uint64(b.at))
	return b, nil
}

// run brings the inputs over, launches on as many lanes as run at once, and brings the
// outputs back.
func (k *kernel) run() (Took, error) {
	start := time.Now()
	for _, b := range k.in {
		if err := k.dev.Upload(0, b.at, b.host); err != nil {
			return Took{}, err
		}
	}
	lanes, err := k.dev.Lanes(k.source, k.name)
	if err != nil {
		return Took{}, err
	}
	if err := k.dev.Launch(0, k.source, k.name, min(lanes, k.count), k.args); err != nil {
		return Took{}, err
	}
	for _, b := range k.out {
		if err := k.dev.Download(0, b.host, b.at); err != nil {
			return Took{}, err
		}
	}
	kernels, err := k.dev.Sync(0)
	return Took{Wall: time.Since(start), Kernel: kernels}, err
}

func (k *kernel) free() error {
	var err error
	for _, b := range append(k.in, k.out...) {
		err = errors.Join(err, k.dev.Free(b.at), k.dev.HostFree(b.host))
	}
	return err
}

// newHashes is Keccak-256 of messages.
func newHashes(dev cuda.Device, messages [][]byte) (*kernel, error) {
	var data []byte
	offsets := []uint64{0}
	for _, m := range messages {
		data = append(data, m...)
		offsets = append(offsets, uint64(len(data)))
	}
	data = append(data, 0) // memory of no bytes has no address
	raw := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(offsets))), 8*len(offsets))
	return newKernel(dev, "hash.cu", "hash_bytes", len(messages), [][]byte{data, raw}, 32*len(messages))
}

// newRecovers is the recovery of signers. signatures are R, S and V of 65 bytes each.
func newRecovers(dev cuda.Device, signatures, hashes []byte) (*kernel, error) {
	n := len(hashes) / 32
	return newKernel(dev, "recover.cu", "recover_senders", n, [][]byte{signatures, hashes}, 20*n, n)
}
