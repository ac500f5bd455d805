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
	g, err := openGPU(start, drv, 0, func(source, text string, f facts) []image {
		return []image{{"fake", func() ([]byte, error) {
			c, err := findCompiler()
			if err != nil {
				return nil, err
			}
			object, _, err := c.object(c.kernels, source, text, nil)
			return []byte(object), err
		}}}
	})
	if err != nil {
		return nil, explain(err)
	}
	return g, nil
}

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
