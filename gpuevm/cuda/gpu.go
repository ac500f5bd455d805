package cuda

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// gpu is an NVIDIA GPU. The driver's context belongs to an OS thread, and goroutines move
// between threads: each call pins its thread and sets the context. A goroutine
// for all calls would make one stream's Sync hold up the others.
type gpu struct {
	drv     driver
	index   int
	context handle
	facts   facts
	images  func(source, text string, f facts) []image
	objects func(in *cache, base, source, text string, f facts) (code []byte, cached bool, err error)
	stack   func(image []byte) (uint64, error)
	kernels *cache
	codes   atomic.Pointer[cache] // of Compile

	use     sync.RWMutex // held for reading by calls, for writing by Close
	closed  bool
	loading sync.Mutex // one load at a time: modules
	modules map[string]*gpuModule
	mu      sync.Mutex // the rest
	info    Info
	lost    error
	streams []*gpuStream
	zeroing *gpuStream // Alloc's own
	memory  map[Ptr]bool
	pinned  map[unsafe.Pointer]bool
}

// oldest is the driver that knows the PTX that we embed.
const oldest, oldestText = 11080, "11.8 (driver 520)"

func openGPU(start time.Time, drv driver, index int) (*gpu, error) {
	f, err := usable(drv, index)
	if err != nil {
		return nil, err
	}
	g := &gpu{
		drv: drv, index: index, facts: f, images: images, objects: relocatable, stack: StackOf,
		kernels: newCache(CacheOptions{}),
		modules: make(map[string]*gpuModule),
		memory:  make(map[Ptr]bool), pinned: make(map[unsafe.Pointer]bool),
		info: describe(drv, f),
	}
	g.codes.Store(g.kernels)
	if g.context, err = drv.retain(index); err != nil {
		return nil, fmt.Errorf("%w: cuda:%d, %s: %w", ErrNoDevice, index, f.name, err)
	}
	err = g.do(func() error {
		for range 2 {
			h, err := drv.newStream()
			if err != nil {
				return err
			}
			g.streams = append(g.streams, &gpuStream{handle: h})
		}
		return nil
	})
	if err != nil {
		_ = drv.release(index, true)
		return nil, err
	}
	g.zeroing, g.streams = g.streams[1], g.streams[:1]
	g.info.Startup = time.Since(start)
	return g, nil
}

// usable says in plain words why a device can't be used.
func usable(drv driver, index int) (facts, error) {
	n, err := drv.count()
	if err != nil {
		return facts{}, err
	}
	if index < 0 || index >= n {
		return facts{}, fmt.Errorf("%w: there is no cuda:%d; the driver shows %d GPUs", ErrNoDevice, index, n)
	}
	f, err := drv.facts(index)
	if err != nil {
		return f, fmt.Errorf("%w: cuda:%d: %w", ErrNoDevice, index, err)
	}
	if v := drv.version(); v < oldest {
		return f, fmt.Errorf("%w: the driver of %s is too old: it supports CUDA %s, and %s or later is needed", ErrNoDevice, f.name, dotted(v), oldestText)
	}
	if f.capability() < 80 {
		return f, fmt.Errorf("%w: %s is too old: compute capability %d.%d, and 8.0 or later is needed", ErrNoDevice, f.name, f.major, f.minor)
	}
	return f, nil
}

func describe(drv driver, f facts) Info {
	driver := "CUDA " + dotted(drv.version())
	if text, err := os.ReadFile("/sys/module/nvidia/version"); err == nil {
		driver = strings.TrimSpace(string(text)) + ", " + driver
	}
	return Info{
		Kind: "cuda", Name: f.name, Driver: driver + ", " + drv.name(), Memory: f.memory,
		Capability: fmt.Sprintf("%d.%d", f.major, f.minor), Lanes: f.processors * f.threadsPerUnit, Warp: 32,
	}
}

