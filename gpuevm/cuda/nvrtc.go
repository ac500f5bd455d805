package cuda

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"
	"github.com/gpuevm/gpuevm/kernels"
)

// nvrtc is NVIDIA's run-time compiler, loaded where it is installed. It needs no GPU.
type nvrtc struct {
	symbols map[string]uintptr
	version string // "11.8"
}

var nvrtcSymbols = strings.Fields(`
	nvrtcVersion nvrtcGetErrorString nvrtcCreateProgram nvrtcDestroyProgram nvrtcCompileProgram
	nvrtcGetPTXSize nvrtcGetPTX nvrtcGetCUBINSize nvrtcGetCUBIN nvrtcGetProgramLogSize
	nvrtcGetProgramLog`)

var openNVRTC = sync.OnceValues(func() (*nvrtc, error) {
	var lib uintptr
	for _, path := range nvrtcPaths() {
		var err error
		if lib, err = purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL); err == nil {
			break
		}
	}
	if lib == 0 {
		return nil, fmt.Errorf("%w: NVRTC is not installed (libnvrtc; NVRTC names its file)", ErrNoCompiler)
	}
	n := &nvrtc{symbols: make(map[string]uintptr)}
	for _, name := range nvrtcSymbols {
		at, err := purego.Dlsym(lib, name)
		if err != nil {
			return nil, fmt.Errorf("%w: NVRTC has no %s", ErrNoCompiler, name)
		}
		n.symbols[name] = at
	}
	var major, minor int32
	if err := n.call("nvrtcVersion", uintptr(unsafe.Pointer(&major)), uintptr(unsafe.Pointer(&minor))); err != nil {
		return nil, err
	}
	n.version = fmt.Sprintf("%d.%d", major, minor)
	return n, nil
})

// nvrtcPaths are where NVRTC may be: the oldest that compiles contracts first, since its code
// runs on more drivers.
func nvrtcPaths() []string {
	if path := os.Getenv("NVRTC"); path != "" {
		return []string{path}
	}
	names := []string{"libnvrtc.so.12", "libnvrtc.so.13", "libnvrtc.so", "libnvrtc.so.11.2"}
	paths := slices.Clone(names)
	for _, dir := range []string{os.Getenv("CUDA_HOME"), os.Getenv("CUDA_PATH"), "/usr/local/cuda", "/opt/cuda"} {
		for _, name := range names {
			if dir != "" {
				paths = append(paths, filepath.Join(dir, "lib64", name))
			}
		}
	}
	return paths
}

// CompilerVersion is NVRTC's, as in "11.8".
func CompilerVersion() (string, error) {
	n, err := openNVRTC()
	if err != nil {
		return "", err
	}
	return n.version, nil
}

// Compile makes PTX (for a target like "compute_80") or machine code ("sm_90") of a source,
// or of the file of that name where the text is empty, with more of NVRTC's options.
func Compile(source, text, target string, options ...string) ([]byte, error) {
	n, err := openNVRTC()
	if err != nil {
		return nil, err
	}
	if text == "" {
		data, err := kernels.Sources.ReadFile(source)
		if err != nil {
			return nil, fmt.Errorf("no kernel source %s: %w", source, err)
		}
		text = string(data)
	}
	headers, err := kernels.Headers()
	if err != nil {
		return nil, err
	}
	program, err := n.program(source, text, headers)
	if err != nil {
		return nil, err
	}
	defer n.call("nvrtcDestroyProgram", uintptr(unsafe.Pointer(&program)))
	if err := n.compile(program, slices.Concat([]string{"--gpu-architecture=" + target}, kernels.CompileOptions, options)); err != nil {
		return nil, fmt.Errorf("compile %s for %s: %w", source, target, err)
	}
	if strings.HasPrefix(target, "sm_") {
		return n.output(program, "nvrtcGetCUBIN")
	}
	return n.output(program, "nvrtcGetPTX")
}

// compileFor compiles for a GPU: to its machine code, or, if NVRTC is older than it, to PTX.
func compileFor(source, text string, capability int, options ...string) ([]byte, error) {
	code, err := Compile(source, text, fmt.Sprintf("sm_%d", capability), options...)
	var bad *nvrtcError
	if errors.As(err, &bad) && bad.code == nvrtcInvalidOption {
		return Compile(source, text, "compute_80", options...)
	}
	return code, err
}

type nvrtcError struct {
	call string
	code int
	text string
	log  string
}

const nvrtcInvalidOption = 5

func (e *nvrtcError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("%s: %s\n%.4000s", e.call, e.text, e.log))
}

//go:uintptrescapes
func (n *nvrtc) call(name string, args ...uintptr) error {
	r, _, _ := purego.SyscallN(n.symbols[name], args...)
	if code := int(int32(r)); code != 0 {
		s, _, _ := purego.SyscallN(n.symbols["nvrtcGetErrorString"], uintptr(code))
		return &nvrtcError{call: name, code: code, text: goString(*(**byte)(unsafe.Pointer(&s)))}
	}
	return nil
}

func (n *nvrtc) program(source, text string, headers map[string]string) (program uintptr, err error) {
	var names, texts []*byte
	for name, text := range headers {
		names, texts = append(names, cString(name)), append(texts, cString(text))
	}
	err = n.call("nvrtcCreateProgram", uintptr(unsafe.Pointer(&program)), uintptr(unsafe.Pointer(cString(text))),
		uintptr(unsafe.Pointer(cString(source))), uintptr(len(names)),
		uintptr(unsafe.Pointer(unsafe.SliceData(texts))), uintptr(unsafe.Pointer(unsafe.SliceData(names))))
	return program, err
}

func (n *nvrtc) compile(program uintptr, options []string) error {
	var list []*byte
	for _, o := range options {
		list = append(list, cString(o))
	}
	err := n.call("nvrtcCompileProgram", program, uintptr(len(list)), uintptr(unsafe.Pointer(&list[0])))
	var bad *nvrtcError
	if errors.As(err, &bad) {
		log, _ := n.output(program, "nvrtcGetProgramLog")
		bad.log = string(log)
	}
	return err
}

// output reads one of a program's outputs; text comes without the zero at its end.
func (n *nvrtc) output(program uintptr, what string) ([]byte, error) {
	var size uintptr
	if err := n.call(what+"Size", program, uintptr(unsafe.Pointer(&size))); err != nil || size == 0 {
		return nil, err
	}
	data := make([]byte, size)
	err := n.call(what, program, uintptr(unsafe.Pointer(&data[0])))
	if what != "nvrtcGetCUBIN" {
		data = data[:size-1]
	}
	return data, err
}
