package cuda_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/gpuevm/gpuevm/gpuevm/cuda"
)

// unitText is a kernel of that name that multiplies by k and adds.
func unitText(name string, k int) string {
	return fmt.Sprintf("#include \"dialect.cuh\"\nstruct A { u32 n, v; u64 data, unused; };\n"+
		"KERNEL(%s, A, 64) { for (u32 i = lane; i < a.n; i += lanes) ((u32*)a.data)[i] += %d * a.v; }\n", name, k)
}

// program compiles and links texts with the test's kernels: unit i, with kernel unit_i, adds i
// times the value.
func program(dev cuda.Device, units ...int) (*cuda.Program, error) {
	var objects []*cuda.Object
	for _, i := range units {
		o, err := dev.Compile(source, fmt.Sprintf("unit%d.cu", i), unitText(fmt.Sprintf("unit_%d", i), i))
		if err != nil {
			return nil, err
		}
		objects = append(objects, o)
	}
	return dev.Link(source, objects)
}

// runs checks the base's kernel, and those of the units.
func runs(r rig, units ...int) {
	r.Helper()
	p := r.alloc(40)
	r.launch(0, "test_device_step", 3, deviceArgs{10, 7, p, 0})
	want := uint32(7)
	for _, i := range units {
		r.ok(r.Launch(0, fmt.Sprintf("unit%d.cu", i), fmt.Sprintf("unit_%d", i), 3, deviceArgs{10, 100, p, 0}.bytes()))
		want += uint32(100 * i)
	}
	r.all(0, p, 10, want)
	r.ok(r.Free(p))
}

// testLink: programs take each other's place, what is only compiled or linked changes nothing.
func testLink(t *testing.T, dev cuda.Device) {
	r := rig{t, dev}
	dev.Keep(cuda.CacheOptions{Dir: t.TempDir()})
	one, err := program(dev, 1)
	if errors.Is(err, cuda.ErrNoCompiler) {
		t.Skip(err)
	}
	r.ok(err)
	runs(r)
	r.mustFail(r.Launch(0, "unit1.cu", "unit_1", 1, deviceArgs{}.bytes()), "a unit that is not swapped in")
	_, err = r.Swap(one)
	r.ok(err)
	runs(r, 1)
	three, err := program(dev, 1, 2, 3)
	r.ok(err)
	runs(r, 1)
	moved, err := r.Swap(three)
	r.ok(err)
	if moved != (dev.Info().Kind == "cuda") {
		t.Errorf("moved: %v", moved)
	}
	runs(r, 1, 2, 3)
	r.ok(r.Unload("unit2.cu"))
	runs(r, 1, 3)
	_, err = dev.Compile(source, "bad.cu", "int x = nonsense;\n")
	r.mustFail(err, "an object with an error")
	_, err = dev.Compile("missing.cu", "unit4.cu", unitText("unit_4", 4))
	if err == nil {
		_, err = dev.Link("missing.cu", nil)
	}
	r.mustFail(err, "a base that is not there")
	runs(r, 1, 3)
}

// TestFakeLinkFails: whichever call of the driver fails while a program is linked and swapped in,
// what was there before runs on, nothing is left behind, and the next try succeeds.
func TestFakeLinkFails(t *testing.T) {
	f := useFake(t)
	t.Setenv("XDG_CACHE_HOME", t.TempDir()) // compiled once for all devices
	for _, call := range []string{"cuLinkCreate_v2", "cuLinkAddData_v2", "cuLinkComplete", "cuLinkDestroy", "cuModuleLoadDataEx", "cuModuleUnload"} {
		for nth := int32(1); nth <= 3; nth++ {
			before := f.live()
			r := rig{t, openFake(t)}
			first, err := program(r.Device, 1)
			r.ok(err)
			_, err = r.Swap(first)
			r.ok(err)
			runs(r, 1)
			f.fail(call, nth, 2)
			second, err := program(r.Device, 1, 2)
			if err == nil {
				_, err = r.Swap(second)
			}
			f.fail(call, 0, 0)
			if nth == 1 && err == nil && call != "cuModuleUnload" {
				t.Errorf("%s failed, and nobody said so", call)
			}
			if err != nil && (!errors.Is(err, cuda.ErrMemory) || !contains(err.Error(), source)) {
				t.Errorf("%s: %v", call, err)
			}
			runs(r, 1)
			again, err := program(r.Device, 1, 2, 3)
			r.ok(err)
			_, err = r.Swap(again)
			r.ok(err)
			runs(r, 1, 2, 3)
			if err := r.Close(); err != nil && call != "cuModuleUnload" {
				t.Error(err)
			}
			ends := call == "cuModuleUnload" || call == "cuLinkDestroy" // then the driver keeps one
			if n := f.live() - before; n > 1 || n == 1 && !ends {
				t.Errorf("%s fails the %d. time: %d objects of the driver are left", call, nth, n)
			}
		}
	}
}

