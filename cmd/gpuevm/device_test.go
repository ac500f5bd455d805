package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gpuevm/gpuevm/bench/workload"
	"github.com/gpuevm/gpuevm/fallback"
	"github.com/gpuevm/gpuevm/gpuevm/cuda"
	"github.com/gpuevm/gpuevm/gpuevm/enginetest/shareddata"
	"github.com/gpuevm/gpuevm/statedb/forest"
	"github.com/gpuevm/gpuevm/statedb/keccak"
)

// onCPU are settings as --device go makes them.
func onCPU(threads int) *settings {
	cpu := fallback.New(threads)
	return &settings{executor: &executor{name: "go", engine: cpu, cpu: cpu}, policy: "waves", threads: threads}
}

func needHost(t *testing.T) {
	t.Helper()
	dev, err := cuda.OpenHost()
	if err != nil {
		t.Skip(err)
	}
	_ = dev.Close()
}

// Whatever there is, go is listed first and just one device is auto's.
func TestDevices(t *testing.T) {
	stdout, _ := expect(t, 0, []string{"go ", "host", "cuda"}, "devices")
	if strings.Count(stdout, "\n* ")+strings.Count(stdout[:1], "*") != 1 {
		t.Errorf("auto takes:\n%s", stdout)
	}
	stdout, _ = expect(t, 0, nil, "devices", "--json")
	for text := range strings.Lines(stdout) {
		var r deviceRow
		if err := json.Unmarshal([]byte(text), &r); err != nil || r.Device == "" || r.Usable == (r.Why != "") || r.Usable && r.Name == "" {
			t.Errorf("%s %v", text, err)
		}
	}
}

// A device that is not there: the CPU engine stands in and says so, or it is an error.
func TestNoSuchGPU(t *testing.T) {
	expect(t, 0, []string{"gpuevm: go: this machine's cores, for cuda:9999 can't be used: ", "state root equal: yes", "device go"},
		"run", "--txs", "5", "--rounds", "1", "--device", "cuda:9999")
	expect(t, exitFailed, []string{"gpuevm: --strict-gpu: "}, "run", "--txs", "5", "--rounds", "1", "--device", "cuda:9999", "--strict-gpu")
	expect(t, exitFailed, []string{"--strict-gpu: "}, "statetest", "--device", "cuda:9999", "--strict-gpu", "x")
	t.Setenv("CXX", "no-such-compiler")
	expect(t, 0, []string{"host can't be used: ", "no-such-compiler"}, "run", "--txs", "5", "--rounds", "1", "--device", "host")
}

// The kernels on this machine's cores run blocks and tests as the CPU engine does, and say
// how much of it they did.
func TestHostDevice(t *testing.T) {
	needHost(t)
	stdout, _ := expect(t, 0, []string{"gpuevm: host: ", "opened in ", "first launch ", "state root equal: yes", "finished there "},
		"run", "--device", "host", "--strict-gpu", "--txs", "60", "--rounds", "1", "--json", "-")
	line := decodeLines(t, stdout)[0]
	if asked, done := line["device_asked"].(float64), line["device_finished"].(float64); asked < 60 || done != asked || line["device"] != "host" {
		t.Errorf("%v", line)
	}
	expect(t, 0, []string{"state root equal: yes"}, "run", "--device", "host", "--policy", "serial", "--txs", "30", "--rounds", "1")
}

func TestHostDeviceReplay(t *testing.T) {
	needHost(t)
	dir := shareddata.Folder(t, "blocks")
	args := []string{"replay", "--device", "host", "--min-on-device", "0.9"}
	for _, name := range []string{"mainnet-930196", "mainnet-2675000", "mainnet-4864590", "mainnet-19932703", "hoodi-1265656"} {
		args = append(args, filepath.Join(dir, name+".json.gz"))
	}
	expect(t, 0, []string{"equal: 5 of 5", "transactions on the device"}, args...)
	args[4] = "1" // one calls KZG point evaluation, which no device has
	expect(t, exitFailed, []string{"the device finished ", "want 100%"}, args...)
	expect(t, exitFailed, []string{"finished 0 of 0"}, "replay", "--device", "go", "--min-on-device", "0.5", args[5])
}

