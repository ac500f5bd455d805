package cuda_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand"
	"runtime"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/gpuevm/gpuevm/gpuevm/cuda"
)

// What every Device must do, whatever it is.
func testDevice(t *testing.T, open func(testing.TB) cuda.Device) {
	for name, test := range map[string]func(*testing.T, cuda.Device){
		"info": testInfo, "memory": testMemory, "wrong addresses": testWrongAddresses, "large": testLarge,
		"lanes": testLanes, "order": testOrder, "streams": testStreams, "concurrent": testConcurrent,
		"time": testTime, "errors": testErrors, "text": testText, "link": testLink, "close": testClose,
	} {
		t.Run(name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			dev := open(t)
			defer func() {
				if err := dev.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
				for range 100 {
					if runtime.NumGoroutine() <= before {
						return
					}
					time.Sleep(10 * time.Millisecond)
				}
				t.Errorf("%d goroutines before, %d after", before, runtime.NumGoroutine())
			}()
			test(t, dev)
		})
	}
}

const source = "test_device.cu"

// deviceArgs is DeviceArgs of test_device.cu.
type deviceArgs struct {
	count, value uint32
	data, lanes  cuda.Ptr
}

func (a deviceArgs) bytes() []byte {
	return append([]byte(nil), unsafe.Slice((*byte)(unsafe.Pointer(&a)), unsafe.Sizeof(a))...)
}

// bench is a device with the error handling of a test.
type rig struct {
	testing.TB
	cuda.Device
}

func (r rig) ok(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r rig) alloc(n int) cuda.Ptr {
	r.Helper()
	p, err := r.Alloc(n)
	r.ok(err)
	return p
}

func (r rig) stream() cuda.Stream {
	r.Helper()
	s, err := r.NewStream()
	r.ok(err)
	return s
}

func (r rig) launch(s cuda.Stream, kernel string, lanes int, a deviceArgs) {
	r.Helper()
	r.ok(r.Launch(s, source, kernel, lanes, a.bytes()))
}

func (r rig) sync(s cuda.Stream) time.Duration {
	r.Helper()
	spent, err := r.Sync(s)
	r.ok(err)
	return spent
}