// TestFakeLinkLost: a device that is lost while it links says so.
func TestFakeLinkLost(t *testing.T) {
	f := useFake(t)
	r := rig{t, openFake(t)}
	f.fail("cuLinkComplete", 1, 700)
	if _, err := program(r.Device, 1); !errors.Is(err, cuda.ErrLost) {
		t.Error(err)
	}
	checkLost(t, r)
}

// TestFakeStack: a program whose stacks would take too much of the memory is refused before a
// launch fails for it.
func TestFakeStack(t *testing.T) {
	r := rig{t, openFake(t)} // 16 GB, 4 processors of 2048 threads
	defer r.Close()
	defer func(n uint64) { cuda.FakeStack = n }(cuda.FakeStack)
	cuda.FakeStack = 1 << 19
	_, err := program(r.Device, 1)
	r.ok(err)
	cuda.FakeStack++
	if _, err = program(r.Device, 1); err == nil || !contains(err.Error(), "bytes of stack for each of 8192 threads") {
		t.Error(err)
	}
}

// TestRelocatable: NVRTC makes of a text, and of the interpreter, what can be linked, once.
func TestRelocatable(t *testing.T) {
	version, err := cuda.CompilerVersion()
	if err != nil && os.Getenv("GPUEVM_REQUIRE_NVRTC") == "" {
		t.Skip(err)
	}
	log := slog.New(slog.DiscardHandler)
	dir := t.TempDir()
	if strings.HasPrefix(version, "11.") {
		_, _, err := cuda.Relocatable(cuda.CacheOptions{Dir: dir, Log: log}, "unit1.cu", unitText("unit_1", 1), 90)
		if !errors.Is(err, cuda.ErrNoCompiler) || !contains(err.Error(), "12 or later is needed") {
			t.Errorf("NVRTC %s: %v", version, err)
		}
		return
	}
	for _, cached := range []bool{false, true} {
		code, was, err := cuda.Relocatable(cuda.CacheOptions{Dir: dir, Log: log}, "unit1.cu", unitText("unit_1", 1), 90)
		if err != nil || was != cached || !contains(string(code), "\x7fELF") {
			t.Errorf("%d bytes, cached %v, %v", len(code), was, err)
		}
	}
	code, _, err := cuda.Relocatable(cuda.CacheOptions{Dir: dir, Log: log}, "unit1.cu", unitText("unit_1", 1), 150)
	if err != nil || !contains(string(code), ".target sm_80") {
		t.Errorf("for a GPU that NVRTC does not know: %.200s, %v", code, err)
	}
}

// TestStackOfNonsense: what is no cubin is an error, whatever it is.
func TestStackOfNonsense(t *testing.T) {
	elf, err := os.ReadFile("/proc/self/exe") // of another kind, and whole
	if err != nil {
		t.Skip(err)
	}
	for what, image := range map[string][]byte{
		"nothing": nil, "text": []byte("no image"), "a header": elf[:64], "half": elf[:len(elf)/2], "a program": elf,
	} {
		if n, err := cuda.StackOf(image); err == nil {
			t.Errorf("%s: %d bytes of stack", what, n)
		}
		if list, err := cuda.FunctionsOf(image); err == nil {
			t.Errorf("%s: functions %v", what, list)
		}
	}
}

// TestFakeLinkedBase: the base's kernel is then the one that is linked with the units.
func TestFakeLinkedBase(t *testing.T) {
	r := rig{t, openFake(t)}
	defer r.Close()
	runs(r) // on the module without them
	p, err := program(r.Device, 1, 2)
	r.ok(err)
	_, err = r.Swap(p)
	r.ok(err)
	runs(r, 1, 2)
	if !cuda.SameModule(r.Device, source, "unit1.cu") || !cuda.SameModule(r.Device, source, "unit2.cu") {
		t.Error("the base is not that of the program")
	}
}
