package compiler

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
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
// they take with testdata/used-sm_90.table, which -update writes anew with the times that it took.
// NVRTC compiles all, ptxas every GPUEVM_USED-th: both for all take 20 minutes on two cores.
func TestUsedOnGPU(t *testing.T) {
	every, err := strconv.Atoi(os.Getenv("GPUEVM_USED"))
	if err != nil || every < 1 {
		t.Skip("GPUEVM_USED is not set")
	}
	if *update && every > 1 {
		t.Fatal("-update wants GPUEVM_USED=1")
	}
	ptxas := os.Getenv("PTXAS")
	if ptxas == "" {
		t.Skip("PTXAS names no ptxas")
	}
	if err := cuda.ContractCompiler(); err != nil {
		t.Skip(err)
	}
	version, err := exec.Command(ptxas, "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	toolchain := regexp.MustCompile(`V\d[.\d]*`).FindString(string(version))
	codes := usedCodes(t)
	rows := make([]resources, len(codes))
	next := make(chan int)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := range next {
				var err error
				if rows[i], err = usedResources(t.TempDir(), ptxas, i%every == 0, &codes[i]); err != nil {
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
	file := filepath.Join("testdata", "used-"+usedTarget+".table")
	table := usedTable(toolchain, codes, rows)
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
	for _, d := range tablesDiffer(string(text), table) {
		t.Errorf("%s has\n%s\n(go test -update writes it anew)", file, d)
	}
}

// tablesDiffer compares but for times, and of codes that ptxas has not seen now but for ptxas's columns.
func tablesDiffer(was, is string) (lines []string) {
	want, got := withoutTimes(was), withoutTimes(is)
	for i := range min(len(want), len(got)) {
		if !slices.Equal(want[i][:min(len(got[i]), len(want[i]))], got[i]) {
			lines = append(lines, fmt.Sprintf("%s\nand now\n%s", want[i], got[i]))
		}
	}
	if len(want) != len(got) {
		lines = append(lines, fmt.Sprintf("%d lines, now there are %d", len(want), len(got)))
	}
	return lines
}

func TestTablesDiffer(t *testing.T) {
	codes := []usedCode{{code: []byte{1}}, {code: []byte{2, 3}}}
	table := func(text, machine int, took time.Duration) string {
		return usedTable("V1", codes, []resources{
			{text: text, machine: machine, functions: 1, registers: 2, frame: 3, front: took, back: took},
			{text: 5, machine: 6, functions: 1, registers: 2, front: took, back: took},
		})
	}
	if d := tablesDiffer(table(4, 100, time.Second), table(4, 100, time.Minute)); d != nil {
		t.Errorf("other times: %s", d)
	}
	if d := tablesDiffer(table(4, 100, time.Second), table(4, 0, time.Second)); d != nil {
		t.Errorf("without ptxas: %s", d)
	}
	for what, other := range map[string]string{"text": table(40, 0, 0), "machine code": table(4, 101, 0), "a line": table(4, 100, 0) + "more"} {
		if d := tablesDiffer(table(4, 100, 0), other); len(d) != 1 {
			t.Errorf("%s differs: %s", what, d)
		}
	}
}

var spilled = regexp.MustCompile(`(\d+) bytes spill stores, (\d+) bytes spill loads`)

// usedResources compiles as the device does, but that ptxas is called by itself: it tells more.
func usedResources(dir, ptxas string, assembled bool, u *usedCode) (r resources, err error) {
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
	source, in, out := filepath.Join(dir, "contract.cu"), filepath.Join(dir, "contract.ptx"), filepath.Join(dir, "contract.cubin")
	if err := os.WriteFile(source, []byte(SourceOf([]string{"contract"}, []string{text})), 0o644); err != nil {
		return r, err
	}
	start := time.Now()
	child := exec.Command(os.Args[0], "-test.run=^TestNVRTCChild$", "-test.count=1")
	child.Env = append(os.Environ(), "GPUEVM_NVRTC_CHILD="+source)
	if said, err := child.CombinedOutput(); err != nil {
		return r, fmt.Errorf("NVRTC: %w: %.2000s", err, said)
	}
	r.front = time.Since(start)
	if !assembled {
		return r, nil
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

// TestNVRTCChild is a process of its own: NVRTC compiles one text at a time.
func TestNVRTCChild(t *testing.T) {
	path := os.Getenv("GPUEVM_NVRTC_CHILD")
	if path == "" {
		t.Skip("not asked")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ptx, err := cuda.Compile("contract.cu", string(text), strings.Replace(usedTarget, "sm_", "compute_", 1), kernels.LinkOptions...)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(strings.TrimSuffix(path, ".cu")+".ptx", bytes.TrimRight(ptx, "\x00"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func usedTable(toolchain string, codes []usedCode, rows []resources) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# The codes that real blocks run most, compiled for %s by NVRTC and ptxas %s (GPUEVM_USED=1, -run TestUsedOnGPU\n"+
		"# -update): bytes of code, text and machine code, functions, registers and bytes of stack of the function that has\n"+
		"# most, bytes that all of them spill, and the seconds that NVRTC and ptxas took with all cores busy.\n", usedTarget, toolchain)
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

// withoutTimes are a table's lines in columns, but for the times; of a code that ptxas has not
// seen those before ptxas's.
func withoutTimes(table string) (lines [][]string) {
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) == 12 && strings.HasPrefix(fields[0], "0x") {
			fields = fields[:10]
			if fields[4] == "0" {
				fields = fields[:4]
			}
		}
		lines = append(lines, fields)
	}
	return lines
}
