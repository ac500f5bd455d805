package cuda

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"
)

// host is this machine's cores as a device: kernel sources compiled by the system's C++
// compiler, lanes on goroutines. Its memory is mapped, so that what is never touched costs
// nothing, and ends at a page that may not be touched, so that a kernel that runs past the
// end stops the process instead of spoiling a neighbour.
type host struct {
	info     Info
	compiler *compiler
	codes    atomic.Pointer[cache] // of what is linked with kernels

	// use is held for reading by calls, for writing by what ends them: Close.
	use     sync.RWMutex
	closed  bool
	loading sync.Mutex // one load at a time: modules
	modules map[string]*hostModule
	mu      sync.Mutex // the rest
	queues  []*queue
	blocks  map[Ptr]block
}

// block is memory that was allocated: `bytes` from its address, the mapping around it.
type block struct {
	bytes   int
	mapping []byte
}

// hostModule is a shared object.
type hostModule struct {
	library uintptr
	kernels map[string]laneFunc
}

type laneFunc func(args unsafe.Pointer, lane, lanes uint32)

// OpenHost opens the host device. It needs g++ or clang++, or what CXX names. With
// GPUEVM_SANITIZE set to g++'s names of sanitizers, kernels are built with them and stop the
// process at what they find; "address" needs its library preloaded (see `make sanitize`).
func OpenHost() (Device, error) {
	start := time.Now()
	c, err := findCompiler()
	if err != nil {
		return nil, err
	}
	n := runtime.GOMAXPROCS(0)
	h := &host{
		compiler: c,
		queues:   []*queue{newQueue()},
		blocks:   make(map[Ptr]block),
		modules:  make(map[string]*hostModule),
		info:     Info{Kind: "host", Name: fmt.Sprintf("%d cores", n), Driver: c.version, Memory: hostMemory(), Lanes: n, Warp: 1},
	}
	if gpuShaped() {
		h.info.Lanes, h.info.Warp = 128, 32
	}
	h.codes.Store(c.kernels)
	h.info.Startup = time.Since(start)
	return h, nil
}

// gpuShaped: GPUEVM_HOST_SHAPE=gpu makes the host's lanes share out their work and interleave
// their words as a GPU's do, to test just that.
func gpuShaped() bool { return os.Getenv("GPUEVM_HOST_SHAPE") == "gpu" }

func hostMemory() uint64 {
	var info syscall.Sysinfo_t
	if syscall.Sysinfo(&info) != nil {
		return 0
	}
	return uint64(info.Totalram) * uint64(info.Unit)
}

func (h *host) Info() Info {
	h.mu.Lock()
	defer h.mu.Unlock()
	info := h.info
	info.Loaded = slices.Clone(info.Loaded)
	return info
}

// open starts a call: until release, Close waits.
func (h *host) open() (release func(), err error) {
	h.use.RLock()
	if h.closed {
		h.use.RUnlock()
		return nil, ErrClosed
	}
	return h.use.RUnlock, nil
}

func (h *host) Alloc(bytes int) (Ptr, error) {
	release, err := h.open()
	if err != nil {
		return 0, err
	}
	defer release()
	if bytes < 0 {
		return 0, fmt.Errorf("allocation of %d bytes", bytes)
	}
	page := syscall.Getpagesize()
	used := (bytes + 255) &^ 255
	body := (used + page - 1) / page * page
	mapping, err := syscall.Mmap(-1, 0, body+page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_NORESERVE)
	if err != nil {
		return 0, fmt.Errorf("%w: %d bytes: %w", ErrMemory, bytes, err)
	}
	if err := syscall.Mprotect(mapping[body:], syscall.PROT_NONE); err != nil {
		return 0, err
	}
	p := Ptr(uintptr(unsafe.Pointer(&mapping[body-used:][:1][0])))
	h.mu.Lock()
	defer h.mu.Unlock()
	h.blocks[p] = block{bytes, mapping}
	return p, nil
}

func (h *host) Free(p Ptr) error {
	release, err := h.open()
	if err != nil {
		return err
	}
	defer release()
	if p == 0 {
		return nil
	}
	h.mu.Lock()
	b, ok := h.blocks[p]
	delete(h.blocks, p)
	queues := slices.Clone(h.queues)
	h.mu.Unlock()
	if !ok {
		return fmt.Errorf("free of %#x, which was not allocated", uint64(p))
	}
	for _, q := range queues {
		q.wait()
	}
	return syscall.Munmap(b.mapping)
}

func (h *host) HostAlloc(bytes int) ([]byte, error) {
	release, err := h.open()
	if err != nil {
		return nil, err
	}
	defer release()
	return make([]byte, bytes), nil
}

