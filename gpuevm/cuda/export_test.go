package cuda

import (
	"time"
)

// OpenFake opens a device on a library that stands in for the driver's, or, without a path,
// on whatever driver the process has. Its images are host code.
func OpenFake(path string) (Device, error) {
	start := time.Now()
	drv, err := fakeDriver(path)
	if err != nil {
		return nil, explain(err)
	}
	c, err := findCompiler()
	if err != nil {
		return nil, err
	}
	g, err := openGPU(start, drv, 0)
	if err != nil {
		return nil, explain(err)
	}
	g.images = func(source, text string, f facts) []image {
		return []image{{"fake", func() ([]byte, error) {
			object, _, err := c.object(c.kernels, source, text, nil)
			return []byte(object), err
		}}}
	}
	g.objects = func(in *cache, base, source, text string, f facts) (code []byte, cached bool, err error) {
		path, cached, err := c.object(c.kernels, base, "", nil)
		if err == nil && source != base {
			path, cached, err = c.object(in, source, text, []string{path})
		}
		return []byte(path), cached, err
	}
	g.stack = func([]byte) (uint64, error) { return FakeStack, nil }
	return g, nil
}

// FakeStack is what programs of OpenFake need of stack.
var FakeStack uint64 = 1000

func fakeDriver(path string) (driver, error) {
	if path == "" {
		return openDriver()
	}
	return openLibrary(path)
}

// LoadImage gives the driver an image as it is.
func LoadImage(dev Device, data string) error {
	g := dev.(*gpu)
	return g.do(func() error {
		_, err := g.drv.load([]byte(data))
		return err
	})
}

// OpenLibrary is what OpenDriver does first.
func OpenLibrary(paths ...string) error {
	_, err := openLibrary(paths...)
	return explain(err)
}

// Relocatable is what Compile does on a GPU of that compute capability.
func Relocatable(o CacheOptions, source, text string, capability int) ([]byte, bool, error) {
	c := newCache(o)
	defer c.close()
	return relocatable(c, "", source, text, facts{major: capability / 10, minor: capability % 10})
}

// SameModule says whether two sources are in one module of a GPU.
func SameModule(dev Device, a, b string) bool {
	g := dev.(*gpu)
	g.loading.Lock()
	defer g.loading.Unlock()
	return g.modules[a] == g.modules[b]
}
