package cuda

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"
)

// library is the driver's own library, loaded at run time: no cgo, no headers, and a binary
// that also starts where there is none.
type library struct {
	path    string
	symbols map[string]uintptr
}

// libraryPaths are where the driver's library is found, by the loader's search or in Windows'
// Linux.
var libraryPaths = []string{"libcuda.so.1", "/usr/lib/wsl/lib/libcuda.so.1"}

var librarySymbols = strings.Fields(`
	cuInit cuDriverGetVersion cuGetErrorString cuDeviceGetCount cuDeviceGet cuDeviceGetName
	cuDeviceTotalMem_v2 cuDeviceGetAttribute cuDevicePrimaryCtxRetain
	cuDevicePrimaryCtxRelease_v2 cuDevicePrimaryCtxReset_v2 cuCtxSetCurrent
	cuMemAlloc_v2 cuMemFree_v2 cuMemHostAlloc cuMemFreeHost cuMemcpyHtoDAsync_v2
	cuMemcpyDtoHAsync_v2 cuMemsetD8Async cuStreamCreate cuStreamDestroy_v2
	cuStreamSynchronize cuEventCreate cuEventDestroy_v2 cuEventRecord cuEventElapsedTime
	cuLinkCreate_v2 cuLinkAddData_v2 cuLinkComplete cuLinkDestroy cuModuleLoadDataEx cuModuleUnload cuModuleGetFunction cuFuncGetAttribute
	cuOccupancyMaxActiveBlocksPerMultiprocessor cuLaunchKernel`)

var errNoLibrary = errors.New("no NVIDIA driver (its library libcuda.so.1 is not there)")

// openLibrary loads and starts the driver.
func openLibrary(paths ...string) (*library, error) {
	var lib uintptr
	var path string
	var reasons []error
	for _, path = range paths {
		var err error
		if lib, err = purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL); err == nil {
			break
		}
		if !strings.Contains(err.Error(), "No such file") {
			reasons = append(reasons, err)
		}
	}
	if lib == 0 && len(reasons) > 0 {
		return nil, fmt.Errorf("%w: the NVIDIA driver's library can't be loaded: %w", ErrNoDevice, errors.Join(reasons...))
	} else if lib == 0 {
		return nil, fmt.Errorf("%w: %w", ErrNoDevice, errNoLibrary)
	}
	l := &library{path: path, symbols: make(map[string]uintptr)}
	for _, name := range librarySymbols {
		at, err := purego.Dlsym(lib, name)
		if err != nil {
			return nil, fmt.Errorf("%w: the NVIDIA driver is too old: %s has no %s", ErrNoDevice, path, name)
		}
		l.symbols[name] = at
	}
	l.symbols["cuFuncGetParamInfo"], _ = purego.Dlsym(lib, "cuFuncGetParamInfo") // since 12.4
	return l, l.call("cuInit", 0)
}

// call calls a function of the driver. Pointers that go in as numbers stay where they are
// until it returns.
//
//go:uintptrescapes
func (l *library) call(name string, args ...uintptr) error {
	r, _, _ := purego.SyscallN(l.symbols[name], args...)
	if code := int(int32(r)); code != 0 {
		return &callError{call: strings.TrimSuffix(name, "_v2"), code: code, text: l.text(code)}
	}
	return nil
}

func (l *library) text(code int) string {
	var s *byte
	if r, _, _ := purego.SyscallN(l.symbols["cuGetErrorString"], uintptr(code), uintptr(unsafe.Pointer(&s))); int32(r) != 0 || s == nil {
		return "unknown error"
	}
	return goString(s)
}

// goString copies a C string.
func goString(s *byte) string {
	var b []byte
	for p := unsafe.Pointer(s); *(*byte)(p) != 0; p = unsafe.Add(p, 1) {
		b = append(b, *(*byte)(p))
	}
	return string(b)
}

// cString is a string as C wants it.
func cString(s string) *byte { return &append([]byte(s), 0)[0] }

func (l *library) name() string { return l.path }

func (l *library) version() int {
	var v int32
	if l.call("cuDriverGetVersion", uintptr(unsafe.Pointer(&v))) != nil {
		return 0
	}
	return int(v)
}

func (l *library) count() (int, error) {
	var n int32
	err := l.call("cuDeviceGetCount", uintptr(unsafe.Pointer(&n)))
	return int(n), err
}

func (l *library) device(index int) (uintptr, error) {
	var d int32
	err := l.call("cuDeviceGet", uintptr(unsafe.Pointer(&d)), uintptr(index))
	return uintptr(d), err
}

func (l *library) facts(index int) (facts, error) {
	d, err := l.device(index)
	if err != nil {
		return facts{}, err
	}
	var name [256]byte
	var f facts
	err = errors.Join(
		l.call("cuDeviceGetName", uintptr(unsafe.Pointer(&name)), 255, d),
		l.call("cuDeviceTotalMem_v2", uintptr(unsafe.Pointer(&f.memory)), d))
	f.name = goString(&name[0])
	for which, to := range map[uintptr]*int{deviceProcessors: &f.processors, deviceThreads: &f.threadsPerUnit, deviceMajor: &f.major, deviceMinor: &f.minor} {
		var v int32
		err = errors.Join(err, l.call("cuDeviceGetAttribute", uintptr(unsafe.Pointer(&v)), which, d))
		*to = int(v)
	}
	return f, err
}

func (l *library) retain(index int) (context handle, err error) {
	d, err := l.device(index)
	if err != nil {
		return 0, err
	}
	err = l.call("cuDevicePrimaryCtxRetain", uintptr(unsafe.Pointer(&context)), d)
	return context, err
}

