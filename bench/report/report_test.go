package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/gpuevm/gpuevm/hostsched"
)

func ms(n float64) *Millis { return Of(time.Duration(n * float64(time.Millisecond))) }

func full(name string) *Line {
	l := &Line{Block: name, Device: "go", Policy: "waves", Threads: 2, Equal: new(true), Checked: []string{"gas", "state_root"}}
	l.Ran(21_000_000, &hostsched.Stats{Txs: 1000, Waves: 2, LargestWave: 990, Reexecuted: 3, OnDevice: 997,
		Stage: hostsched.Stages{Senders: 50 * time.Millisecond, Root: time.Millisecond}}, true, true)
	l.Wall, l.Serial, l.WallRoot, l.SerialRoot = ms(50), ms(100), ms(60), ms(90)
	l.Derive(1000, 21_000_000)
	return l
}

func TestLineJSON(t *testing.T) {
	var out bytes.Buffer
	if err := full("b-1").WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	const want = `{"block":"b-1","txs":1000,"gas":21000000,"waves":2,"largest_wave":990,"reexecuted":3,"device":"go","on_device":997,` +
		`"policy":"waves","threads":2,"stage_ms":{"senders":50.000,"predict":0.000,"execute":0.000,"commit":0.000,"root":1.000},` +
		`"wall_ms":50.000,"serial_ms":100.000,"speedup":2,"wall_with_root_ms":60.000,"serial_with_root_ms":90.000,"speedup_with_root":1.5,` +
		`"mgas_per_s":420,"tx_per_s":20000,"checked":["gas","state_root"],"equal":true}` + "\n"
	if out.String() != want {
		t.Errorf("%s\nwant\n%s", &out, want)
	}
	var back Line
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || *back.Wall != *ms(50) {
		t.Errorf("%+v %v", back, err)
	}
}

// What was not measured is not there.
func TestLineLeavesOut(t *testing.T) {
	raw, err := json.Marshal(&Line{Block: "b-1", Device: "go", Policy: "serial", Threads: 1, Error: "no such file"})
	if want := `{"block":"b-1","device":"go","policy":"serial","threads":1,"error":"no such file"}`; err != nil || string(raw) != want {
		t.Errorf("%s, want %s, %v", raw, want, err)
	}
	l := &Line{Block: "b-2"}
	l.Ran(1, &hostsched.Stats{Txs: 1}, false, false)
	l.Wall = ms(0)
	l.Derive(1, 1)
	if l.Waves != nil || l.LargestWave != nil || l.Stage.Root != nil || l.Speedup != nil || l.MgasPerSecond != nil {
		t.Errorf("%+v", l)
	}
}

func TestSum(t *testing.T) {
	failed := &Line{Block: "b-3", Error: "no such file"}
	s := Sum([]*Line{full("b-1"), full("b-2"), failed})
	if s.Blocks != 2 || s.Equal != 2 || s.Failed != 1 || s.Txs != 2000 || s.Gas != 42_000_000 || *s.Waves != 4 || *s.LargestWave != 990 ||
		*s.Wall != *ms(100) || *s.Speedup != 2 || *s.SpeedupRoot != 1.5 || *s.Stage.Root != *ms(2) || s.Checked["gas"] != 2 {
		t.Errorf("%+v", s)
	}
	rootless := full("b-4")
	rootless.WallRoot, rootless.Stage.Root = nil, nil
	for _, lines := range [][]*Line{{full("b-1"), rootless, full("b-2")}, {rootless, full("b-1")}} {
		if s := Sum(lines); s.WallRoot != nil || s.Stage.Root != nil || s.SpeedupRoot != nil || s.Wall == nil {
			t.Errorf("the sum of some blocks only: %+v", s)
		}
	}
}

func TestTables(t *testing.T) {
	different := full("long-name-2")
	different.Equal, different.Error = new(false), "gas is 1, want 2"
	lines := []*Line{full("b-1"), different, {Block: "b-3", Error: "no such file"}}
	var out strings.Builder
	Blocks(&out, lines)
	Summary(&out, lines)
	Checks(&out, lines)
	for _, want := range []string{
		"  block          txs         gas  waves  largest  re-exec  wall ms  Mgas/s  serial ms  speed-up    equal\n",
		"  b-1          1,000  21,000,000      2      990        3     50.0   420.0      100.0     2.00x      yes\n",
		"  long-name-2  1,000  21,000,000      2      990        3     50.0   420.0      100.0     2.00x       NO\n",
		"  b-3              -           -      -        -        -        -       -          -         -  not run\n",
		"  gas               42,000,000\n",
		"  on device      1,994 (99.7%)\n",
		"  wall, to receipts, ms     100.0               200.0     2.00x\n",
		"  compared, in how many blocks: gas 2, state root 2\n",
		"  equal: 1 of 3 blocks\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
	out.Reset()
	Summary(&out, nil)
	if out.Len() > 0 {
		t.Errorf("a summary of nothing: %s", &out)
	}
}

func TestProgress(t *testing.T) {
	bad := full("b-2")
	bad.Equal, bad.Error = new(false), "gas is 1, want 2"
	for _, bar := range []bool{false, true} {
		var out strings.Builder
		p := NewProgress(&out, 3)
		p.bar = bar
		for _, l := range []*Line{full("b-1"), bad, {Block: "b-3", Error: "no such file"}} {
			p.Begin(l.Block)
			p.Done(l)
		}
		p.End()
		for _, want := range []string{"b-2: 1,000 txs, 21.0 Mgas, 50.0 ms, 2.00x, differs: gas is 1, want 2\n", "b-3: not run: no such file\n"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("no %q in %q", want, out.String())
			}
		}
		if bar != strings.Contains(out.String(), "[==========                    ] 1/3  b-1") || bar == strings.Contains(out.String(), "1/3 b-1: 1,000 txs") {
			t.Errorf("bar %v: %q", bar, out.String())
		}
		if bar && !strings.HasSuffix(out.String(), "\r\x1b[K") {
			t.Errorf("%q is left on the terminal", out.String())
		}
	}
}
