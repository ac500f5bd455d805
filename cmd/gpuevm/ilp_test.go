package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gpuevm/gpuevm/gpuevm/enginetest/shareddata"
)

func TestILPOfCodes(t *testing.T) {
	dir := t.TempDir()
	page, file := filepath.Join(dir, "ilp.html"), filepath.Join(dir, "ilp.json")
	stdout, _ := expect(t, 0, []string{"2 codes, 0 ineligible; each basic block once", "SSA, a thread with 8 words, scheduled", "critical path of SSA goes: "},
		"ilp", "--html", page, "--json", file, "--registers", "8", "--fork", "cancun", counter, "0x6001600201")
	if !strings.Contains(stdout, "0x3615600f57600054"[:12]) {
		t.Error(stdout)
	}
	if text := readText(t, page); !strings.HasPrefix(text, "<!DOCTYPE html>") || !strings.Contains(text, "</html>") {
		t.Error(text)
	}
	var r struct {
		Registers int
		Codes     []struct{ Fork string }
	}
	if err := json.Unmarshal([]byte(readText(t, file)), &r); err != nil || r.Registers != 8 || len(r.Codes) != 2 || r.Codes[1].Fork != "Cancun" {
		t.Errorf("%+v %v", r, err)
	}
}

func TestILPOfBlocks(t *testing.T) {
	dir := shareddata.Folder(t, "blocks")
	stdout, stderr := expect(t, 0, []string{"1 blocks, ", "top 3 codes by executed work"}, "ilp", "--json", "-", "--top", "3", filepath.Join(dir, "mainnet-4864590.json.gz"))
	lines := decodeLines(t, stdout)
	if len(lines) != 1 || lines[0]["executed"] == nil || !strings.Contains(stderr, "stack form, one after another") {
		t.Errorf("%d lines\n%s", len(lines), stderr)
	}
}

// A block that can't be read is named; the others are in the report.
func TestILPOfBrokenBlock(t *testing.T) {
	dir := shareddata.Folder(t, "blocks")
	folder := t.TempDir()
	for _, name := range []string{"codes.bin.gz", "mainnet-46147.json.gz"} {
		if err := os.Symlink(filepath.Join(dir, name), filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "mainnet-7.json.gz"), []byte("no gzip"), 0o644); err != nil {
		t.Fatal(err)
	}
	expect(t, exitFailed, []string{"2 blocks", "mainnet-7: ", "gzip"}, "ilp", folder)
}

func TestILPUsage(t *testing.T) {
	empty := t.TempDir()
	table := filepath.Join(empty, "codes.bin.gz")
	if err := os.WriteFile(table, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, says string }{
		{"ilp", "nothing to look at"},
		{"ilp 0x123", "hex of 3 digits"},
		{"ilp zz", "zz: no such file, and not hex"},
		{"ilp /no/such/file", "/no/such/file: no such file, and not hex"},
		{"ilp /no/mainnet-1.json.gz", "/no/mainnet-1.json.gz"},
		{"ilp " + empty, "no blocks in this folder"},
		{"ilp " + table, "gzip"},
		{"ilp --fork Chicago 0x00", `--fork "Chicago"`},
		{"ilp --registers 0 0x00", "--registers 0: it is 1 to 1048576"},
		{"ilp --top -1 0x00", "--top -1"},
		{"ilp 0x00 --html x", "flags come before codes and blocks"},
	} {
		code, stdout, stderr := invoke(t.Context(), strings.Fields(c.args)...)
		if code != exitUsage || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, c.says) {
			t.Errorf("%s: exit code %d\nstdout: %sstderr: %s", c.args, code, stdout, stderr)
		}
	}
	expect(t, exitFailed, []string{"--html: open"}, "ilp", "--html", filepath.Join(empty, "no", "page"), "0x00")
}

// Ctrl-C ends it with what was done, in every output.
func TestILPInterrupted(t *testing.T) {
	dir := shareddata.Folder(t, "blocks")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	page := filepath.Join(t.TempDir(), "ilp.html")
	errs := &cancelling{cancel: cancel}
	var out strings.Builder
	code := execute(ctx, []string{"gpuevm", "ilp", "--threads", "1", "--html", page, filepath.Join(dir, "codes.bin.gz")}, &out, errs)
	if code != exitInterrupted || !strings.Contains(out.String(), "INCOMPLETE: interrupted") || !strings.Contains(errs.String(), "interrupted") {
		t.Errorf("exit code %d\n%s%s", code, out.String(), errs.String())
	}
	if text := readText(t, page); !strings.Contains(text, "Incomplete:") {
		t.Error("the page does not say so")
	}
}

// cancelling ends a context when something is written.
type cancelling struct {
	strings.Builder
	cancel context.CancelFunc
}

func (c *cancelling) Write(text []byte) (int, error) {
	c.cancel()
	return c.Builder.Write(text)
}