// TestHasher has the device hash trie nodes, made from cells, from a witness and on disk; and
// each hasher of this processor.
func TestHasher(t *testing.T) {
	run := []string{"run", "--txs", "40", "--rounds", "1"}
	expect(t, exitUsage, []string{"--hasher device: no device executes"}, append(run, "--device", "go", "--hasher", "device")...)
	expect(t, exitUsage, []string{"--hasher: no Keccak hasher \"x9\""}, append(run, "--device", "go", "--hasher", "x9")...)
	for _, name := range append(keccak.Names(), "cpu", "auto") {
		expect(t, 0, []string{"state root equal: yes"}, append(run, "--device", "go", "--hasher", name)...)
	}
	needHost(t)
	args := []string{"--device", "host", "--strict-gpu", "--hasher", "device"}
	all := regexp.MustCompile(`hashes all trie nodes; ([1-9]\d*) of (\d+) permutations`)
	for _, more := range [][]string{run, append(run, "--datadir", t.TempDir(), "--root", "async", "--blocks", "3"),
		{"replay", filepath.Join(shareddata.Folder(t, "blocks"), "hoodi-1265656.json.gz")}} {
		_, errs := expect(t, 0, nil, slices.Concat(more[:1], args, more[1:])...)
		if m := all.FindStringSubmatch(errs); m == nil || m[1] != m[2] {
			t.Errorf("%v: %s", more, errs)
		}
	}
}

func TestBench(t *testing.T) {
	needHost(t)
	stdout, _ := expect(t, 0, []string{"erc20: ", "host over the CPU"},
		"bench", "--device", "host", "--workload", "erc20,blocks", "--mgas", "0.5", "--rounds", "1", "--json", "-")
	lines := decodeLines(t, stdout)
	if len(lines) != 1+len(benchWorkloads) || lines[0]["bench"] != "erc20" || lines[1]["bench"] != "block-erc20" || lines[0]["speedup"].(float64) <= 0 {
		t.Errorf("%v", lines)
	}
	expect(t, exitFailed, []string{"there is no device to measure"}, "bench", "--device", "go")
}

// A device that fails costs a batch, not a block; --strict-gpu makes it an error in the end.
func TestDeviceFails(t *testing.T) {
	needHost(t)
	for _, strict := range []bool{false, true} {
		dev, err := cuda.OpenHost()
		if err != nil {
			t.Fatal(err)
		}
		var errs bytes.Buffer
		s := onCPU(2)
		s.strict, s.executor.errs = strict, &errs
		if _, err := s.use("host", cuda.Faults(dev, cuda.Fault{At: cuda.Launches, N: 4, What: cuda.Lose})); err != nil {
			t.Fatal(err)
		}
		w, err := workload.Generate("erc20", workload.Options{Txs: 40, Blocks: 1})
		if err != nil {
			t.Fatal(err)
		}
		begin, err := inMemory(w, forest.Options{})
		if err != nil {
			t.Fatal(err)
		}
		r := &results{contest: newContest(s, true, 1)}
		err = runWorkload(t.Context(), r, w, 0, begin)
		lines := r.lines
		if err != nil || len(lines) != 1 || !*lines[0].Equal || lines[0].Faults == 0 || lines[0].TakenOver["fault"] == 0 {
			t.Fatal(lines, err)
		}
		err = s.executor.close()
		if (err != nil) != strict || !strings.Contains(errs.String(), "device lost") || !strings.Contains(errs.String(), "reopened 1 times") {
			t.Errorf("strict %v: %v; %s", strict, err, &errs)
		}
	}
}

// Contracts that run compiled leave the state that the header says, and the run says how many.
func TestCompiledReplay(t *testing.T) {
	needHost(t)
	file := filepath.Join(shareddata.Folder(t, "blocks"), "mainnet-3356896.json.gz")
	expect(t, 0, []string{"equal: 1 of 1", "9 codes compiled in"},
		"replay", "--device", "host", "--strict-gpu", "--compile", "always", "--compile-wait", file)
	expect(t, 0, []string{"state root equal: yes", "1 codes compiled in"},
		"run", "--workload", "erc20", "--txs", "40", "--blocks", "3", "--rounds", "1", "--device", "host", "--compile", "auto", "--compile-after", "20", "--compile-wait")
	expect(t, exitFailed, []string{"--compile always: only a device runs compiled contracts: "},
		"run", "--txs", "5", "--rounds", "1", "--device", "cuda:9999", "--compile", "always")
}