func (h *host) HostFree([]byte) error { return nil }

func (h *host) NewStream() (Stream, error) {
	release, err := h.open()
	if err != nil {
		return 0, err
	}
	defer release()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.queues = append(h.queues, newQueue())
	return Stream(len(h.queues) - 1), nil
}

// at is device memory as bytes. (Mapped memory is not the garbage collector's.)
func (h *host) at(p Ptr, n int) ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for start, b := range h.blocks {
		if p >= start && n >= 0 && n <= b.bytes && uint64(p-start) <= uint64(b.bytes-n) {
			address := uintptr(p)
			return unsafe.Slice(*(**byte)(unsafe.Pointer(&address)), n), nil
		}
	}
	return nil, fmt.Errorf("%d bytes at %#x are not allocated", n, uint64(p))
}

// ask puts work into a stream.
func (h *host) ask(s Stream, f func() (time.Duration, error)) error {
	h.mu.Lock()
	if s < 0 || int(s) >= len(h.queues) {
		h.mu.Unlock()
		return fmt.Errorf("no stream %d", s)
	}
	q := h.queues[s]
	h.mu.Unlock()
	q.work <- f
	return nil
}

// askWith puts work on device memory into a stream. The memory is looked up now, so that a
// wrong address is an error of the call that named it.
func (h *host) askWith(s Stream, p Ptr, n int, f func([]byte)) error {
	release, err := h.open()
	if err != nil {
		return err
	}
	defer release()
	if n == 0 {
		return nil
	}
	mem, err := h.at(p, n)
	if err != nil {
		return err
	}
	return h.ask(s, func() (time.Duration, error) { f(mem); return 0, nil })
}

func (h *host) Upload(s Stream, dst Ptr, src []byte) error {
	return h.askWith(s, dst, len(src), func(mem []byte) { copy(mem, src) })
}

func (h *host) Download(s Stream, dst []byte, src Ptr) error {
	return h.askWith(s, src, len(dst), func(mem []byte) { copy(dst, mem) })
}

func (h *host) Zero(s Stream, dst Ptr, bytes int) error {
	return h.askWith(s, dst, bytes, func(mem []byte) { clear(mem) })
}

func (h *host) Lanes(source, kernel string) (int, error) {
	release, err := h.open()
	if err != nil {
		return 0, err
	}
	defer release()
	_, err = h.kernel(source, kernel)
	return h.info.Lanes, err
}

func (h *host) Launch(s Stream, source, kernel string, lanes int, args []byte) error {
	release, err := h.open()
	if err != nil {
		return err
	}
	defer release()
	f, err := h.kernel(source, kernel)
	if err != nil {
		return err
	}
	if lanes <= 0 {
		return fmt.Errorf("%s: %s: launch of %d lanes", source, kernel, lanes)
	}
	// Words, so that the struct is aligned.
	own := make([]uint64, len(args)/8+1)
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&own[0])), len(args)), args)
	return h.ask(s, func() (time.Duration, error) {
		start := time.Now()
		runLanes(f, unsafe.Pointer(&own[0]), lanes)
		return time.Since(start), nil
	})
}

// runLanes runs all lanes on as many goroutines as there are cores.
func runLanes(f laneFunc, args unsafe.Pointer, lanes int) {
	var next atomic.Int64
	work := func() {
		for lane := next.Add(1) - 1; lane < int64(lanes); lane = next.Add(1) - 1 {
			f(args, uint32(lane), uint32(lanes))
		}
	}
	var wg sync.WaitGroup
	for range min(lanes, runtime.GOMAXPROCS(0)) - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
}

func (h *host) Sync(s Stream) (time.Duration, error) {
	release, err := h.open()
	if err != nil {
		return 0, err
	}
	defer release()
	h.mu.Lock()
	if s < 0 || int(s) >= len(h.queues) {
		h.mu.Unlock()
		return 0, fmt.Errorf("no stream %d", s)
	}
	q := h.queues[s]
	h.mu.Unlock()
	return q.sync()
}

func (h *host) Close() error {
	h.use.Lock()
	defer h.use.Unlock()
	if h.closed {
		return nil
	}
	h.closed = true
	for _, q := range h.queues {
		q.close()
	}
	for _, b := range h.blocks {
		_ = syscall.Munmap(b.mapping)
	}
	for _, m := range h.modules {
		_ = purego.Dlclose(m.library)
	}
	h.compiler.kernels.close()
	h.codes.Load().close()
	h.blocks, h.modules = nil, nil
	return nil
}