func (r rig) words(s cuda.Stream, p cuda.Ptr, n int) []uint32 {
	r.Helper()
	b := make([]byte, 4*n)
	r.ok(r.Download(s, b, p))
	r.sync(s)
	w := make([]uint32, n)
	for i := range w {
		w[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	return w
}

func (r rig) mustFail(err error, what string) {
	r.Helper()
	if err == nil {
		r.Errorf("%s: no error", what)
	}
}

func testInfo(t *testing.T, dev cuda.Device) {
	info := dev.Info()
	if info.Kind == "" || info.Name == "" || info.Driver == "" || info.Lanes < 1 || info.Warp < 1 || info.Memory == 0 {
		t.Errorf("%+v", info)
	}
	n, err := dev.Lanes(source, "test_device_step")
	if err != nil || n < 1 || n > info.Lanes {
		t.Errorf("%d lanes of test_device_step (%d in all), %v", n, info.Lanes, err)
	}
	loaded := dev.Info().Loaded
	if len(loaded) != 1 || loaded[0].Source != source || loaded[0].From == "" || loaded[0].Took <= 0 {
		t.Errorf("loaded: %+v", loaded)
	}
	t.Logf("%+v", dev.Info())
}

func testMemory(t *testing.T, dev cuda.Device) {
	r := rig{t, dev}
	for _, n := range []int{0, 1, 255, 4096, 1_000_003} {
		p := r.alloc(n)
		if p == 0 || p%256 != 0 {
			t.Fatalf("address %#x", uint64(p))
		}
		got, want := make([]byte, n), make([]byte, n)
		fill := func(b []byte) { rand.New(rand.NewSource(1)).Read(b) }
		check := func(what string) {
			r.sync(0)
			if string(got) != string(want) {
				t.Fatalf("%d bytes: %s", n, what)
			}
		}
		fill(got)
		r.ok(r.Download(0, got, p))
		check("not zeroed by Alloc")
		fill(want)
		pinned, err := r.HostAlloc(n)
		r.ok(err)
		if len(pinned) != n {
			t.Fatalf("HostAlloc(%d) has %d bytes", n, len(pinned))
		}
		copy(pinned, want)
		r.ok(r.Upload(0, p, pinned))
		r.ok(r.Download(0, got, p))
		check("upload, download")
		if n > 100 {
			r.ok(r.Zero(0, p+32, n-100))
			clear(want[32 : n-68])
			r.ok(r.Download(0, got, p))
			check("zero")
		}
		r.ok(r.HostFree(pinned))
		r.ok(r.Free(p))
	}
	r.ok(r.Free(0))
}

func testWrongAddresses(t *testing.T, dev cuda.Device) {
	if dev.Info().Kind != "host" {
		t.Skip("a driver may take an address that it was never asked for")
	}
	r := rig{t, dev}
	p := r.alloc(100)
	b := make([]byte, 101)
	r.mustFail(r.Upload(0, p, b), "upload past the end")
	r.mustFail(r.Download(0, b[:1], p-1), "download before the start")
	r.mustFail(r.Zero(0, p+100, 1), "zero past the end")
	r.mustFail(r.Free(p+1), "free inside")
	r.ok(r.Free(p))
	r.mustFail(r.Free(p), "second free")
}

// testLarge: memory that is asked for and not touched must not take long.
func testLarge(t *testing.T, dev cuda.Device) {
	r := rig{t, dev}
	const n = 1 << 30
	start := time.Now()
	p := r.alloc(n)
	b := []byte{1, 2, 3}
	r.ok(r.Upload(0, p+n-3, b))
	r.sync(0)
	r.ok(r.Free(p))
	if took := time.Since(start); took > time.Second {
		t.Errorf("1 GB: %v", took)
	}
	if _, err := dev.Alloc(1 << 55); !errors.Is(err, cuda.ErrMemory) {
		t.Errorf("32 PB: %v", err)
	}
	r.ok(r.Free(r.alloc(100))) // and goes on
}

func testLanes(t *testing.T, dev cuda.Device) {
	r := rig{t, dev}
	seen := r.alloc(8)
	for _, lanes := range []int{1, 2, 3, 31, 128, 1000} {
		for _, count := range []int{0, 1, 100, 5000} {
			p := r.alloc(4*count + 4)
			r.ok(r.Zero(0, seen, 8))
			r.launch(0, "test_device_lanes", lanes, deviceArgs{uint32(count), 5, p, seen})
			w := r.words(0, seen, 2)
			if w[0] != w[1] || int(w[0]) < lanes || int(w[0]) >= lanes+128 {
				t.Errorf("%d lanes asked for: %d ran, and were told of %d", lanes, w[0], w[1])
			}
			for i, x := range r.words(0, p, count+1) {
				want := uint32(i) ^ 5
				if i == count {
					want = 0
				}
				if x != want {
					t.Fatalf("%d lanes, %d items: item %d is %d", lanes, count, i, x)
				}
			}
			r.ok(r.Free(p))
		}
	}
	r.mustFail(r.Launch(0, source, "test_device_step", 0, deviceArgs{}.bytes()), "0 lanes")
}

// steps asks for n random steps in a stream and returns what x must become.
func (r rig) steps(rng *rand.Rand, s cuda.Stream, n int, p cuda.Ptr, count int, x uint32) uint32 {
	r.Helper()
	for range n {
		switch value := rng.Uint32(); rng.Intn(5) {
		case 0:
			r.ok(r.Zero(s, p, 4*count))
			x = 0
		case 1:
			b := make([]byte, 4*count)
			for i := range count {
				binary.LittleEndian.PutUint32(b[4*i:], value)
			}
			r.ok(r.Upload(s, p, b))
			x = value
		case 2:
			r.launch(s, "test_device_spin", 64, deviceArgs{uint32(count), 1, p, 0})
			x = 3*x + 1
		default:
			r.launch(s, "test_device_step", 1+rng.Intn(200), deviceArgs{uint32(count), value, p, 0})
			x = 3*x + value
		}
	}
	return x
}

func (r rig) all(s cuda.Stream, p cuda.Ptr, count int, want uint32) {
	r.Helper()
	for i, x := range r.words(s, p, count) {
		if x != want {
			r.Fatalf("word %d is %d, not %d", i, x, want)
		}
	}
}

func testOrder(t *testing.T, dev cuda.Device) {
	r := rig{t, dev}
	rng := rand.New(rand.NewSource(1))
	p := r.alloc(4 * 300)
	x := uint32(0)
	for range 20 {
		x = r.steps(rng, 0, 100, p, 300, x)
		r.all(0, p, 300, x)
	}
}

func testStreams(t *testing.T, dev cuda.Device) {
	r := rig{t, dev}
	rng := rand.New(rand.NewSource(2))
	const n = 5
	var streams [n]cuda.Stream
	var at [n]cuda.Ptr
	var want [n]uint32
	for i := range n {
		at[i] = r.alloc(4 * 100)
		if i > 0 {
			streams[i] = r.stream()
		}
	}
	for range 10 {
		for i := range n {
			want[i] = r.steps(rng, streams[i], 20, at[i], 100, want[i])
		}
		for i := range n {
			r.all(streams[i], at[i], 100, want[i])
		}
	}
}

func testConcurrent(t *testing.T, dev cuda.Device) {
	r := rig{t, dev}
	var wg sync.WaitGroup
	errs := make(chan error, 8)
	for g := range 8 {
		s := r.stream()
		wg.Go(func() {
			if err := worker(dev, s, int64(g)); err != nil {
				errs <- err
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
}

func worker(dev cuda.Device, s cuda.Stream, seed int64) error {
	rng := rand.New(rand.NewSource(seed))
	for range 15 {
		n := 1 + rng.Intn(1000)
		p, err := dev.Alloc(4 * n)
		if err != nil {
			return err
		}
		value := rng.Uint32()
		got := make([]byte, 4*n)
		_, syncErr := dev.Sync(s)
		if err := errors.Join(
			syncErr,
			dev.Launch(s, source, "test_device_lanes", 1+rng.Intn(300), deviceArgs{uint32(n), value, p, p}.bytes()),
			dev.Zero(s, p, 4*n),
			dev.Launch(s, source, "test_device_step", 1+rng.Intn(300), deviceArgs{uint32(n), value, p, 0}.bytes()),
			dev.Download(s, got, p)); err != nil {
			return err
		}
		if _, err := dev.Sync(s); err != nil {
			return err
		}
		for i := range n {
			if x := binary.LittleEndian.Uint32(got[4*i:]); x != value {
				return fmt.Errorf("word %d is %d, not %d", i, x, value)
			}
		}
		if err := dev.Free(p); err != nil {
			return err
		}
	}
	return nil
}

func testTime(t *testing.T, dev cuda.Device) {
	r := rig{t, dev}
	p := r.alloc(4)
	r.launch(0, "test_device_step", 1, deviceArgs{1, 1, p, 0}) // loads
	r.sync(0)
	if spent := r.sync(0); spent != 0 {
		t.Errorf("nothing took %v", spent)
	}
	x := uint32(1)
	spin := func() (asked, spent, wall time.Duration) {
		start := time.Now()
		r.launch(0, "test_device_spin", 1, deviceArgs{1, 5000, p, 0})
		asked = time.Since(start)
		spent = r.sync(0)
		x = 3*x + 1
		return asked, spent, time.Since(start)
	}
	asked, spent, wall := spin()
	for range 20 { // where the machine is busy, this goroutine may be the one that waits
		if asked < wall/2 {
			break
		}
		asked, spent, wall = spin()
	}
	if spent <= 0 || spent > wall+time.Millisecond || asked > wall/2 {
		t.Errorf("asked for in %v; kernel %v of %v", asked, spent, wall)
	}
	for range 2 {
		r.launch(0, "test_device_spin", 1, deviceArgs{1, 5000, p, 0})
		x = 3*x + 1
	}
	if twice := r.sync(0); twice <= 0 {
		t.Errorf("two took %v", twice)
	}
	r.all(0, p, 1, x)
}

func testErrors(t *testing.T, dev cuda.Device) {
	r := rig{t, dev}
	a := deviceArgs{}.bytes()
	r.mustFail(r.Launch(0, source, "test_device_missing", 1, a), "a kernel that is not there")
	r.mustFail(r.Launch(0, "missing.cu", "test_device_step", 1, a), "a source that is not there")
	r.mustFail(r.Launch(99, source, "test_device_step", 1, a), "a stream that is not there")
	r.mustFail(r.Launch(-1, source, "test_device_step", 1, a), "stream -1")
	_, err := r.Sync(99)
	r.mustFail(err, "sync of a stream that is not there")
	_, err = r.Alloc(-1)
	r.mustFail(err, "-1 bytes")
	_, err = r.Lanes(source, "test_device_missing")
	r.mustFail(err, "lanes of a kernel that is not there")
	p := r.alloc(4)
	r.launch(0, "test_device_step", 1, deviceArgs{1, 7, p, 0}) // and goes on
	r.all(0, p, 1, 7)
}

// testText compiles a source that is not a file, as the contract compiler will.
func testText(t *testing.T, dev cuda.Device) {
	r := rig{t, dev}
	text := func(k int) string {
		return fmt.Sprintf("#include \"dialect.cuh\"\nstruct A { u32 n, v; u64 data, unused; };\n"+
			"KERNEL(contract, A, 64) { for (u32 i = lane; i < a.n; i += lanes) ((u32*)a.data)[i] += %d * a.v; }\n", k)
	}
	if err := r.Load("contract", text(2)); errors.Is(err, cuda.ErrNoCompiler) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	p := r.alloc(40)
	run := func() { r.ok(r.Launch(0, "contract", "contract", 3, deviceArgs{10, 21, p, 0}.bytes())) }
	run()
	r.all(0, p, 10, 42)
	r.ok(r.Load("contract", text(3)))
	run()
	r.all(0, p, 10, 42+63)
	r.ok(r.Unload("contract"))
	r.ok(r.Unload("contract"))
	r.mustFail(r.Launch(0, "contract", "contract", 3, deviceArgs{}.bytes()), "an unloaded source")
	err := r.Load("broken", "int x = nonsense;\n")
	r.mustFail(err, "a source with an error")
	if err != nil && !contains(err.Error(), "nonsense") {
		t.Errorf("the compiler's own words are missing: %v", err)
	}
}

func testClose(t *testing.T, dev cuda.Device) {
	r := rig{t, dev}
	p := r.alloc(400)
	s := r.stream()
	r.launch(s, "test_device_spin", 1, deviceArgs{1, 100, p, 0})
	r.ok(r.Close()) // waits
	_, allocErr := r.Alloc(1)
	_, syncErr := r.Sync(0)
	_, streamErr := r.NewStream()
	for what, err := range map[string]error{
		"alloc": allocErr, "sync": syncErr, "stream": streamErr, "free": r.Free(p),
		"upload": r.Upload(0, p, []byte{1}), "load": r.Load(source, ""),
		"launch": r.Launch(0, source, "test_device_step", 1, deviceArgs{}.bytes()),
	} {
		if !errors.Is(err, cuda.ErrClosed) {
			t.Errorf("%s after close: %v", what, err)
		}
	}
	r.ok(r.Close()) // once more does nothing
}
