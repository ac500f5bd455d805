package main

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

// invoke runs a command line in this process.
func invoke(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = execute(ctx, append([]string{"bin/gpuevm"}, args...), &out, &errs)
	return code, out.String(), errs.String()
}

// expect runs a command line and checks the exit code and what is said.
func expect(t *testing.T, code int, says []string, args ...string) (stdout, stderr string) {
	t.Helper()
	got, stdout, stderr := invoke(t.Context(), args...)
	if got != code {
		t.Errorf("%q: exit code %d, want %d\n%s%s", args, got, code, stdout, stderr)
	}
	for _, s := range says {
		if !strings.Contains(stdout+stderr, s) {
			t.Errorf("%q does not say %q:\n%s%s", args, s, stdout, stderr)
		}
	}
	return stdout, stderr
}

// A command line that can't be run is one line on stderr and exit code 2.
func TestUsageErrors(t *testing.T) {
	for _, c := range []struct {
		args string
		says string
	}{
		{"frobnicate", `no command "frobnicate"`},
		{"--bogus", "-bogus"},
		{"run --bogus", "-bogus"},
		{"run --txs many", `"many"`},
		{"run --txs 0", "--txs 0"},
		{"run --blocks -1", "--blocks -1"},
		{"run --rounds 0", "--rounds 0"},
		{"run --workload nope", `--workload "nope": it is one of transfer, erc20`},
		{"run --device gpu", "it is auto, cuda, cuda:N, host or go"},
		{"run --device cuda:x", `--device "cuda:x"`},
		{"run --device go --strict-gpu", "nothing there falls back"},
		{"run --compile sometimes", `--compile "sometimes": it is never, auto or always`},
		{"run --compile-after 0", "--compile-after 0: it is 1 or more"},
		{"run --compile-wait", "nothing is compiled without"},
		{"statetest --compile always --compile-after 3 x", "--compile-after is of --compile auto"},
		{"run --device go --compile auto", "only a device runs compiled contracts"},
		{"compile --arch 90 -o x 00", `--arch "90"`},
		{"replay --min-on-device 2 x", "--min-on-device 2"},
		{"devices all", `"all"`},
		{"bench --workload nope", `--workload "nope"`},
		{"bench --mgas 0", "--mgas 0"},
		{"bench --rounds 0", "--rounds 0"},
		{"run --policy random", `--policy "random": it is waves or serial`},
		{"run --threads -1", "--threads -1"},
		{"run --verbosity 9", "--verbosity 9"},
		{"run something", `"something"`},
		{"replay", "nothing to replay"},
		{"replay /no/such/folder", "/no/such/folder"},
		{"replay --rounds 0 x", "--rounds 0"},
		{"replay --genesis x", "--genesis and --chain go together"},
		{"replay --chain x", "--genesis and --chain go together"},
		{"replay --genesis /no/genesis --chain y", "/no/genesis"},
		{"replay --genesis x --chain y z", "no paths besides"},
		{"replay --genesis x --chain y --rpc z", "one of them"},
		{"replay --rpc http://localhost", "one range"},
		{"replay --rpc http://localhost 9..3", `"9..3"`},
		{"replay --rpc http://localhost a..b", `"a..b" is no range`},
		{"replay blocks --compare", "flags come before paths"},
	} {
		code, stdout, stderr := invoke(t.Context(), strings.Fields(c.args)...)
		if code != exitUsage || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, c.says) {
			t.Errorf("%s: exit code %d\nstdout: %sstderr: %s", c.args, code, stdout, stderr)
		}
	}
}

func TestHelp(t *testing.T) {
	for _, args := range []string{"", "help", "--help"} {
		expect(t, 0, []string{"run ", "replay", "statetest", "blocktest", "version"}, strings.Fields(args)...)
	}
	expect(t, 0, []string{"erc20", "--json FILE", "gpuevm run --workload"}, "run", "--help")
	expect(t, 0, []string{"--rpc URL", "FROM..TO", "gpuevm replay"}, "replay", "--help")
}

// Drivers of go-ethereum's evm look for its name in the first line.
func TestVersion(t *testing.T) {
	for name, want := range map[string]string{"/usr/bin/evm": "evm version ", "evm.exe": "evm version ", "gpuevm": "gpuevm version "} {
		for _, arg := range []string{"version", "--version", "-v"} {
			var out, errs bytes.Buffer
			if code := execute(t.Context(), []string{name, arg}, &out, &errs); code != 0 || !strings.HasPrefix(out.String(), want) {
				t.Errorf("%s %s: %d %s%s", name, arg, code, &out, &errs)
			}
		}
	}
}

// decodeLines decodes JSON lines, with numbers as they stand.
func decodeLines(t *testing.T, raw string) []map[string]any {
	t.Helper()
	var lines []map[string]any
	for _, text := range strings.Split(strings.TrimSuffix(raw, "\n"), "\n") {
		line := map[string]any{}
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		lines = append(lines, line)
	}
	return lines
}

