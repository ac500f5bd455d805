package device

import (
	"sync"
	"time"
	"unsafe"

	"github.com/gpuevm/gpuevm/gpuevm/cuda"
)

// bus is a device with one stream, and counts what goes over it. The first error sticks:
// what follows it does nothing, so that a sequence of steps is checked once, at its sync.
type bus struct {
	mu     sync.Mutex // for those who use it alone; a batch has its machine's
	dev    cuda.Device
	stream cuda.Stream
	info   cuda.Info
	count  *counters
	err    error
}

func newBus(dev cuda.Device, count *counters) *bus {
	b := &bus{dev: dev, info: dev.Info(), count: count}
	b.stream, b.err = dev.NewStream()
	return b
}

func (b *bus) upload(to ptr, from []byte) {
	if b.err == nil && len(from) > 0 {
		b.count.up.Add(int64(len(from)))
		b.err = b.dev.Upload(b.stream, cuda.Ptr(to), from)
	}
}

func (b *bus) download(to []byte, from ptr) {
	if b.err == nil && len(to) > 0 {
		b.count.down.Add(int64(len(to)))
		b.err = b.dev.Download(b.stream, to, cuda.Ptr(from))
	}
}

func (b *bus) zero(at ptr, bytes int) {
	if b.err == nil && bytes > 0 {
		b.err = b.dev.Zero(b.stream, cuda.Ptr(at), bytes)
	}
}

// launch runs a kernel on its arguments, one of the structs in bus.go.
func launch[A any](b *bus, source, kernel string, lanes int, args *A) {
	if b.err == nil {
		b.count.launches.Add(1)
		b.err = b.dev.Launch(b.stream, source, kernel, lanes, bytesOf(args))
	}
}

// sync waits for all of it.
func (b *bus) sync() error {
	if b.err == nil {
		var took time.Duration
		took, b.err = b.dev.Sync(b.stream)
		b.count.kernel.Add(int64(took))
	}
	return b.err
}

// lanes is how many lanes to start for n items.
func (b *bus) lanes(n int) int { return max(1, min(n, b.info.Lanes)) }

// buffer is device memory that grows.
type buffer struct {
	at   ptr
	size int
}

// room makes a buffer at least that large. What was in it is lost when it grows.
func (b *bus) room(buf *buffer, size int) {
	if b.err != nil || buf.size >= size {
		return
	}
	b.free(buf)
	if b.err != nil {
		return
	}
	grown := 4 << 10
	for grown < size {
		grown += grown / 2
	}
	grown = (grown + 255) &^ 255
	var p cuda.Ptr
	if p, b.err = b.dev.Alloc(grown); b.err == nil {
		*buf = buffer{ptr(p), grown}
	}
}

// free waits for what still uses the buffer.
func (b *bus) free(buf *buffer) {
	if buf.at == 0 {
		return
	}
	if b.sync() == nil {
		b.err = b.dev.Free(cuda.Ptr(buf.at))
	}
	*buf = buffer{}
}

// pinned is host memory that copies fast, as a slice that is written over and over.
type pinned[T any] struct {
	raw []byte
	s   []T
}

// grow makes room for n elements; what was there is kept.
func (p *pinned[T]) grow(b *bus, n int) []T {
	if b.err != nil || n <= cap(p.s) {
		if n <= cap(p.s) {
			p.s = p.s[:n]
		}
		return p.s
	}
	var v T
	raw, err := b.dev.HostAlloc((n + n/2 + 64) * int(unsafe.Sizeof(v)))
	if err != nil {
		b.err = err
		return p.s
	}
	s := unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(raw))), len(raw)/int(unsafe.Sizeof(v)))
	copy(s, p.s)
	if p.raw != nil {
		if b.sync() == nil {
			b.err = b.dev.HostFree(p.raw)
		}
	}
	p.raw, p.s = raw, s[:n]
	return p.s
}
