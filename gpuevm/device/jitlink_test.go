package device_test

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"
	"github.com/gpuevm/gpuevm/bench/workload"
	"github.com/gpuevm/gpuevm/gpuevm/compiler"
	"github.com/gpuevm/gpuevm/gpuevm/cuda"
	"github.com/gpuevm/gpuevm/gpuevm/opcode"
	"github.com/gpuevm/gpuevm/kernels"
)

// jitLink links as the driver's linker does, without a GPU: NVIDIA's nvJitLink 12.9, whose
// library the variable NVJITLINK names.
func jitLink(t *testing.T, target string, parts map[string][]byte) (cubin []byte, said string) {
	t.Helper()
	path := os.Getenv("NVJITLINK")
	if path == "" {
		t.Skip("NVJITLINK names no linker")
	}
	lib, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread() // a link belongs to its thread: on two it crashes
	defer runtime.UnlockOSThread()
	var pin runtime.Pinner
	defer pin.Unpin()
	c := func(s string) *byte { b := append([]byte(s), 0); pin.Pin(&b[0]); return &b[0] }
	var link uintptr
	call := func(name string, args ...uintptr) int32 {
		t.Helper()
		at, err := purego.Dlsym(lib, "__nvJitLink"+name+"_12_9")
		if err != nil {
			t.Fatal(err)
		}
		r, _, _ := purego.SyscallN(at, args...)
		return int32(r)
	}
	output := func(what string) []byte {
		var size uintptr
		pin.Pin(&size)
		if call("Get"+what+"Size", link, uintptr(unsafe.Pointer(&size))) != 0 || size == 0 {
			return nil
		}
		b := make([]byte, size)
		pin.Pin(&b[0])
		call("Get"+what, link, uintptr(unsafe.Pointer(&b[0])))
		return b
	}
	must := func(name string, args ...uintptr) {
		t.Helper()
		if r := call(name, args...); r != 0 {
			t.Fatalf("nvJitLink%s: %d\n%s", name, r, output("ErrorLog"))
		}
	}
	options := []*byte{c("-arch=" + target), c("-verbose"), c(fmt.Sprintf("-maxrregcount=%d", kernels.LinkRegisters))}
	pin.Pin(&options[0])
	pin.Pin(&link)
	must("Create", uintptr(unsafe.Pointer(&link)), uintptr(len(options)), uintptr(unsafe.Pointer(&options[0])))
	defer call("Destroy", uintptr(unsafe.Pointer(&link)))
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		code, kind := parts[name], uintptr(1) // cubin
		if !strings.HasPrefix(string(code), "\x7fELF") {
			code, kind = append(slices.Clone(code), 0), 2 // PTX
		}
		pin.Pin(&code[0])
		must("AddData", link, kind, uintptr(unsafe.Pointer(&code[0])), uintptr(len(code)), uintptr(unsafe.Pointer(c(name))))
	}
	must("Complete", link)
	return output("LinkedCubin"), string(output("InfoLog"))
}

var linkedKernel = regexp.MustCompile(`'run_transactions':\s+info\s+: used (\d+) registers, .*?(\d+) stack`)

// contractText is a translation unit of a code, as gpuevm/device makes it, under a name.
func contractText(t *testing.T, code []byte, name string) string {
	t.Helper()
	f, err := compiler.Compile(code, compiler.Options{Revision: opcode.Osaka})
	if err != nil {
		t.Fatal(err)
	}
	text, err := f.Emit("contract0", compiler.DefaultText)
	if err != nil {
		t.Fatal(err)
	}
	return "#define list_functions list_" + name + "\n" + compiler.SourceOf([]string{"contract0"}, []string{text})
}

// workloadCodes are the codes of the benchmark's contracts, the largest first.
func workloadCodes(t *testing.T) [][]byte {
	w, err := workload.Generate("mixed", workload.Options{Seed: 1, Blocks: 1, Txs: 20})
	if err != nil {
		t.Fatal(err)
	}
	distinct := map[int][]byte{} // one of a size is enough
	for _, a := range w.Alloc {
		if len(a.Code) > 0 {
			distinct[len(a.Code)] = a.Code
		}
	}
	return slices.SortedFunc(maps.Values(distinct), func(a, b []byte) int { return cmp.Compare(len(b), len(a)) })
}

// TestJITLink links the interpreter with real contracts, all compiled by NVRTC as on a machine
// with a GPU, and says what the kernel then needs. That is as far as one gets without a GPU.
func TestJITLink(t *testing.T) {
	if err := cuda.ContractCompiler(); err != nil || os.Getenv("NVJITLINK") == "" {
		t.Skip("no NVRTC for contracts, or NVJITLINK names no linker: ", err)
	}
	codes := workloadCodes(t)
	codes = codes[:min(4, len(codes))]
	for _, target := range []string{"sm_80", "sm_90"} {
		compile := func(source, text string) []byte {
			start := time.Now()
			code, err := cuda.Compile(source, text, target, kernels.LinkOptions...)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s %-9s text %7d bytes, machine code %7d, %5.1f s", target, source, len(text), len(code), time.Since(start).Seconds())
			return code
		}
		check := func(what string, parts map[string][]byte) int {
			start := time.Now()
			cubin, said := jitLink(t, target, parts)
			found := linkedKernel.FindStringSubmatch(said)
			if found == nil {
				t.Fatalf("%s %s: the linker says\n%s", target, what, said)
			}
			registers, _ := strconv.Atoi(found[1])
			stack, _ := strconv.Atoi(found[2])
			ours, err := cuda.StackOf(cubin)
			t.Logf("%s %-28s %3d registers, %6d bytes of stack, image %8d bytes, linked in %v", target, what, registers, stack, len(cubin), time.Since(start).Round(time.Millisecond))
			if err != nil || ours != uint64(stack) || registers > kernels.LinkRegisters {
				t.Errorf("%s %s: %d registers; stack %d by the linker, %d in its cubin (%v)", target, what, registers, stack, ours, err)
			}
			return stack
		}
		parts := map[string][]byte{"run.cu": compile("run.cu", "")}
		alone := check("the interpreter alone", parts)
		for i, code := range codes {
			name := fmt.Sprintf("unit%d.cu", i)
			unit := compile(name, contractText(t, code, fmt.Sprint(i)))
			check(fmt.Sprintf("with a code of %d bytes", len(code)), map[string][]byte{"run.cu": parts["run.cu"], name: unit})
			parts[name] = unit
		}
		if all := check("with all of them", parts); all < alone {
			t.Errorf("%s: %d bytes of stack, and %d without compiled code", target, all, alone)
		}
	}
}
