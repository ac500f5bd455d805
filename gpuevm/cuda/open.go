package cuda

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"
)

// Open opens a device by name: "host", "cuda" (the first GPU) or "cuda:N" (the N-th of those
// that the driver shows; CUDA_VISIBLE_DEVICES is the driver's own).
func Open(name string) (Device, error) {
	kind, number, numbered := strings.Cut(name, ":")
	index := 0
	if numbered {
		var err error
		if index, err = strconv.Atoi(number); err != nil || index < 0 {
			return nil, fmt.Errorf("device %q: %q is no number", name, number)
		}
	}
	switch {
	case kind == "cuda":
		return OpenDriver(index)
	case name == "host":
		return OpenHost()
	}
	return nil, fmt.Errorf("device %q: there are host, cuda and cuda:N", name)
}

// OpenDriver opens a GPU. Where it can't, the error wraps ErrNoDevice and says why in plain
// words.
func OpenDriver(index int) (Device, error) {
	start := time.Now()
	drv, err := openDriver()
	if err != nil {
		return nil, explain(err)
	}
	g, err := openGPU(start, drv, index)
	if err != nil {
		return nil, explain(err)
	}
	return g, nil
}

// Found is a device, or the reason why it can't be used.
type Found struct {
	Name string // as Open takes it
	Info Info
	Err  error
}

// List finds all devices. Opening is left to Open: a GPU may still refuse then.
func List() []Found {
	list := listGPUs()
	h, err := OpenHost()
	if err != nil {
		return append(list, Found{Name: "host", Err: err})
	}
	defer h.Close()
	return append(list, Found{Name: "host", Info: h.Info()})
}

func listGPUs() (list []Found) {
	drv, err := openDriver()
	n := 0
	if err == nil {
		n, err = drv.count()
	}
	if err == nil && n == 0 {
		err = &callError{call: "cuDeviceGetCount", code: codeNoDevice, text: "no GPU"}
	}
	if err != nil {
		return []Found{{Name: "cuda", Err: explain(err)}}
	}
	for i := range n {
		found := Found{Name: fmt.Sprintf("cuda:%d", i)}
		var f facts
		if f, found.Err = usable(drv, i); found.Err == nil {
			found.Info = describe(drv, f)
		}
		list = append(list, found)
	}
	return list
}

// explain says what stands behind the driver's answer, as far as can be seen from here.
func explain(err error) error {
	var call *callError
	if !errors.As(err, &call) || errors.Is(err, ErrMemory) {
		return err
	}
	reason := "the NVIDIA driver does not start"
	visible, limited := os.LookupEnv("CUDA_VISIBLE_DEVICES")
	node, nodeErr := os.OpenFile("/dev/nvidiactl", os.O_RDWR, 0)
	if nodeErr == nil {
		node.Close()
	}
	switch {
	case errors.Is(nodeErr, fs.ErrPermission):
		reason = "no permission to use the NVIDIA driver: /dev/nvidiactl can't be opened"
	case call.code == codeNoDevice && limited:
		reason = fmt.Sprintf("the NVIDIA driver shows no GPU (CUDA_VISIBLE_DEVICES is %q)", visible)
	case call.code == codeNoDevice && nodeErr != nil:
		reason = fmt.Sprintf("the NVIDIA driver's library is installed, but there is no GPU for it (%v)", nodeErr)
	case call.code == codeNoDevice:
		reason = "the NVIDIA driver is installed, but sees no GPU"
	case call.code == 803 || call.code == 804:
		reason = "the NVIDIA driver's library does not fit the kernel's driver: was it updated without a restart?"
	}
	return fmt.Errorf("%w: %s: %w", ErrNoDevice, reason, err)
}
