package cuda

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"
	"github.com/gpuevm/gpuevm/kernels"
)

// host is this machine's cores as a device: kernel sources compiled by the system's C++
// compiler, lanes on goroutines. Its memory is mapped, so that what is never touched costs
// nothing.
type host struct {
	info     Info
	compiler string
	version  string
	flags    []string

	mu      sync.Mutex
	blocks  map[Ptr][]byte
	kernels map[string]func(args unsafe.Pointer, lane, lanes uint32)
	libs    map[string]uintptr
	spent   time.Duration
}

// OpenHost opens the host device. It needs g++ or clang++, or what CXX names.
func OpenHost() (Device, error) {
	start := time.Now()
	h := &host{
		blocks:  make(map[Ptr][]byte),
		kernels: make(map[string]func(unsafe.Pointer, uint32, uint32)),
		libs:    make(map[string]uintptr),
		flags:   []string{"-x", "c++", "-std=c++17", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-fno-exceptions", "-fno-rtti", "-fno-strict-aliasing"},
	}
	if err := h.findCompiler(); err != nil {
		return nil, err
	}
	n := runtime.GOMAXPROCS(0)
	h.info = Info{Kind: "host", Name: fmt.Sprintf("%d cores", n), Driver: h.version, Lanes: n, Warp: 1, Startup: time.Since(start)}
	return h, nil
}

func (h *host) findCompiler() error {
	names := []string{"g++", "clang++"}
	if cxx := os.Getenv("CXX"); cxx != "" {
		names = []string{cxx}
	}
	for _, name := range names {
		out, err := exec.Command(name, "--version").Output()
		if err == nil {
			h.compiler = name
			h.version, _, _ = strings.Cut(string(out), "\n")
			return nil
		}
	}
	return fmt.Errorf("%w: the host device needs a C++ compiler, and none of %s runs", ErrNoDevice, strings.Join(names, ", "))
}

func (h *host) Info() Info { return h.info }

func (h *host) Alloc(bytes int) (Ptr, error) {
	mem, err := syscall.Mmap(-1, 0, max(bytes, 1), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_NORESERVE)
	if err != nil {
		return 0, fmt.Errorf("%w: %d bytes: %w", ErrMemory, bytes, err)
	}
	p := Ptr(uintptr(unsafe.Pointer(unsafe.SliceData(mem))))
	h.mu.Lock()
	defer h.mu.Unlock()
	h.blocks[p] = mem
	return p, nil
}

func (h *host) Free(p Ptr) error {
	h.mu.Lock()
	mem := h.blocks[p]
	delete(h.blocks, p)
	h.mu.Unlock()
	if mem == nil {
		return fmt.Errorf("free of %#x, which was not allocated", uint64(p))
	}
	return syscall.Munmap(mem)
}

func (h *host) HostAlloc(bytes int) ([]byte, error) { return make([]byte, bytes), nil }
func (h *host) HostFree([]byte) error               { return nil }
func (h *host) NewStream() (Stream, error)          { return 0, nil }

// at is device memory as bytes. (Mapped memory is not the garbage collector's.)
func at(p Ptr, n int) []byte {
	address := uintptr(p)
	return unsafe.Slice(*(**byte)(unsafe.Pointer(&address)), n)
}

func (h *host) Upload(_ Stream, dst Ptr, src []byte) error {
	copy(at(dst, len(src)), src)
	return nil
}

func (h *host) Download(_ Stream, dst []byte, src Ptr) error {
	copy(dst, at(src, len(dst)))
	return nil
}

func (h *host) Zero(_ Stream, dst Ptr, bytes int) error {
	clear(at(dst, bytes))
	return nil
}

func (h *host) Launch(_ Stream, source, kernel string, lanes int, args []byte) error {
	f, err := h.kernel(source, kernel)
	if err != nil {
		return err
	}
	start := time.Now()
	own := append([]byte(nil), args...)
	var wg sync.WaitGroup
	for lane := 1; lane < lanes; lane++ {
		wg.Go(func() { f(unsafe.Pointer(unsafe.SliceData(own)), uint32(lane), uint32(lanes)) })
	}
	f(unsafe.Pointer(unsafe.SliceData(own)), 0, uint32(lanes))
	wg.Wait()
	h.mu.Lock()
	h.spent += time.Since(start)
	h.mu.Unlock()
	return nil
}

func (h *host) Sync(Stream) (time.Duration, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	spent := h.spent
	h.spent = 0
	return spent, nil
}

func (h *host) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for p, mem := range h.blocks {
		_ = syscall.Munmap(mem)
		delete(h.blocks, p)
	}
	return nil
}

// kernel finds a kernel, compiling its source where that has not been done.
func (h *host) kernel(source, name string) (func(unsafe.Pointer, uint32, uint32), error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if f := h.kernels[source+":"+name]; f != nil {
		return f, nil
	}
	lib := h.libs[source]
	if lib == 0 {
		path, err := h.compile(source)
		if err != nil {
			return nil, err
		}
		if lib, err = purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL); err != nil {
			return nil, fmt.Errorf("load %s: %w", path, err)
		}
		h.libs[source] = lib
	}
	symbol, err := purego.Dlsym(lib, name)
	if err != nil {
		return nil, fmt.Errorf("%s has no kernel %s: %w", source, name, err)
	}
	var f func(unsafe.Pointer, uint32, uint32)
	purego.RegisterFunc(&f, symbol)
	h.kernels[source+":"+name] = f
	return f, nil
}

// compile makes a shared object of a source, or finds it in the cache, where it lies under
// the hash of all that went into it.
func (h *host) compile(source string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "gpuevm")
	sum := sha256.New()
	fmt.Fprintln(sum, source, h.version, h.flags)
	names, err := fs.Glob(kernels.Sources, "*")
	if err != nil {
		return "", err
	}
	for _, name := range names {
		text, err := kernels.Sources.ReadFile(name)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(sum, name, len(text))
		sum.Write(text)
	}
	path := filepath.Join(dir, strings.TrimSuffix(source, ".cu")+"-"+hex.EncodeToString(sum.Sum(nil)[:12])+".so")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	return path, h.build(source, names, dir, path)
}

func (h *host) build(source string, names []string, dir, path string) error {
	work, err := os.MkdirTemp(dir, "build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	for _, name := range names {
		text, err := kernels.Sources.ReadFile(name)
		if err == nil {
			err = os.WriteFile(filepath.Join(work, name), text, 0o644)
		}
		if err != nil {
			return err
		}
	}
	object := filepath.Join(work, "out.so")
	args := append(append([]string(nil), h.flags...), filepath.Join(work, source), "-o", object)
	if out, err := exec.Command(h.compiler, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%.2000s", h.compiler, source, err, out)
	}
	return os.Rename(object, path)
}
