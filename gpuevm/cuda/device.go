// Package cuda runs kernels on a device: memory, copies, launches. It knows nothing of
// what the kernels do. A Device is an NVIDIA GPU or, through the system's C++ compiler,
// this machine's cores; the same kernel sources run on both.
package cuda

import (
	"errors"
	"time"
)

// Ptr is an address in a device's memory. 0 is no address.
type Ptr uint64

// Device runs kernels. What is asked of one stream happens in order; Sync waits for it. An
// error of a copy or launch may come out at a later call. After ErrLost a device answers
// nothing but ErrLost. A Device is safe for concurrent use.
type Device interface {
	Info() Info
	// Alloc returns zeroed memory, aligned to 256 bytes.
	Alloc(bytes int) (Ptr, error)
	Free(Ptr) error
	// HostAlloc returns host memory that copies fast (page-locked for a GPU).
	HostAlloc(bytes int) ([]byte, error)
	HostFree([]byte) error
	// NewStream makes a queue; Stream(0) is always there.
	NewStream() (Stream, error)
	// Upload and Download copy len bytes. The host's side must stay until the stream is
	// synchronised.
	Upload(s Stream, dst Ptr, src []byte) error
	Download(s Stream, dst []byte, src Ptr) error
	Zero(s Stream, dst Ptr, bytes int) error
	// Launch runs a kernel of a source file with that many lanes (rounded up to whole
	// blocks on a GPU). args is the kernel's argument struct.
	Launch(s Stream, source, kernel string, lanes int, args []byte) error
	// Sync waits for a stream and returns the time that its kernels took since the last
	// Sync.
	Sync(s Stream) (kernels time.Duration, err error)
	Close() error
}

// Stream is a queue of a device.
type Stream int

// Info says what a device is.
type Info struct {
	Kind       string // "cuda", "host"
	Name       string
	Driver     string // driver or compiler, with version
	Capability string // "9.0"; empty on the host
	Memory     uint64 // bytes
	Lanes      int    // lanes that run at once
	Warp       int    // lanes that run in step: 32, or 1 on the host
	Startup    time.Duration
}

var (
	ErrLost     = errors.New("device lost")
	ErrNoDevice = errors.New("no device")
	ErrMemory   = errors.New("out of device memory")
)
