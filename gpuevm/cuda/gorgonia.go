//go:build cuda

package cuda

/*
#include <cuda.h>
#include <stdlib.h>
#include <string.h>

static void link_options(CUjit_option* options, void** values, unsigned registers, char* log, size_t size) {
	options[0] = CU_JIT_MAX_REGISTERS, values[0] = (void*)(size_t)registers;
	options[1] = CU_JIT_ERROR_LOG_BUFFER, values[1] = log;
	options[2] = CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES, values[2] = (void*)size;
}

static CUresult launch(CUfunction f, unsigned grid, unsigned block, CUstream s, void* args) {
	void* params[1] = {args};
	return cuLaunchKernel(f, grid, 1, 1, block, 1, 1, 0, s, params, 0);
}
*/
import "C"

import (
	"bytes"
	"errors"
	"reflect"
	"sync"
	"time"
	"unsafe"

	"gorgonia.org/cu"
)

// gorgonia is the driver by gorgonia.org/cu, linked when the binary is built. Its package
// ends the process where there is no driver or no GPU, which is why only this file imports
// it. What it lacks is a few lines of cgo: page-locked memory, and launches with a struct
// for argument (its own copies 8 bytes of each).
type gorgonia struct{}

var openDriver = sync.OnceValues(func() (driver, error) { return gorgonia{}, nil })

// answer makes our error of one of cu's, whose type is its own but whose number is not.
func answer(call string, err error) error {
	if err == nil {
		return nil
	}
	cause := err
	for {
		c, ok := cause.(interface{ Cause() error })
		if !ok {
			break
		}
		cause = c.Cause()
	}
	code := -1
	if v := reflect.ValueOf(cause); v.CanInt() {
		code = int(v.Int())
	} else if v.CanUint() {
		code = int(v.Uint())
	}
	return &callError{call: call, code: code, text: text(code, cause)}
}

func result(call string, r C.CUresult) error {
	if r == C.CUDA_SUCCESS {
		return nil
	}
	return &callError{call: call, code: int(r), text: text(int(r), nil)}
}

func text(code int, err error) string {
	var s *C.char
	if C.cuGetErrorString(C.CUresult(code), &s) == C.CUDA_SUCCESS && s != nil {
		return C.GoString(s)
	} else if err != nil {
		return err.Error()
	}
	return "unknown error"
}

// as and number: cu's streams, events, modules, functions and contexts are structs of one
// pointer that it keeps to itself.
func as[T any](h handle) T {
	var t T
	if unsafe.Sizeof(t) != unsafe.Sizeof(h) {
		panic("gorgonia.org/cu: a handle is more than a pointer")
	}
	return *(*T)(unsafe.Pointer(&h))
}

func number[T any](t T) handle {
	if unsafe.Sizeof(t) != unsafe.Sizeof(handle(0)) {
		panic("gorgonia.org/cu: a handle is more than a pointer")
	}
	return *(*handle)(unsafe.Pointer(&t))
}

func (gorgonia) name() string { return "gorgonia.org/cu" }
func (gorgonia) version() int { return cu.Version() }

func (gorgonia) count() (int, error) {
	n, err := cu.NumDevices()
	return n, answer("cuDeviceGetCount", err)
}

func (gorgonia) facts(index int) (f facts, err error) {
	d, err := cu.GetDevice(index)
	if err != nil {
		return f, answer("cuDeviceGet", err)
	}
	f.name, err = d.Name()
	memory, memoryErr := d.TotalMem()
	f.memory = uint64(memory)
	err = errors.Join(answer("cuDeviceGetName", err), answer("cuDeviceTotalMem", memoryErr))
	for which, to := range map[cu.DeviceAttribute]*int{deviceProcessors: &f.processors, deviceThreads: &f.threadsPerUnit, deviceMajor: &f.major, deviceMinor: &f.minor} {
		v, attributeErr := d.Attribute(which)
		err = errors.Join(err, answer("cuDeviceGetAttribute", attributeErr))
		*to = v
	}
	return f, err
}

func (gorgonia) retain(index int) (handle, error) {
	d, err := cu.GetDevice(index)
	if err != nil {
		return 0, answer("cuDeviceGet", err)
	}
	ctx, err := d.RetainPrimaryCtx()
	return number(ctx), answer("cuDevicePrimaryCtxRetain", err)
}

func (gorgonia) release(index int, reset bool) (err error) {
	d, err := cu.GetDevice(index)
	if err != nil {
		return answer("cuDeviceGet", err)
	}
	if reset {
		err = answer("cuDevicePrimaryCtxReset", d.ResetPrimaryCtx())
	}
	return errors.Join(err, answer("cuDevicePrimaryCtxRelease", d.ReleasePrimaryCtx()))
}

func (gorgonia) use(context handle) error {
	return answer("cuCtxSetCurrent", cu.SetCurrentContext(as[cu.CUContext](context)))
}

func (gorgonia) alloc(bytes int) (Ptr, error) {
	p, err := cu.MemAlloc(int64(bytes))
	return Ptr(p), answer("cuMemAlloc", err)
}

func (gorgonia) free(p Ptr) error { return answer("cuMemFree", cu.MemFree(cu.DevicePtr(p))) }

func (gorgonia) hostAlloc(bytes int) (p unsafe.Pointer, err error) {
	err = result("cuMemHostAlloc", C.cuMemHostAlloc(&p, C.size_t(bytes), C.CU_MEMHOSTALLOC_PORTABLE))
	return p, err
}

