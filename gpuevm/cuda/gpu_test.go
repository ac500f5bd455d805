package cuda_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/ebitengine/purego"
	"github.com/gpuevm/gpuevm/gpuevm/cuda"
)

// fake is testdata/fakecuda.cpp.
type fake struct {
	path string // empty: the process has it for its driver
	set  func(devices, driver, capability, init int32)
	fail func(call string, nth, code int32)
	live func() int32
}

var buildFake = sync.OnceValues(func() (*fake, error) {
	dir, err := os.MkdirTemp("", "fakecuda")
	if err != nil {
		return nil, err
	}
	// With the build tag cuda the process has linked its driver already: make test-cuda has
	// put the stand-in in its place.
	path := os.Getenv("GPUEVM_FAKE_CUDA")
	if path == "" {
		path = filepath.Join(dir, "libfakecuda.so")
		if out, err := exec.Command("g++", "-std=gnu++17", "-O1", "-shared", "-fPIC", "-pthread", "testdata/fakecuda.cpp", "-o", path, "-ldl").CombinedOutput(); err != nil {
			return nil, errors.New(string(out))
		}
	}
	lib, err := purego.Dlopen(path, purego.RTLD_NOW)
	if err != nil {
		return nil, err
	}
	f := &fake{path: path}
	if os.Getenv("GPUEVM_FAKE_CUDA") != "" {
		f.path = ""
	}
	purego.RegisterLibFunc(&f.set, lib, "fake_set")
	purego.RegisterLibFunc(&f.fail, lib, "fake_fail")
	purego.RegisterLibFunc(&f.live, lib, "fake_live")
	return f, nil
})

func useFake(tb testing.TB) *fake {
	tb.Helper()
	if _, err := exec.LookPath("g++"); err != nil {
		tb.Skip("no g++")
	}
	openHost(tb).Close() // its images are made by the host's compiler
	f, err := buildFake()
	if err != nil {
		tb.Fatal(err)
	}
	f.set(1, 12020, 90, 0)
	return f
}

func openFake(tb testing.TB) cuda.Device {
	tb.Helper()
	dev, err := cuda.OpenFake(useFake(tb).path)
	if err != nil {
		tb.Fatal(err)
	}
	return dev
}

// TestFakeGPU runs everything above the driver, and the calls themselves, without a GPU.
func TestFakeGPU(t *testing.T) {
	f := useFake(t)
	testDevice(t, openFake)
	if n := f.live(); n != 0 {
		t.Errorf("%d objects of the driver are left", n)
	}
}

// TestGPU runs on a real one, where there is one.
func TestGPU(t *testing.T) {
	if err := openReal(t).Close(); err != nil {
		t.Fatal(err)
	}
	testDevice(t, openReal)
}

func openReal(tb testing.TB) cuda.Device {
	tb.Helper()
	if os.Getenv("GPUEVM_FAKE_CUDA") != "" {
		tb.Skip("the driver is a stand-in")
	}
	dev, err := cuda.OpenDriver(0)
	if errors.Is(err, cuda.ErrNoDevice) && os.Getenv("GPUEVM_REQUIRE_GPU") == "" {
		tb.Skip(err)
	} else if err != nil {
		tb.Fatal(err)
	}
	return dev
}

// TestLost: after a fault everything answers ErrLost, and a device opened anew works.
func TestLost(t *testing.T) {
	f := useFake(t)
	for _, call := range []string{"cuLaunchKernel", "cuMemcpyHtoDAsync_v2", "cuMemAlloc_v2", "cuStreamSynchronize", "cuModuleLoadDataEx"} {
		r := rig{t, openFake(t)}
		f.fail(call, 1, 700)
		p, err := r.Alloc(4)
		err = errors.Join(err, r.Upload(0, p, make([]byte, 4)),
			r.Launch(0, source, "test_device_step", 1, deviceArgs{}.bytes()))
		_, syncErr := r.Sync(0)
		if !errors.Is(errors.Join(err, syncErr), cuda.ErrLost) || !errors.Is(syncErr, cuda.ErrLost) || !contains(syncErr.Error(), "illegal memory access") {
			t.Errorf("%s: %v; %v", call, err, syncErr)
		}
		checkLost(t, r)
		checkWorks(t, openFake)
	}
	if n := f.live(); n != 0 {
		t.Errorf("%d objects of the driver are left", n)
	}
}

