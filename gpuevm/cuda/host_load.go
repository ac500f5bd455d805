package cuda

import (
	"fmt"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"
)

func (h *host) Load(source, text string) error {
	release, err := h.open()
	if err != nil {
		return err
	}
	defer release()
	// What takes long is done before the lock: other sources may be used meanwhile.
	b, err := h.make(source, text, nil)
	if err != nil {
		return err
	}
	h.loading.Lock()
	defer h.loading.Unlock()
	return h.place(source, b)
}

func (h *host) Unload(source string) error {
	release, err := h.open()
	if err != nil {
		return err
	}
	defer release()
	h.loading.Lock()
	defer h.loading.Unlock()
	m := h.modules[source]
	delete(h.modules, source)
	if m == nil {
		return nil
	}
	return purego.Dlclose(m.library)
}

// built is a shared object, opened.
type built struct {
	library uintptr
	cached  bool
	start   time.Time
}

// make compiles a source, and what it is linked with, or finds it in the cache. Another process
// may remove there what has just been found: then once more.
func (h *host) make(source, text string, with []string) (built, error) {
	start := time.Now()
	path, cached, err := h.compile(source, text, with)
	if err != nil {
		return built{}, err
	}
	lib, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil && cached {
		if path, cached, err = h.compile(source, text, with); err == nil {
			lib, err = purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
		}
	}
	if err != nil {
		return built{}, fmt.Errorf("load %s: %w", source, err)
	}
	return built{lib, cached, start}, nil
}

func (h *host) compile(source, text string, with []string) (path string, cached bool, err error) {
	objects := make([]string, len(with))
	for i, name := range with {
		if objects[i], _, err = h.compiler.object(h.compiler.kernels, name, "", nil); err != nil {
			return "", false, err
		}
	}
	in := h.compiler.kernels
	if len(with) > 0 {
		in = h.codes.Load()
	}
	return h.compiler.object(in, source, text, objects)
}

func (b built) from() string {
	if b.cached {
		return "cached"
	}
	return "compiled"
}

// place puts a shared object in place of what the name stood for.
func (h *host) place(source string, b built) error {
	old := h.modules[source]
	h.modules[source] = &hostModule{library: b.library, kernels: make(map[string]laneFunc)}
	h.mu.Lock()
	h.info.Loaded = append(h.info.Loaded, Loaded{Source: source, From: b.from(), Took: time.Since(b.start)})
	h.mu.Unlock()
	if old != nil {
		return purego.Dlclose(old.library)
	}
	return nil
}

// kernel finds a kernel, loading its source where that has not been done.
func (h *host) kernel(source, name string) (laneFunc, error) {
	h.loading.Lock()
	defer h.loading.Unlock()
	m := h.modules[source]
	if m == nil {
		b, err := h.make(source, "", nil)
		if err != nil {
			return nil, err
		}
		if err := h.place(source, b); err != nil {
			return nil, err
		}
		m = h.modules[source]
	}
	if f := m.kernels[name]; f != nil {
		return f, nil
	}
	symbol, err := purego.Dlsym(m.library, name)
	if err != nil {
		return nil, fmt.Errorf("%s has no kernel %s", source, name)
	}
	var call func(unsafe.Pointer, uint32, uint32)
	purego.RegisterFunc(&call, symbol)
	m.kernels[name] = call
	return call, nil
}