func (gorgonia) hostFree(p unsafe.Pointer) error { return answer("cuMemFreeHost", cu.MemFreeHost(p)) }

func (gorgonia) upload(dst Ptr, src unsafe.Pointer, bytes int, s handle) error {
	return answer("cuMemcpyHtoDAsync", cu.MemcpyHtoDAsync(cu.DevicePtr(dst), src, int64(bytes), as[cu.Stream](s)))
}

func (gorgonia) download(dst unsafe.Pointer, src Ptr, bytes int, s handle) error {
	return answer("cuMemcpyDtoHAsync", cu.MemcpyDtoHAsync(dst, cu.DevicePtr(src), int64(bytes), as[cu.Stream](s)))
}

func (gorgonia) zero(dst Ptr, bytes int, s handle) error {
	return answer("cuMemsetD8Async", cu.MemsetD8Async(cu.DevicePtr(dst), 0, int64(bytes), as[cu.Stream](s)))
}

func (gorgonia) newStream() (handle, error) {
	s, err := cu.MakeStream(cu.NonBlocking)
	return number(s), answer("cuStreamCreate", err)
}

func (gorgonia) closeStream(h handle) error {
	s := as[cu.Stream](h)
	return answer("cuStreamDestroy", s.Destroy())
}

func (gorgonia) sync(s handle) error {
	return answer("cuStreamSynchronize", as[cu.Stream](s).Synchronize())
}

func (gorgonia) newEvent() (handle, error) {
	e, err := cu.MakeEvent(cu.DefaultEvent)
	return number(e), answer("cuEventCreate", err)
}

func (gorgonia) closeEvent(h handle) error {
	e := as[cu.Event](h)
	return answer("cuEventDestroy", cu.DestroyEvent(&e))
}

func (gorgonia) record(event, s handle) error {
	return answer("cuEventRecord", as[cu.Event](event).Record(as[cu.Stream](s)))
}

func (gorgonia) elapsed(from, to handle) (time.Duration, error) {
	ms, err := as[cu.Event](from).Elapsed(as[cu.Event](to))
	return time.Duration(ms * 1e6), answer("cuEventElapsedTime", err)
}

func (gorgonia) load(image []byte) (handle, error) {
	log := make([]byte, 8192)
	m, err := cu.LoadDataEx(string(image), &cu.JITErrorLogBuffer{Buffer: log})
	err = answer("cuModuleLoadDataEx", err)
	var call *callError
	log[len(log)-1] = 0
	if errors.As(err, &call) {
		call.log = goString(&log[0])
	}
	return number(m), err
}

// link: the linker keeps the addresses of options and log, which are C's for that.
func (gorgonia) link(parts []part, registers int) (cubin []byte, err error) {
	const size = 8192
	log := (*C.char)(C.calloc(1, size))
	defer C.free(unsafe.Pointer(log))
	var state C.CUlinkState
	options, values := (*C.CUjit_option)(C.malloc(3*4)), (*unsafe.Pointer)(C.malloc(3*8))
	defer C.free(unsafe.Pointer(options))
	defer C.free(unsafe.Pointer(values))
	C.link_options(options, values, C.uint(registers), log, size)
	if err := result("cuLinkCreate", C.cuLinkCreate(3, options, values, &state)); err != nil {
		return nil, err
	}
	cubin, err = linkIn(state, parts)
	err = errors.Join(err, result("cuLinkDestroy", C.cuLinkDestroy(state)))
	var call *callError
	if errors.As(err, &call) {
		call.log = C.GoStringN(log, C.int(C.strnlen(log, size)))
	}
	return cubin, err
}

func linkIn(state C.CUlinkState, parts []part) ([]byte, error) {
	for _, p := range parts {
		kind, code := C.CUjitInputType(C.CU_JIT_INPUT_CUBIN), p.code
		if p.isPTX() {
			kind, code = C.CU_JIT_INPUT_PTX, append(bytes.Clone(code), 0)
		}
		if err := result("cuLinkAddData", C.cuLinkAddData(state, kind, unsafe.Pointer(&code[0]), C.size_t(len(code)),
			(*C.char)(unsafe.Pointer(cString(p.name))), 0, nil, nil)); err != nil {
			return nil, err
		}
	}
	var at unsafe.Pointer
	var size C.size_t
	if err := result("cuLinkComplete", C.cuLinkComplete(state, &at, &size)); err != nil {
		return nil, err
	}
	return C.GoBytes(at, C.int(size)), nil
}

func (gorgonia) unload(m handle) error {
	return answer("cuModuleUnload", as[cu.Module](m).Unload())
}

func (gorgonia) function(m handle, name string) (handle, error) {
	f, err := as[cu.Module](m).Function(name)
	return number(f), answer("cuModuleGetFunction", err)
}

func (gorgonia) attribute(f handle, which int) (int, error) {
	v, err := as[cu.Function](f).Attribute(cu.FunctionAttribute(which))
	return v, answer("cuFuncGetAttribute", err)
}

func (gorgonia) occupancy(f handle, block int) (int, error) {
	n, err := as[cu.Function](f).MaxActiveBlocksPerMultiProcessor(block, 0)
	return n, answer("cuOccupancyMaxActiveBlocksPerMultiprocessor", err)
}

func (gorgonia) params(handle) int { return 0 } // its headers may be older than the call

func (gorgonia) launch(f handle, grid, block int, s handle, args []byte) error {
	return result("cuLaunchKernel", C.launch(as[C.CUfunction](f), C.uint(grid), C.uint(block), as[C.CUstream](s), unsafe.Pointer(unsafe.SliceData(args))))
}
