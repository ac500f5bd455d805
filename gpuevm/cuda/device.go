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

// Device runs kernels. What is asked of one stream happens in order, some time before Sync
// of that stream returns; streams do not wait for each other. An error of a copy or launch
// may come out at a later call, at the latest at Sync. After ErrLost a device answers
// nothing but ErrLost: close it and open it again. A Device is safe for concurrent use.
type Device interface {
	Info() Info
	// Alloc returns zeroed memory, aligned to 256 bytes. What is never touched costs little
	// on the host.
	Alloc(bytes int) (Ptr, error)
	// Free waits for what uses the memory.
	Free(Ptr) error
	// HostAlloc returns host memory that copies fast (page-locked for a GPU). It is gone
	// after HostFree or Close.
	HostAlloc(bytes int) ([]byte, error)
	HostFree([]byte) error
	// NewStream makes a queue, which lives as long as the device; Stream 0 is always there.
	NewStream() (Stream, error)
	// Upload and Download copy len bytes. The host's side must not be touched until the
	// stream is synchronised.
	Upload(s Stream, dst Ptr, src []byte) error
	Download(s Stream, dst []byte, src Ptr) error
	Zero(s Stream, dst Ptr, bytes int) error
	// Load makes a source ready, which Launch does by itself for a file of package kernels.
	// With a text, that is the source; it may include the kernels' headers, and is compiled
	// here and now. Loading a name again replaces what it stood for, as Unload does.
	Load(source, text string) error
	// Keep says where Compile keeps on disk what it made. Before it, and for files of package
	// kernels, that is the default folder.
	Keep(CacheOptions)
	// Compile makes an object of a text that calls functions of a file of package kernels, the
	// base. A device that can't link answers ErrNoLinker, one that lacks its compiler
	// ErrNoCompiler. It takes long, and nothing that runs changes.
	Compile(base, source, text string) (*Object, error)
	// Link makes a program of a base and objects. Nothing that runs changes.
	Link(base string, objects []*Object) (*Program, error)
	// Swap puts a program, which has all objects of the one before it, in the place of its base
	// when nothing that was launched from that is left to run. The base's kernels are launched as
	// before, those of an object by its source. moved: functions of the objects that were there
	// before have other addresses now. After an error all is as it was.
	Swap(*Program) (moved bool, err error)
	// Unload forgets a source, when nothing that was launched from it is left to run.
	Unload(source string) error
	// Lanes is how many lanes of a kernel run at once.
	Lanes(source, kernel string) (int, error)
	// Launch runs a kernel of a source with that many lanes (on a GPU rounded up to whole
	// blocks of the size in the kernel's launch bounds). args is the kernel's argument
	// struct, copied before Launch returns.
	Launch(s Stream, source, kernel string, lanes int, args []byte) error
	// Sync waits for a stream and returns the time that its kernels took since the last
	// Sync, which is less than the wall clock by the copies and the way there.
	Sync(s Stream) (kernels time.Duration, err error)
	// Close waits for what runs, and frees everything.
	Close() error
}

// Stream is a queue of a device.
type Stream int

// Object is a text that was compiled to be linked.
type Object struct {
	Source string
	From   string // as Loaded.From
	code   []byte // of a GPU: a cubin, or PTX
	built  built  // of the host
}

// Size is what an object adds to a program, in bytes; 0 where programs have no size of their own.
func (o *Object) Size() int { return len(o.code) }

// Program is a base linked with objects.
type Program struct {
	Base    string
	objects []*Object
	image   []byte // of a GPU
	start   time.Time
}

// Info says what a device is.
type Info struct {
	Kind       string // "cuda", "host"
	Name       string
	Driver     string // driver or compiler, with version
	Capability string // "9.0"; empty on the host
	Memory     uint64 // bytes
	Lanes      int    // lanes that run at once, of a kernel that needs few registers
	Warp       int    // lanes that run in step: 32, or 1 on the host
	Startup    time.Duration
	Loaded     []Loaded // so far
}

// Loaded says how a source came onto the device.
type Loaded struct {
	Source string
	From   string // "sm_90", "compute_80" (PTX), "NVRTC", "compiled", "cached", "linked"
	Took   time.Duration
}

var (
	ErrLost     = errors.New("device lost")
	ErrNoDevice = errors.New("no device")
	ErrMemory   = errors.New("out of device memory")
	ErrClosed   = errors.New("device closed")
)

// ErrNoCompiler: a text can't be compiled here.
var ErrNoCompiler = errors.New("no compiler for kernels")

// ErrNoLinker: a text can't be linked with kernels here.
var ErrNoLinker = errors.New("no linker for kernels")