func (l *library) release(index int, reset bool) error {
	d, err := l.device(index)
	if err != nil {
		return err
	}
	if reset {
		err = l.call("cuDevicePrimaryCtxReset_v2", d)
	}
	return errors.Join(err, l.call("cuDevicePrimaryCtxRelease_v2", d))
}

func (l *library) use(context handle) error { return l.call("cuCtxSetCurrent", uintptr(context)) }

func (l *library) alloc(bytes int) (p Ptr, err error) {
	err = l.call("cuMemAlloc_v2", uintptr(unsafe.Pointer(&p)), uintptr(bytes))
	return p, err
}

func (l *library) free(p Ptr) error { return l.call("cuMemFree_v2", uintptr(p)) }

func (l *library) hostAlloc(bytes int) (p unsafe.Pointer, err error) {
	err = l.call("cuMemHostAlloc", uintptr(unsafe.Pointer(&p)), uintptr(bytes), 1) // portable
	return p, err
}

func (l *library) hostFree(p unsafe.Pointer) error { return l.call("cuMemFreeHost", uintptr(p)) }

func (l *library) upload(dst Ptr, src unsafe.Pointer, bytes int, stream handle) error {
	return l.call("cuMemcpyHtoDAsync_v2", uintptr(dst), uintptr(src), uintptr(bytes), uintptr(stream))
}

func (l *library) download(dst unsafe.Pointer, src Ptr, bytes int, stream handle) error {
	return l.call("cuMemcpyDtoHAsync_v2", uintptr(dst), uintptr(src), uintptr(bytes), uintptr(stream))
}

func (l *library) zero(dst Ptr, bytes int, stream handle) error {
	return l.call("cuMemsetD8Async", uintptr(dst), 0, uintptr(bytes), uintptr(stream))
}

func (l *library) newStream() (s handle, err error) {
	err = l.call("cuStreamCreate", uintptr(unsafe.Pointer(&s)), 1) // does not wait for stream 0
	return s, err
}

func (l *library) closeStream(s handle) error { return l.call("cuStreamDestroy_v2", uintptr(s)) }

func (l *library) sync(s handle) error { return l.call("cuStreamSynchronize", uintptr(s)) }

func (l *library) newEvent() (e handle, err error) {
	err = l.call("cuEventCreate", uintptr(unsafe.Pointer(&e)), 0)
	return e, err
}

func (l *library) closeEvent(e handle) error { return l.call("cuEventDestroy_v2", uintptr(e)) }

func (l *library) record(event, stream handle) error {
	return l.call("cuEventRecord", uintptr(event), uintptr(stream))
}

func (l *library) elapsed(from, to handle) (time.Duration, error) {
	var ms float32
	err := l.call("cuEventElapsedTime", uintptr(unsafe.Pointer(&ms)), uintptr(from), uintptr(to))
	return time.Duration(float64(ms) * 1e6), err
}

// load loads a cubin, or PTX, which the driver compiles.
func (l *library) load(image []byte) (module handle, err error) {
	const jitErrorLog, jitErrorLogSize = 5, 6
	image = append(image[:len(image):len(image)], 0) // PTX ends with a zero
	log := make([]byte, 8192)
	var pin runtime.Pinner // values has its address as a number
	pin.Pin(&log[0])
	defer pin.Unpin()
	options := [2]int32{jitErrorLog, jitErrorLogSize}
	values := [2]uintptr{uintptr(unsafe.Pointer(&log[0])), uintptr(len(log))}
	err = l.call("cuModuleLoadDataEx", uintptr(unsafe.Pointer(&module)), uintptr(unsafe.Pointer(&image[0])),
		uintptr(len(options)), uintptr(unsafe.Pointer(&options)), uintptr(unsafe.Pointer(&values)))
	var call *callError
	log[len(log)-1] = 0
	if errors.As(err, &call) {
		call.log = strings.TrimSpace(goString(&log[0]))
	}
	return module, err
}

func (l *library) unload(module handle) error { return l.call("cuModuleUnload", uintptr(module)) }

func (l *library) function(module handle, name string) (f handle, err error) {
	err = l.call("cuModuleGetFunction", uintptr(unsafe.Pointer(&f)), uintptr(module), uintptr(unsafe.Pointer(cString(name))))
	return f, err
}

func (l *library) attribute(function handle, which int) (int, error) {
	var v int32
	err := l.call("cuFuncGetAttribute", uintptr(unsafe.Pointer(&v)), uintptr(which), uintptr(function))
	return int(v), err
}

func (l *library) occupancy(function handle, block int) (int, error) {
	var v int32
	err := l.call("cuOccupancyMaxActiveBlocksPerMultiprocessor", uintptr(unsafe.Pointer(&v)), uintptr(function), uintptr(block), 0)
	return int(v), err
}

func (l *library) params(function handle) int {
	var offset, size uintptr
	if l.symbols["cuFuncGetParamInfo"] == 0 || l.call("cuFuncGetParamInfo", uintptr(function), 0, uintptr(unsafe.Pointer(&offset)), uintptr(unsafe.Pointer(&size))) != nil {
		return 0
	}
	return int(size)
}

func (l *library) launch(function handle, grid, block int, stream handle, args []byte) error {
	params := [1]unsafe.Pointer{unsafe.Pointer(unsafe.SliceData(args))}
	return l.call("cuLaunchKernel", uintptr(function), uintptr(grid), 1, 1, uintptr(block), 1, 1, 0,
		uintptr(stream), uintptr(unsafe.Pointer(&params)), 0)
}