// TestGPULost is the same with a real fault.
func TestGPULost(t *testing.T) {
	r := rig{t, openReal(t)}
	p := r.alloc(4)
	r.launch(0, "test_device_fault", 1, deviceArgs{1, 1, p, 0})
	if _, err := r.Sync(0); !errors.Is(err, cuda.ErrLost) {
		t.Error(err)
	}
	checkLost(t, r)
	checkWorks(t, openReal)
}

func checkLost(t *testing.T, r rig) {
	t.Helper()
	_, allocErr := r.Alloc(1)
	_, hostErr := r.HostAlloc(1)
	_, syncErr := r.Sync(0)
	_, streamErr := r.NewStream()
	_, lanesErr := r.Lanes(source, "test_device_step")
	for what, err := range map[string]error{
		"alloc": allocErr, "host alloc": hostErr, "sync": syncErr, "stream": streamErr, "lanes": lanesErr,
		"free": r.Free(1), "upload": r.Upload(0, 0, []byte{1}), "download": r.Download(0, []byte{1}, 0),
		"zero": r.Zero(0, 0, 1), "load": r.Load(source, ""), "unload": r.Unload(source),
		"launch": r.Launch(0, source, "test_device_step", 1, deviceArgs{}.bytes()),
	} {
		if !errors.Is(err, cuda.ErrLost) {
			t.Errorf("%s after a loss: %v", what, err)
		}
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func checkWorks(t *testing.T, open func(testing.TB) cuda.Device) {
	t.Helper()
	r := rig{t, open(t)}
	p := r.alloc(4)
	r.launch(0, "test_device_step", 1, deviceArgs{1, 7, p, 0})
	r.all(0, p, 1, 7)
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// TestDriverErrors: every call may fail; the device says so and stays, and nothing leaks.
func TestDriverErrors(t *testing.T) {
	f := useFake(t)
	run := func() error {
		dev, err := cuda.OpenFake(f.path)
		if err != nil {
			return err
		}
		p, err1 := dev.Alloc(4)
		pinned, err2 := dev.HostAlloc(4)
		_, err3 := dev.NewStream()
		args := deviceArgs{1, 7, p, 0}.bytes()
		var err4, err5, err6 error
		if p != 0 && pinned != nil {
			err4 = dev.Launch(0, source, "test_device_step", 1, args)
			err5 = errors.Join(dev.Upload(0, p, pinned), dev.Download(0, pinned, p), dev.HostFree(pinned))
		}
		_, err6 = dev.Sync(0)
		return errors.Join(err1, err2, err3, err4, err5, err6, dev.Unload(source), dev.Free(p), dev.Close())
	}
	for _, call := range []string{
		"cuDevicePrimaryCtxRetain", "cuMemAlloc_v2", "cuMemHostAlloc", "cuMemcpyHtoDAsync_v2",
		"cuMemcpyDtoHAsync_v2", "cuMemsetD8Async", "cuStreamCreate", "cuStreamSynchronize",
		"cuEventCreate", "cuEventRecord", "cuEventElapsedTime", "cuModuleLoadDataEx",
		"cuModuleGetFunction", "cuFuncGetAttribute", "cuOccupancyMaxActiveBlocksPerMultiprocessor", "cuLaunchKernel",
	} {
		for nth := int32(1); nth < 20; nth++ {
			f.fail(call, nth, 2)
			err := run()
			f.fail(call, 0, 0)
			if err == nil {
				if nth == 1 {
					t.Errorf("%s failed, and nobody said so", call)
				}
				break
			}
			if !errors.Is(err, cuda.ErrMemory) || !contains(err.Error(), call[:len(call)-len("_v2")]) {
				t.Errorf("%s: %v", call, err)
			}
			if n := f.live(); n != 0 {
				t.Fatalf("%s fails the %d. time: %d objects of the driver are left", call, nth, n)
			}
		}
	}
}

func TestWrongArguments(t *testing.T) {
	r := rig{t, openFake(t)}
	defer r.Close()
	if os.Getenv("GPUEVM_FAKE_CUDA") == "" { // gorgonia.org/cu can't tell
		r.mustFail(r.Launch(0, source, "test_device_step", 1, make([]byte, 23)), "an argument struct of the wrong size")
	}
	if err := cuda.LoadImage(r.Device, "no image"); err == nil || !contains(err.Error(), "the fake's log") {
		t.Error(err)
	}
}

// TestNoGPU: why there is none, in words.
func TestNoGPU(t *testing.T) {
	f := useFake(t)
	for _, c := range []struct {
		devices, driver, capability, init int32
		visible, want                     string
	}{
		{1, 11040, 80, 0, "", "supports CUDA 11.4, and 11.8"},
		{1, 12020, 75, 0, "", "compute capability 7.5, and 8.0"},
		{0, 12020, 90, 0, "", "the driver shows 0 GPUs"},
		{1, 12020, 90, 100, "", "no GPU|/dev/nvidiactl"},
		{1, 12020, 90, 100, "7", `CUDA_VISIBLE_DEVICES is "7"`},
		{1, 12020, 90, 803, "", "updated without a restart"},
	} {
		if c.init != 0 && os.Getenv("GPUEVM_FAKE_CUDA") != "" {
			continue // the driver was started with the process
		}
		if c.visible != "" {
			t.Setenv("CUDA_VISIBLE_DEVICES", c.visible)
		}
		f.set(c.devices, c.driver, c.capability, c.init)
		_, err := cuda.OpenFake(f.path)
		if !errors.Is(err, cuda.ErrNoDevice) || !containsAny(err.Error(), c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestNoLibrary(t *testing.T) {
	err := cuda.OpenLibrary("/nonexistent/libcuda.so.1")
	if !errors.Is(err, cuda.ErrNoDevice) || !contains(err.Error(), "no NVIDIA driver") {
		t.Error(err)
	}
	path := filepath.Join(t.TempDir(), "libcuda.so.1")
	if err := os.WriteFile(path, []byte("not a library"), 0o644); err != nil {
		t.Fatal(err)
	}
	err = cuda.OpenLibrary(path)
	if !errors.Is(err, cuda.ErrNoDevice) || !contains(err.Error(), "can't be loaded") {
		t.Error(err)
	}
}

// TestDriverLibrary: what this machine answers. CI runs it with the driver's library and no
// GPU (WANT_DRIVER says what to expect) and without.
func TestDriverLibrary(t *testing.T) {
	dev, err := cuda.OpenDriver(0)
	if err == nil {
		t.Logf("%+v", dev.Info())
		dev.Close()
	} else if t.Log(err); !errors.Is(err, cuda.ErrNoDevice) {
		t.Error(err)
	}
	if want := os.Getenv("WANT_DRIVER"); want != "" && (err == nil || !contains(err.Error(), want)) {
		t.Errorf("%v, not %q", err, want)
	}
	found := cuda.List()
	for _, d := range found {
		t.Logf("%s: %+v %v", d.Name, d.Info, d.Err)
		if (d.Err == nil) == (d.Info.Kind == "") {
			t.Errorf("%+v", d)
		}
	}
	if len(found) < 2 {
		t.Errorf("%d devices", len(found))
	}
}

func TestOpen(t *testing.T) {
	for _, name := range []string{"", "gpu", "cuda:", "cuda:x", "cuda:-1", "host:1"} {
		if dev, err := cuda.Open(name); err == nil {
			t.Errorf("Open(%q) opened %+v", name, dev.Info())
		}
	}
	if _, err := cuda.Open("cuda:99"); !errors.Is(err, cuda.ErrNoDevice) {
		t.Error(err)
	}
}
