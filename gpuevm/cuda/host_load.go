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
	_, err = h.load(source, text)
	return err
}

func (h *host) Unload(source string) error {
	release, err := h.open()
	if err != nil {
		return err
	}
	defer release()
	h.mu.Lock()
	m := h.modules[source]
	delete(h.modules, source)
	h.mu.Unlock()
	if m == nil {
		return nil
	}
	return purego.Dlclose(m.library)
}

// load compiles a source or finds it in the cache. Two that load the same at once both do
// it, and the later one's stays.
func (h *host) load(source, text string) (*hostModule, error) {
	start := time.Now()
	path, cached, err := h.compiler.object(source, text)
	if err != nil {
		return nil, err
	}
	lib, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", path, err)
	}
	m := &hostModule{library: lib, kernels: make(map[string]laneFunc)}
	from := "compiled"
	if cached {
		from = "cached"
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.modules[source] = m
	h.info.Loaded = append(h.info.Loaded, Loaded{Source: source, From: from, Took: time.Since(start)})
	return m, nil
}

// kernel finds a kernel, loading its source where that has not been done.
func (h *host) kernel(source, name string) (laneFunc, error) {
	h.mu.Lock()
	m := h.modules[source]
	h.mu.Unlock()
	if m == nil {
		var err error
		if m, err = h.load(source, ""); err != nil {
			return nil, err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
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
