package cuda

import (
	"bytes"
	"errors"
	"runtime"
	"strings"
	"unsafe"
)

// What the linker of the driver takes, by the driver's numbers.
const (
	jitMaxRegisters, jitErrorLog, jitErrorLogSize = 0, 5, 6

	inputCubin, inputPTX = 0, 1
)

func (l *library) link(parts []part, registers int) (cubin []byte, err error) {
	log := make([]byte, 8192)
	options := []int32{jitMaxRegisters, jitErrorLog, jitErrorLogSize}
	values := []uintptr{uintptr(registers), uintptr(unsafe.Pointer(&log[0])), uintptr(len(log))}
	var pin runtime.Pinner // the linker keeps their addresses to its end
	defer pin.Unpin()
	pin.Pin(&log[0])
	pin.Pin(&options[0])
	pin.Pin(&values[0])
	var state handle
	err = l.call("cuLinkCreate_v2", uintptr(len(options)), uintptr(unsafe.Pointer(&options[0])),
		uintptr(unsafe.Pointer(&values[0])), uintptr(unsafe.Pointer(&state)))
	if err != nil {
		return nil, err
	}
	cubin, err = l.linkIn(state, parts)
	err = errors.Join(err, l.call("cuLinkDestroy", uintptr(state)))
	var call *callError
	log[len(log)-1] = 0
	if errors.As(err, &call) {
		call.log = strings.TrimSpace(goString(&log[0]))
	}
	return cubin, err
}

func (l *library) linkIn(state handle, parts []part) ([]byte, error) {
	for _, p := range parts {
		kind, code := inputCubin, p.code
		if p.isPTX() {
			kind, code = inputPTX, append(bytes.Clone(code), 0) // PTX ends with a zero
		}
		if err := l.call("cuLinkAddData_v2", uintptr(state), uintptr(kind), uintptr(unsafe.Pointer(&code[0])),
			uintptr(len(code)), uintptr(unsafe.Pointer(cString(p.name))), 0, 0, 0); err != nil {
			return nil, err
		}
	}
	var at *byte // the linker's own memory
	var size uintptr
	if err := l.call("cuLinkComplete", uintptr(state), uintptr(unsafe.Pointer(&at)), uintptr(unsafe.Pointer(&size))); err != nil {
		return nil, err
	}
	return bytes.Clone(unsafe.Slice(at, size)), nil
}