func TestRun(t *testing.T) {
	stdout, _ := expect(t, 0, []string{"state root equal: yes (0x", "speed-up", "Stage times are summed"},
		"run", "--txs", "60", "--rounds", "1", "--workload", "mixed")
	for _, row := range []string{"transactions", "gas", "waves", "largest wave", "re-executions", "senders", "predict",
		"execute", "commit", "root", "wall, to receipts, ms", "wall, to state root, ms", "Mgas/s", "tx/s"} {
		if !strings.Contains(stdout, "\n  "+row) && !strings.Contains(stdout, "\n    "+row) {
			t.Errorf("no row %q:\n%s", row, stdout)
		}
	}
}

func TestRunJSON(t *testing.T) {
	stdout, stderr := expect(t, 0, nil, "run", "--txs", "50", "--blocks", "3", "--rounds", "2", "--seed", "7",
		"--workload", "erc20", "--threads", "2", "--device", "go", "--json", "-")
	if !strings.Contains(stderr, "state root equal: yes") {
		t.Errorf("the table is not on stderr:\n%s", stderr)
	}
	lines := decodeLines(t, stdout)
	if len(lines) != 3 {
		t.Fatalf("%d lines of JSON for 3 blocks", len(lines))
	}
	for i, l := range lines {
		for name, want := range map[string]any{"workload": "erc20", "seed": 7., "number": float64(i + 1), "txs": 50.,
			"device": "go", "policy": "waves", "threads": 2., "equal": true} {
			if l[name] != want {
				t.Errorf("block %d: %s is %v, want %v", i, name, l[name], want)
			}
		}
		for _, name := range []string{"gas", "waves", "largest_wave", "on_device", "wall_ms", "serial_ms", "speedup",
			"wall_with_root_ms", "serial_with_root_ms", "speedup_with_root", "mgas_per_s", "tx_per_s"} {
			if x, ok := l[name].(float64); !ok || x <= 0 {
				t.Errorf("block %d: %s is %v", i, name, l[name])
			}
		}
		if x, ok := l["reexecuted"].(float64); !ok || x < 0 {
			t.Errorf("block %d: reexecuted is %v", i, l["reexecuted"])
		}
		stages, _ := l["stage_ms"].(map[string]any)
		for _, name := range []string{"senders", "predict", "execute", "commit", "root"} {
			if _, ok := stages[name].(float64); !ok {
				t.Errorf("block %d: stage %s is %v", i, name, stages[name])
			}
		}
		if root, _ := l["state_root"].(string); len(root) != 66 {
			t.Errorf("block %d: state_root is %v", i, l["state_root"])
		}
		if _, ok := l["error"]; ok {
			t.Errorf("block %d: %v", i, l["error"])
		}
	}
}

// Every workload comes out equal, however it is run, and the same seed gives the same.
func TestRunPolicies(t *testing.T) {
	for _, workload := range []string{"transfer", "erc20", "swap", "nft", "hot", "serial", "deploy", "pool", "sort", "sha256", "mixed"} {
		roots := map[any]bool{}
		for _, how := range []string{"--threads 1", "--threads 8", "--policy serial"} {
			args := append(strings.Fields(how), "--workload", workload, "--txs", "40", "--blocks", "2", "--rounds", "1", "--json", "-")
			stdout, _ := expect(t, 0, nil, append([]string{"run"}, args...)...)
			last := decodeLines(t, stdout)[1]
			roots[last["state_root"]] = true
			if _, waves := last["waves"]; waves == (how == "--policy serial") {
				t.Errorf("%s %s: waves are %v", workload, how, last["waves"])
			}
		}
		if len(roots) != 1 {
			t.Errorf("%s: %d different state roots", workload, len(roots))
		}
	}
}

func TestRunFiles(t *testing.T) {
	dir := t.TempDir()
	lines, profile := filepath.Join(dir, "out.jsonl"), filepath.Join(dir, "cpu")
	expect(t, 0, []string{"state root equal: yes"}, "run", "--txs", "20", "--rounds", "1", "--json", lines, "--cpuprofile", profile)
	raw, err := os.ReadFile(lines)
	if err != nil || len(decodeLines(t, string(raw))) != 1 {
		t.Errorf("%q %v", raw, err)
	}
	if info, err := os.Stat(profile); err != nil || info.Size() == 0 {
		t.Errorf("no profile: %v", err)
	}
	expect(t, exitFailed, []string{"--json: open"}, "run", "--json", filepath.Join(dir, "no", "folder"))
}

// Ctrl-C ends a long run promptly, with what was done so far.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	stop := time.AfterFunc(2*time.Second, cancel)
	defer stop.Stop()
	start := time.Now()
	code, _, stderr := invoke(ctx, "run", "--txs", "2000", "--blocks", "20", "--rounds", "1000")
	if code != exitInterrupted || !strings.Contains(stderr, "interrupted") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("took %s to end", d)
	}
}
