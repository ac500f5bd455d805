package compiler

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/gpuevm/gpuevm/gpuevm/cuda"
	"github.com/gpuevm/gpuevm/kernels"
)

const usedTarget = "sm_90"

// resources is what a contract takes on a GPU.
type resources struct {
	text, machine    int // bytes
	functions        int
	registers, frame int // of the function that has most
	stores, loads    int // bytes spilled, of all functions
	front, back      time.Duration
	refused          string
}

// TestUsedOnGPU compiles the codes that real blocks run most for a GPU, and compares what
// they take with testdata/used-sm_90.txt, which -update writes anew with the times that it took.
// It takes a quarter of an hour on two cores, and runs where GPUEVM_USED is set.
func TestUsedOnGPU(t *testing.T) {
	if os.Getenv("GPUEVM_USED") == "" {
		t.Skip("GPUEVM_USED is not set")
	}
	ptxas := os.Getenv("PTXAS")
	if ptxas == "" {
		t.Skip("PTXAS names no ptxas")
	}
	codes := usedCodes(t)
	rows := make([]resources, len(codes))
	next := make(chan int)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := range next {
				var err error
				if rows[i], err = usedResources(t.TempDir(), ptxas, &codes[i]); err != nil {
					t.Errorf("%s: %v", codes[i].hash.Hex(), err)
				}
			}
		})
	}
	for i := range codes {
		next <- i
	}
	close(next)
	workers.Wait()
	if t.Failed() {
		return
	}
	file := filepath.Join("testdata", "used-"+usedTarget+".txt")
	table := usedTable(codes, rows)
	if *update {
		if err := os.WriteFile(file, []byte(table), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want, got := withoutTimes(string(text)), withoutTimes(table)
	for i := range min(len(want), len(got)) {
		if want[i] != got[i] {
			t.Errorf("%s has\n%s\nand now\n%s\n(go test -update writes it anew)", file, want[i], got[i])
		}
	}
	if len(want) != len(got) {
		t.Errorf("%s has %d lines, now there are %d", file, len(want), len(got))
	}
}

var spilled = regexp.MustCompile(`(\d+) bytes spill stores, (\d+) bytes spill loads`)

// usedResources compiles as the device does, but that ptxas is called by itself: it tells more.
func usedResources(dir, ptxas string, u *usedCode) (r resources, err error) {
	f, err := Compile(u.code, Options{Revision: u.fork})
	text := ""
	if err == nil {
		text, err = f.Emit("contract", DefaultText)
	}
	if refused := (*Ineligible)(nil); errors.As(err, &refused) {
		r.refused = refused.Error()
		return r, nil
	} else if err != nil {
		return r, err
	}
	r.text = len(text)
	start := time.Now()
	ptx, err := cuda.Compile("contract.cu", SourceOf([]string{"contract"}, []string{text}), strings.Replace(usedTarget, "sm_", "compute_", 1), kernels.LinkOptions...)
	if err != nil {
		return r, err
	}
	r.front = time.Since(start)
	in, out := filepath.Join(dir, "in.ptx"), filepath.Join(dir, "out.cubin")
	if err := os.WriteFile(in, []byte(strings.TrimRight(string(ptx), "\x00")), 0o644); err != nil {
		return r, err
	}
	start = time.Now()
	said, err := exec.Command(ptxas, "-c", "-v", fmt.Sprintf("-maxrregcount=%d", kernels.LinkRegisters), "-arch="+usedTarget, "-o", out, in).CombinedOutput()
	if err != nil {
		return r, fmt.Errorf("ptxas: %w: %.2000s", err, said)
	}
	r.back = time.Since(start)
	for _, m := range spilled.FindAllSubmatch(said, -1) {
		stores, _ := strconv.Atoi(string(m[1]))
		loads, _ := strconv.Atoi(string(m[2]))
		r.stores, r.loads = r.stores+stores, r.loads+loads
	}
	image, err := os.ReadFile(out)
	if err != nil {
		return r, err
	}
	functions, err := cuda.FunctionsOf(image)
	if err != nil {
		return r, err
	}
	r.machine, r.functions = len(image), len(functions)
	for _, f := range functions {
		r.registers, r.frame = max(r.registers, f.Registers), max(r.frame, f.Frame)
	}
	if r.registers == 0 || r.registers > kernels.LinkRegisters {
		return r, fmt.Errorf("%d registers, %d are allowed", r.registers, kernels.LinkRegisters)
	}
	return r, nil
}

func usedTable(codes []usedCode, rows []resources) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# The codes that real blocks run most, compiled for %s by NVRTC and ptxas of %s (GPUEVM_USED=1, -run TestUsedOnGPU\n"+
		"# -update): bytes of code, text and machine code, functions, registers and bytes of stack of the function that has\n"+
		"# most, bytes that all of them spill, and the seconds that NVRTC and ptxas took with all cores busy.\n", usedTarget, kernels.Toolchain)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "code\tfork\tbytes\ttext\tmachine code\tfunctions\tregisters\tstack\tspill stores\tspill loads\tNVRTC\tptxas\t")
	for i, u := range codes {
		r := &rows[i]
		if r.refused != "" {
			fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", u.hash.Hex()[:18], u.fork, len(u.code), r.refused)
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%.1f\t%.1f\t\n", u.hash.Hex()[:18], u.fork, len(u.code), r.text, r.machine,
			r.functions, r.registers, r.frame, r.stores, r.loads, r.front.Seconds(), r.back.Seconds())
	}
	w.Flush()
	return b.String()
}

// withoutTimes are a table's lines without their last two columns.
func withoutTimes(table string) (lines []string) {
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) == 12 && !strings.HasPrefix(line, "#") {
			fields = fields[:10]
		}
		lines = append(lines, strings.Join(fields, " "))
	}
	return lines
}
