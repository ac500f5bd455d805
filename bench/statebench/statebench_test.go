package statebench

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func small(dir string) Options {
	return Options{
		World: World{Seed: 1, Accounts: 10_000, Slots: 3000}, Dir: dir, Kinds: Kinds, Dirty: []int{50, 700},
		Rounds: 4, Warmup: 1, Cold: 2, Layers: 3, Reads: 300, Walk: true, History: true, Settle: time.Second,
	}
}

// TestRun measures a small state. Run itself compares all roots.
func TestRun(t *testing.T) {
	if testing.Short() {
		t.Skip("writes two databases")
	}
	dir := t.TempDir()
	o := small(dir)
	r, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if want := len(o.Kinds) * len(o.Dirty) * 3; len(r.Phases) != want || len(r.Reads) != 16 {
		t.Fatalf("%d phases, %d ways to read; want %d, 16", len(r.Phases), len(r.Reads), want)
	}
	for _, p := range r.Phases {
		checkPhase(t, p, "gpuevm", "go-ethereum")
	}
	for _, p := range r.Reads {
		for _, name := range []string{"gpuevm flat", "go-ethereum flat", "go-ethereum trie"} {
			if p.Nanos[name] <= 0 {
				t.Errorf("%s: %s took no time", p.name(), name)
			}
		}
	}
	alone(t, o, r)
	var table bytes.Buffer
	r.Print(&table)
	for _, want := range []string{"warm accounts 50", "cold storage 700", "warm mixed 700, layers", "go-ethereum trie", "alone in a process"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("table without %q:\n%s", want, &table)
		}
	}
	if _, err := json.Marshal(r); err != nil {
		t.Fatal(err)
	}
}

// alone runs one side after the other on the states that are there, and lets the one catch
// up with the other.
func alone(t *testing.T, o Options, r *Result) {
	o.Cold, o.Layers, o.Reads, o.Dirty, o.Kinds = 0, 0, 0, o.Dirty[:1], Kinds[:1]
	r.Alone = make(map[string]*Result)
	run := func(only string) (*Result, string) {
		var log strings.Builder
		o.Only, o.Progress = only, &log
		one, err := Run(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		return one, log.String()
	}
	for _, name := range []string{"gpuevm", "go-ethereum"} {
		one, log := run(name)
		p := one.Phases[0]
		checkPhase(t, p, name)
		if p.Usage == nil || p.Usage.HeapPeak == 0 || p.Usage.RSSPeak == 0 || p.Usage.Written == 0 || p.Usage.Blocks != o.Rounds {
			t.Errorf("%s alone: usage %+v", name, p.Usage)
		}
		if strings.Contains(log, "catching up") {
			t.Errorf("%s catches up with what it is to do:\n%s", name, log)
		}
		r.Alone[name] = one
	}
	if err := r.Compare(); err != nil {
		t.Error(err)
	}
	run("gpuevm")
	if _, log := run(""); strings.Count(log, "go-ethereum: catching up") != o.Rounds+o.Warmup {
		t.Errorf("go-ethereum does not catch up:\n%s", log)
	}
	r.Alone["gpuevm"].Phases[0].Roots[1] = "0x1"
	if err := r.Compare(); err == nil {
		t.Error("roots that differ compare")
	}
}

func checkPhase(t *testing.T, p *Phase, sides ...string) {
	t.Helper()
	if len(p.Sides) != len(sides) || len(p.Roots) < 2 {
		t.Errorf("%s: %d sides, roots %v", p.name(), len(p.Sides), p.Roots)
	}
	for _, name := range sides {
		for mode, m := range p.Sides[name].Medians {
			if m.Load <= 0 || m.ToRoot <= 0 || m.Commit <= 0 || m.Durable < m.ToRoot || m.Cores <= 0 {
				t.Errorf("%s: %s %s: %+v", p.name(), name, mode, m)
			}
			// Ours may be durable before that is asked.
			if onDisk := name == "gpuevm" || !p.Layers; !onDisk && m.Flush > 0 || onDisk != (m.Batch > 0) {
				t.Errorf("%s: %s %s: flush %v ms, %d bytes", p.name(), name, mode, m.Flush, m.Batch)
			}
		}
	}
	for name, s := range p.Sides {
		if len(s.Blocks) > 3 && len(s.Medians) != len(modes) {
			t.Errorf("%s: %s: modes %v", p.name(), name, s.Medians)
		}
	}
	if s := p.Sides["gpuevm"]; s != nil && (p.Memory == "cold") != (s.plain().Nodes > 0) {
		t.Errorf("%s: %d nodes were loaded", p.name(), s.plain().Nodes)
	}
}

// TestOtherState refuses a directory that has another state than its name says.
func TestOtherState(t *testing.T) {
	o := small(t.TempDir())
	dir := filepath.Join(o.Dir, "state-10000-3000-1")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	stamp := `{"seed":2,"accounts":10000,"slots":3000,"format":1,"history":true,"made":{"gpuevm":true,"go-ethereum":true}}`
	if err := os.WriteFile(filepath.Join(dir, "stamp.json"), []byte(stamp), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), "another state") {
		t.Errorf("another state: %v", err)
	}
}

// TestBlock makes blocks twice: they depend on their number only, and have each key once.
func TestBlock(t *testing.T) {
	w := World{Seed: 7, Accounts: 5000, Slots: 900}
	for _, k := range Kinds {
		s := spec{Height: 9, Kind: k, Dirty: 2000}
		a, b := w.block(s), w.block(s)
		if x, y := a.diff(), b.diff(); len(x.Cells) == 0 || !equal(x.Cells, y.Cells) {
			t.Errorf("%s: blocks of one height differ", k)
		}
		if s.Height++; equal(a.diff().Cells, w.block(s).diff().Cells) {
			t.Errorf("%s: blocks of two heights are the same", k)
		}
		seen := make(map[any]bool)
		for _, c := range a.diff().Cells {
			if seen[c.Key] {
				t.Errorf("%s: %s twice", k, c.Key)
			}
			seen[c.Key] = true
		}
		if n := len(a.accounts) + len(a.slots); n < s.Dirty/4 || n > s.Dirty {
			t.Errorf("%s: %d keys, want about %d", k, n, s.Dirty)
		}
	}
}

func equal[T comparable](a, b []T) bool {
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			return false
		}
	}
	return len(a) == len(b)
}

// TestOptions refuses what can't be measured.
func TestOptions(t *testing.T) {
	for name, break_ := range map[string]func(*Options){
		"directory": func(o *Options) { o.Dir = "" },
		"accounts":  func(o *Options) { o.Accounts = 7 },
		"slots":     func(o *Options) { o.Slots = 0 },
		"rounds":    func(o *Options) { o.Rounds = 0 },
		"kind":      func(o *Options) { o.Kinds = []Kind{"codes"} },
		"kinds":     func(o *Options) { o.Kinds = nil },
		"dirty":     func(o *Options) { o.Dirty = []int{0} },
		"side":      func(o *Options) { o.Only = "erigon" },
	} {
		o := small(t.TempDir())
		break_(&o)
		if _, err := Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("bad %s: %v", name, err)
		}
	}
}
