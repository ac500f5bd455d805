package spectest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"weak"

	"github.com/gpuevm/gpuevm/fallback"
	"github.com/gpuevm/gpuevm/gpuevm/enginetest/specfile"
	"github.com/gpuevm/gpuevm/statedb"
)

// tiny is a state test of one transfer, with a place for the root and for the exception
// that it expects.
const tiny = `{"tiny": {
 "env": {"currentCoinbase": "0x2adc25665018aa1fe0e6bc666dac8fc2697ff9ba", "currentDifficulty": "0x20000", "currentGasLimit": "0x989680", "currentNumber": "0x1", "currentTimestamp": "0x3e8"},
 "pre": {"0xa94f5374fce5edbc8e2a8697c15331677e6ebf0b": {"balance": "0xde0b6b3a7640000", "code": "0x", "nonce": "0x0", "storage": {}}},
 "transaction": {"data": ["0x"], "gasLimit": ["%s"], "gasPrice": "0xa", "nonce": "0x0", "sender": "0xa94f5374fce5edbc8e2a8697c15331677e6ebf0b", "to": "0x1000000000000000000000000000000000000000", "value": ["0x1"]},
 "post": {"Berlin": [{"hash": "%s", "logs": "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347", "expectException": "%s", "indexes": {"data": 0, "gas": 0, "value": 0}}]}
}}`

const zeroRoot = "0x0000000000000000000000000000000000000000000000000000000000000000"

func runTiny(t *testing.T, gas, root, expect string, known *specfile.Deviations) *Result {
	t.Helper()
	file := filepath.Join(t.TempDir(), "tiny.json")
	if err := os.WriteFile(file, fmt.Appendf(nil, tiny, gas, root, expect), 0o644); err != nil {
		t.Fatal(err)
	}
	r := &Runner{Engine: fallback.New(1), Index: -1, Known: known}
	sum, err := r.Paths(context.Background(), Any, file)
	if err != nil || len(sum.Results) != 1 {
		t.Fatalf("%v, %v", sum, err)
	}
	return &sum.Results[0]
}

// A runner that can't fail proves nothing.
func TestVerdicts(t *testing.T) {
	wrong := runTiny(t, "0x5208", zeroRoot, "", nil)
	if wrong.Pass || !strings.Contains(wrong.Error, "post state root mismatch") {
		t.Fatalf("a wrong root: %+v", wrong)
	}
	root := wrong.Root.Hex()
	if r := runTiny(t, "0x5208", root, "", nil); !r.Pass || *r.Root != *wrong.Root {
		t.Errorf("the right root: %+v", r)
	}
	if r := runTiny(t, "0x5207", root, "", nil); r.Pass || !strings.Contains(r.Error, "intrinsic gas too low") {
		t.Errorf("unexpected exception: %+v", r)
	}
	if r := runTiny(t, "0x5208", root, "TR_NoFunds", nil); r.Pass {
		t.Errorf("an expected exception that did not come: %+v", r)
	}
	if r := runTiny(t, "0x5207", zeroRoot, "TR_IntrinsicGas", nil); !r.Pass {
		t.Errorf("an expected exception: %+v", r)
	}
	if r := runTiny(t, "0x5207", root, "TR_IntrinsicGas", nil); r.Pass {
		t.Errorf("an expected exception with another root than before: %+v", r)
	}
	known, err := specfile.ParseDeviations(strings.NewReader("# comment\nanywhere\tdir/tiny.json\ttiny\tBerlin/0\ta reason\n"))
	if err != nil {
		t.Fatal(err)
	}
	if r := runTiny(t, "0x5208", zeroRoot, "", known); r.Pass || r.Known == nil || r.Known.Reason != "a reason" {
		t.Errorf("a known deviation: %+v", r)
	}
	if r := runTiny(t, "0x5208", root, "", known); !r.Pass || r.Known == nil {
		t.Errorf("a known deviation that passes: %+v", r)
	}
	if _, err := specfile.ParseDeviations(strings.NewReader("a\tb\tc\td\n")); err == nil {
		t.Error("a deviation without a reason is taken")
	}
}

// Of a run, the results remain and not the states: those of 113,636 tests are 20 GB and more.
func TestStatesAreForgotten(t *testing.T) {
	dir, states := t.TempDir(), []weak.Pointer[statedb.Tries](nil)
	for i := range 4 {
		file := filepath.Join(dir, fmt.Sprintf("%d.json", i))
		if err := os.WriteFile(file, fmt.Appendf(nil, tiny, "0x5208", zeroRoot, ""), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r := &Runner{Engine: fallback.New(1), Index: -1, Threads: 1}
	r.AfterState = func(_ *specfile.StateTest, _ specfile.Subtest, out *StateOutcome, _ *Result) {
		states = append(states, weak.Make(out.State))
	}
	sum, err := r.Paths(context.Background(), Any, dir)
	if err != nil || len(states) != 4 {
		t.Fatal(len(states), err)
	}
	runtime.GC()
	runtime.GC() // pools let go
	kept := 0
	for _, s := range states {
		if s.Value() != nil {
			kept++
		}
	}
	if kept > 1 { // the last may be on a stack still
		t.Errorf("%d of %d states are kept", kept, len(states))
	}
	runtime.KeepAlive(sum)
}

func TestSources(t *testing.T) {
	dir := t.TempDir()
	content := fmt.Appendf(nil, tiny, "0x5208", zeroRoot, "")
	var packed bytes.Buffer
	gz := gzip.NewWriter(&packed)
	tw := tar.NewWriter(gz)
	for _, name := range []string{"x/a.json", "x/b.json", "x/readme.txt"} {
		if err := tw.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	tw.Close()
	gz.Close()
	write := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("some.tar.gz", packed.Bytes())
	write("loose.json", content)
	write("notes.md", content)
	r := &Runner{Engine: fallback.New(0), Index: -1}
	sum, err := r.Paths(context.Background(), Any, dir)
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, res := range sum.Results {
		files = append(files, res.Archive+":"+filepath.Base(res.File))
	}
	if got := strings.Join(files, " "); got != ":loose.json some:a.json some:b.json" {
		t.Errorf("files, in order: %s", got)
	}
	r.Run = regexp.MustCompile("^other$")
	if sum, err = r.Paths(context.Background(), Any, dir); err != nil || sum.Tests != 0 {
		t.Errorf("--run: %v, %v", sum, err)
	}
	r.Run = nil
	if sum, err = r.Paths(context.Background(), BlockTests, dir); err != nil || sum.Tests != 0 {
		t.Errorf("block tests among state tests: %v, %v", sum, err)
	}
	write("cut.tar.gz", packed.Bytes()[:packed.Len()/2])
	write("broken.json", []byte("{"))
	for _, path := range []string{"cut.tar.gz", "broken.json", "missing.json"} {
		if _, err := r.Paths(context.Background(), Any, filepath.Join(dir, path)); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v", path, err)
		}
	}
}
