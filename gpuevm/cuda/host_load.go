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
	h.loading.Lock()
	defer h.loading.Unlock()
	_, err = h.load(source, text)
	return err
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

// load compiles a source or finds it in the cache, and puts it in place of what the name
// stood for.
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
	old := h.modules[source]
	h.modules[source] = m
	h.mu.Lock()
	h.info.Loaded = append(h.info.Loaded, Loaded{Source: source, From: from, Took: time.Since(start)})
	h.mu.Unlock()
	if old != nil {
		return m, purego.Dlclose(old.library)
	}
	return m, nil
}

// kernel finds a kernel, loading its source where that has not been done.
func (h *host) kernel(source, name string) (laneFunc, error) {
	h.loading.Lock()
	defer h.loading.Unlock()
	m := h.modules[source]
	if m == nil {
		var err error
		if m, err = h.load(source, ""); err != nil {
			return nil, err
		}
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