func dotted(version int) string { return fmt.Sprintf("%d.%d", version/1000, version%1000/10) }

// do makes calls of the driver, unless the device is closed or lost, and sees when it is lost.
func (g *gpu) do(f func() error) error {
	g.use.RLock()
	defer g.use.RUnlock()
	if g.closed {
		return ErrClosed
	}
	g.mu.Lock()
	lost := g.lost
	g.mu.Unlock()
	if lost != nil {
		return lost
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := g.drv.use(g.context)
	if err == nil {
		err = f()
	}
	var call *callError
	if errors.As(err, &call) && call.lost() {
		err = fmt.Errorf("%w: %w", ErrLost, err)
		g.mu.Lock()
		g.lost = err
		g.mu.Unlock()
	}
	return err
}

func (g *gpu) Info() Info {
	g.mu.Lock()
	defer g.mu.Unlock()
	info := g.info
	info.Loaded = slices.Clone(info.Loaded)
	return info
}

func (g *gpu) Alloc(bytes int) (p Ptr, err error) {
	err = g.do(func() error {
		if bytes < 0 {
			return fmt.Errorf("allocation of %d bytes", bytes)
		}
		bytes = max(bytes, 1)
		if p, err = g.drv.alloc(bytes); err != nil {
			return fmt.Errorf("%d bytes: %w", bytes, err)
		}
		if err := g.zeroed(p, bytes); err != nil {
			_, p = g.drv.free(p), 0
			return err
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		g.memory[p] = true
		return nil
	})
	return p, err
}

func (g *gpu) zeroed(p Ptr, bytes int) error {
	if err := g.drv.zero(p, bytes, g.zeroing.handle); err != nil {
		return err
	}
	return g.drv.sync(g.zeroing.handle)
}

func (g *gpu) Free(p Ptr) error {
	return g.do(func() error {
		if p == 0 {
			return nil
		}
		g.mu.Lock()
		delete(g.memory, p)
		g.mu.Unlock()
		return g.drv.free(p)
	})
}

func (g *gpu) HostAlloc(bytes int) (mem []byte, err error) {
	err = g.do(func() error {
		p, err := g.drv.hostAlloc(max(bytes, 1))
		if err != nil {
			return fmt.Errorf("%d bytes of the host's memory: %w", bytes, err)
		}
		mem = unsafe.Slice((*byte)(p), bytes)
		g.mu.Lock()
		defer g.mu.Unlock()
		g.pinned[p] = true
		return nil
	})
	return mem, err
}

func (g *gpu) HostFree(mem []byte) error {
	return g.do(func() error {
		p := unsafe.Pointer(unsafe.SliceData(mem))
		g.mu.Lock()
		ok := g.pinned[p]
		delete(g.pinned, p)
		g.mu.Unlock()
		if !ok {
			return errors.New("free of host memory that was not allocated")
		}
		return g.drv.hostFree(p)
	})
}

func (g *gpu) Close() error {
	g.use.Lock()
	defer g.use.Unlock()
	if g.closed {
		return nil
	}
	g.closed = true
	g.kernels.close()
	g.codes.Load().close()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if g.lost != nil {
		var call *callError
		if err := g.drv.release(g.index, true); !errors.As(err, &call) || !call.lost() {
			return err
		}
		return nil // the fault once more, which is known
	}
	err := g.drv.use(g.context)
	for _, s := range append(g.streams, g.zeroing) {
		err = errors.Join(err, s.close(g.drv))
	}
	for source, m := range g.modules {
		delete(g.modules, source)
		err = errors.Join(err, g.unload(m))
	}
	// The context may have other holders in this process, so what is left in it is freed here.
	for p := range g.memory {
		err = errors.Join(err, g.drv.free(p))
	}
	for p := range g.pinned {
		err = errors.Join(err, g.drv.hostFree(p))
	}
	return errors.Join(err, g.drv.release(g.index, false))
}
