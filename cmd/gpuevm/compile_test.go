package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/crypto"
	"github.com/gpuevm/gpuevm/gpuevm/enginetest/shareddata"
)

// counter adds to a slot, or returns it where there is input.
const counter = "0x3615600f57600054600101600055005b60005460005260206000f3"

func TestCompileCommand(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "out")
	stdout, _ := expect(t, 0, []string{"eligible", "schedule", "values before", " files in " + dir}, "compile", "-o", dir, counter)
	for name, parts := range map[string][]string{
		"blocks.txt":          {"SLOAD", "JUMPI", "branch -> b"},
		"cfg-built.dot":       {"digraph"},
		"cfg.dot":             {"digraph"},
		"cfg.svg":             {"<svg", "return", "prefers-color-scheme"},
		"ssa-00-build.txt":    {"sload", "section"},
		"ssa-21-schedule.txt": {"sload"},
		"schedule.txt":        {"cycles", " * v"},
		"ilp.json":            {`"span"`},
		"contract.cu":         {"compiled.cuh", "contract(", "list_functions"},
		"notes.json":          {`"fork": "Osaka"`, `"pass": "fold again"`, `"ms"`},
	} {
		text := readText(t, filepath.Join(dir, name))
		for _, part := range parts {
			if !strings.Contains(text, part) {
				t.Errorf("%s: no %q in\n%s", name, part, text)
			}
		}
		if filepath.Ext(name) == ".json" && !json.Valid([]byte(text)) {
			t.Errorf("%s is not JSON", name)
		}
		if filepath.Ext(name) == ".svg" {
			checkXML(t, name, text)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || !strings.Contains(stdout, fmt.Sprintf("\n%d files in ", len(files))) || len(files) < 30 {
		t.Errorf("%d files, %v\n%s", len(files), err, stdout)
	}
}

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func checkXML(t *testing.T, name, text string) {
	t.Helper()
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

// The same code, however it is given.
func TestCompileInputs(t *testing.T) {
	dir := t.TempDir()
	hexFile, binary := filepath.Join(dir, "code.hex"), filepath.Join(dir, "code.bin")
	code, err := codeOf([]byte(counter))
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{hexFile: counter[2:] + "\n", binary: string(code)} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, arg := range []string{counter, counter[2:], strings.ToUpper(counter[2:]), hexFile, binary} {
		out := filepath.Join(dir, "out")
		expect(t, 0, []string{"27 bytes, keccak256 " + crypto.Keccak256Hash(code).Hex() + ", London"}, "compile", "--fork", "london", "-o", out, arg)
	}
	expect(t, 0, []string{": 0 bytes", "eligible"}, "compile", "-o", filepath.Join(dir, "empty"), "0x")
}

// A code over a limit is an outcome, not an error.
func TestCompileIneligible(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "deep")
	if err := os.WriteFile(path, []byte(strings.Repeat("\x5b", 200_000)), 0o644); err != nil {
		t.Fatal(err)
	}
	expect(t, 0, []string{"not compiled, the interpreter runs it: ineligible: more than "}, "compile", "-o", dir, path)
	if text := readText(t, filepath.Join(dir, "ineligible.txt")); !strings.Contains(text, "more than") {
		t.Error(text)
	}
}

func TestCompileByHash(t *testing.T) {
	table := filepath.Join(shareddata.Folder(t, "blocks"), "codes.bin.gz")
	const weth = "0xd0a06b12ac47863b5c7be4185c2deaad1c61557033f56c7d4ea74429cbb25e23"
	dir := t.TempDir()
	expect(t, 0, []string{weth, "eligible"}, "compile", "-o", dir, "--codes", table, "--codehash", weth)
	checkXML(t, "cfg.svg", readText(t, filepath.Join(dir, "cfg.svg")))
	expect(t, exitUsage, []string{"is not among the 2854 codes"}, "compile", "-o", dir, "--codes", table, "--codehash", "0x"+strings.Repeat("12", 32))
}

func TestCompileUsage(t *testing.T) {
	for _, c := range []struct{ args, says string }{
		{"compile -o x", "nothing to compile"},
		{"compile 0x00", "-o FOLDER"},
		{"compile -o x 0x123", "hex of 3 digits"},
		{"compile -o x 123", "hex of 3 digits"},
		{"compile -o x /no/such/file", "/no/such/file: no such file, and not hex"},
		{"compile -o x /tmp", "/tmp is a folder"},
		{"compile -o x --fork Chicago 0x00", `--fork "Chicago": it is one of Frontier, Homestead`},
		{"compile -o x 0x00 0x01", "one code at a time"},
		{"compile 0x00 -o x", "flags come before the code"},
		{"compile -o x --codehash 0x12", `--codehash "0x12"`},
		{"compile -o x --codes /no/table --codehash 0x" + strings.Repeat("ab", 32), "/no/table"},
	} {
		code, stdout, stderr := invoke(t.Context(), strings.Fields(c.args)...)
		if code != exitUsage || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, c.says) {
			t.Errorf("%s: exit code %d\nstdout: %sstderr: %s", c.args, code, stdout, stderr)
		}
	}
}
