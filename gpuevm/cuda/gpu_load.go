package cuda

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gpuevm/gpuevm/kernels"
)

// gpuModule is a loaded source.
type gpuModule struct {
	handle  handle
	kernels map[string]gpuKernel
}

type gpuKernel struct {
	function handle
	block    int // threads of a block
	lanes    int // that run at once
	params   int // bytes, or 0
}

// image is something that the driver can load, and where it is from.
type image struct {
	from string
	read func() ([]byte, error)
}

// images are what a source can be loaded from, best first: machine code for this GPU, PTX,
// which the driver compiles, and last the source itself.
func images(source, text string, f facts) []image {
	var list []image
	if text == "" {
		for minor := f.minor; minor >= 0; minor-- { // code for 8.0 runs on 8.6, not on 9.0
			list = append(list, embedded(source, fmt.Sprintf("sm_%d%d", f.major, minor)))
		}
		list = append(list, embedded(source, "compute_80"))
	}
	return append(list, image{"NVRTC", func() ([]byte, error) { return compileFor(source, text, f.capability()) }})
}

func embedded(source, target string) image {
	return image{target, func() ([]byte, error) { return kernels.Image(source, target) }}
}

func (g *gpu) Load(source, text string) error {
	return g.do(func() error {
		g.loading.Lock()
		defer g.loading.Unlock()
		_, err := g.load(source, text)
		return err
	})
}

func (g *gpu) Unload(source string) error {
	return g.do(func() error {
		g.loading.Lock()
		defer g.loading.Unlock()
		m := g.modules[source]
		delete(g.modules, source)
		return g.unload(m)
	})
}

// unload lets go of a module, unless another source is in it too.
func (g *gpu) unload(m *gpuModule) error {
	if m == nil || slices.Contains(slices.Collect(maps.Values(g.modules)), m) {
		return nil
	}
	return g.drv.unload(m.handle)
}

func (g *gpu) Lanes(source, kernel string) (lanes int, err error) {
	err = g.do(func() error {
		k, err := g.kernel(source, kernel)
		lanes = k.lanes
		return err
	})
	return lanes, err
}

// load loads the first image that there is and that the driver takes.
func (g *gpu) load(source, text string) (*gpuModule, error) {
	start := time.Now()
	var reasons []error
	for _, image := range g.images(source, text, g.facts) {
		data, err := image.read()
		if errors.Is(err, kernels.ErrNoImage) {
			continue
		}
		var h handle
		if err == nil {
			h, err = g.drv.load(data)
		}
		if err != nil {
			reasons = append(reasons, fmt.Errorf("%s: %w", image.from, err))
			continue
		}
		m := &gpuModule{handle: h, kernels: make(map[string]gpuKernel)}
		old := g.modules[source]
		g.modules[source] = m
		g.mu.Lock()
		defer g.mu.Unlock()
		g.info.Loaded = append(g.info.Loaded, Loaded{Source: source, From: image.from, Took: time.Since(start)})
		return m, g.unload(old)
	}
	return nil, fmt.Errorf("load %s: %w", source, errors.Join(reasons...))
}

// kernel finds a kernel, loading its source where that has not been done.
func (g *gpu) kernel(source, name string) (gpuKernel, error) {
	g.loading.Lock()
	defer g.loading.Unlock()
	m := g.modules[source]
	if m == nil {
		var err error
		if m, err = g.load(source, ""); err != nil {
			return gpuKernel{}, err
		}
	}
	if k, ok := m.kernels[name]; ok {
		return k, nil
	}
	k, err := g.findKernel(m, name)
	if err != nil {
		return k, fmt.Errorf("%s: kernel %s: %w", source, name, err)
	}
	m.kernels[name] = k
	return k, nil
}

func (g *gpu) findKernel(m *gpuModule, name string) (k gpuKernel, err error) {
	if k.function, err = g.drv.function(m.handle, name); err != nil {
		return k, err
	}
	if k.block, err = g.drv.attribute(k.function, functionBlock); err != nil {
		return k, err
	}
	blocks, err := g.drv.occupancy(k.function, k.block)
	k.lanes = blocks * k.block * g.facts.processors
	k.params = g.drv.params(k.function)
	return k, err
}
