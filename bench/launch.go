package bench

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
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
	defer h.free()
	start := time.Now()
	if _, err := h.launch(); err != nil {
		return 0, err
	}
	took := time.Since(start)
	out, err := h.results()
	if err == nil && !bytes.Equal(out, crypto.Keccak256([]byte("gpuevm"))) {
		err = errors.New("the device's first hash is wrong")
	}
	return took, err
}

// kernel is a kernel over some items with its buffers on the device. Its arguments are a
// count, a word of padding and the buffers' addresses, as in kernels/cells.cuh.
type kernel struct {
	dev          cuda.Device
	source, name string
	count        int
	buffers      []cuda.Ptr
	out          []int // sizes of those buffers that are written; 0: read
	args         []byte
}

// newKernel brings the inputs to the device. A buffer of nil bytes is an output of as many
// bytes as sizes says.
func newKernel(dev cuda.Device, source, name string, count int, inputs [][]byte, sizes ...int) (*kernel, error) {
	k := &kernel{dev: dev, source: source, name: name, count: count}
	k.args = binary.LittleEndian.AppendUint64(nil, uint64(count))
	for _, in := range inputs {
		if err := k.add(len(in), 0); err != nil {
			return nil, err
		}
		if err := dev.Upload(0, k.buffers[len(k.buffers)-1], in); err != nil {
			return nil, errors.Join(err, k.free())
		}
	}
	for _, n := range sizes {
		if err := k.add(n, n); err != nil {
			return nil, err
		}
	}
	_, err := dev.Sync(0)
	return k, err
}

func (k *kernel) add(bytes, out int) error {
	p, err := k.dev.Alloc(bytes)
	if err != nil {
		return errors.Join(err, k.free())
	}
	k.buffers, k.out = append(k.buffers, p), append(k.out, out)
	k.args = binary.LittleEndian.AppendUint64(k.args, uint64(p))
	return nil
}

// launch runs the kernel over all items, on as many lanes as run at once, and returns the
// kernel's own time.
func (k *kernel) launch() (time.Duration, error) {
	lanes, err := k.dev.Lanes(k.source, k.name)
	if err != nil {
		return 0, err
	}
	if err := k.dev.Launch(0, k.source, k.name, min(lanes, k.count), k.args); err != nil {
		return 0, err
	}
	return k.dev.Sync(0)
}

// results are the first output.
func (k *kernel) results() ([]byte, error) {
	for i, n := range k.out {
		if n > 0 {
			b := make([]byte, n)
			if err := k.dev.Download(0, b, k.buffers[i]); err != nil {
				return nil, err
			}
			_, err := k.dev.Sync(0)
			return b, err
		}
	}
	return nil, fmt.Errorf("%s writes nothing", k.name)
}

func (k *kernel) free() error {
	var err error
	for _, p := range k.buffers {
		err = errors.Join(err, k.dev.Free(p))
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
