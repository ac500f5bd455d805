package cuda

import (
	"bytes"
	"fmt"
	"time"
	"unsafe"
)

// driver is what a GPU device asks of CUDA's driver. There are two: the driver's library
// loaded at run time (library.go), and gorgonia.org/cu (gorgonia.go, build tag cuda). A
// context must be in use on the calling thread wherever the driver wants one.
type driver interface {
	name() string
	version() int // 12020 is 12.2
	count() (int, error)
	facts(device int) (facts, error)

	retain(device int) (context handle, err error)
	// release lets go of the context. With reset, all that is in it goes: that is how a
	// device which is lost comes back.
	release(device int, reset bool) error
	use(context handle) error

	alloc(bytes int) (Ptr, error)
	free(Ptr) error
	hostAlloc(bytes int) (unsafe.Pointer, error)
	hostFree(unsafe.Pointer) error
	upload(dst Ptr, src unsafe.Pointer, bytes int, stream handle) error
	download(dst unsafe.Pointer, src Ptr, bytes int, stream handle) error
	zero(dst Ptr, bytes int, stream handle) error

	newStream() (handle, error)
	closeStream(handle) error
	sync(stream handle) error
	newEvent() (handle, error)
	closeEvent(handle) error
	record(event, stream handle) error
	elapsed(from, to handle) (time.Duration, error)

	load(image []byte) (module handle, err error)
	unload(module handle) error
	// link links cubins and PTX for the context's device, whose kernels and functions shall need
	// no more registers than that. The calling thread must stay the same, as the linker's memory
	// is the thread's.
	link(parts []part, registers int) (cubin []byte, err error)
	function(module handle, name string) (handle, error)
	attribute(function handle, which int) (int, error)
	occupancy(function handle, block int) (blocks int, err error)
	// params is the size of the function's only argument, 0 where the driver can't tell.
	params(function handle) int
	launch(function handle, grid, block int, stream handle, args []byte) error
}

// part is something to be linked, with a name for the linker's log.
type part struct {
	name string
	code []byte
}

func (p part) isPTX() bool { return !bytes.HasPrefix(p.code, []byte("\x7fELF")) }

// handle is a driver's object: context, stream, event, module, function.
type handle uintptr

// facts are what the driver knows of a device.
type facts struct {
	name           string
	memory         uint64
	major, minor   int // compute capability
	processors     int // SMs
	threadsPerUnit int // resident threads of an SM
}

func (f facts) capability() int { return 10*f.major + f.minor }

// Attributes of devices and functions, by the driver's numbers.
const (
	deviceProcessors = 16
	deviceThreads    = 39 // resident, of an SM
	deviceMajor      = 75
	deviceMinor      = 76

	functionBlock = 0 // the largest, which is what the launch bounds say
)

// callError is the driver's answer to a call.
type callError struct {
	call string
	code int
	text string
	log  string // the driver's compiler's
}

const (
	codeMemory   = 2
	codeNoDevice = 100
)

func (e *callError) Error() string {
	s := fmt.Sprintf("%s: %s (CUDA error %d)", e.call, e.text, e.code)
	if e.log != "" {
		s += ": " + e.log
	}
	return s
}

func (e *callError) Is(target error) bool {
	return target == ErrMemory && e.code == codeMemory || target == ErrNoDevice && e.code == codeNoDevice
}

// lost says whether everything fails from here on: the context is spoilt, by a kernel that
// did what it may not, or by hardware.
func (e *callError) lost() bool {
	switch e.code {
	case 4, // the driver shuts down
		201, 709, // context invalid, destroyed
		214, 220, 226, 721, 722, 723, 802, // memory errors, links, contained faults, system not ready
		700, 702, 710, 714, 715, 716, 717, 718, 719, // a kernel's fault, timeout, assertion
		46, 101, 999: // device unavailable, gone, unknown
		return true
	}
	return false
}
