package device_test

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/gpuevm/compiler"
	"github.com/gpuevm/gpuevm/gpuevm/device"
)

// countCompiler puts a script in front of the C++ compiler, and returns how often it has run.
func countCompiler(t *testing.T) func() int {
	cxx := os.Getenv("CXX")
	if cxx == "" {
		cxx = "g++"
	}
	path, err := exec.LookPath(cxx)
	if err != nil {
		t.Skip(err)
	}
	openHost(t, device.Options{}).Close() // the kernels are compiled already
	dir := t.TempDir()
	log, script := filepath.Join(dir, "runs"), filepath.Join(dir, "c++")
	text := "#!/bin/sh\n[ \"$1\" = --version ] || echo run >>" + log + "\nexec " + path + " \"$@\"\n"
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CXX", script)
	return func() int {
		runs, _ := os.ReadFile(log)
		return strings.Count(string(runs), "run")
	}
}

// TestCompiledCache: what was compiled before is not compiled again, whatever else is compiled
// and by which process; what is damaged is, with a line in the log; another order of operations,
// or fork, is another entry.
func TestCompiledCache(t *testing.T) {
	runs := countCompiler(t)
	var log strings.Builder
	dir := filepath.Join(t.TempDir(), "cache")
	wants := func(what string, order compiler.Order, made int) {
		t.Helper()
		before := runs()
		e := openHost(t, device.Options{SpotCheck: 1, Log: slog.New(slog.NewTextHandler(&log, nil)),
			Compile: device.Compile{Mode: device.CompileAlways, Wait: true, Dir: dir, Order: order}})
		defer e.Close()
		env, txs, mem := loop(t, loops["keccak"], 2)
		results, err := e.Execute(context.Background(), env, txs, mem)
		if s := e.Stats(); err != nil || results[1].Status != gpuevm.Success || s.Compiled != 1 || s.Faults != 0 {
			t.Fatal(what, err, s)
		}
		if n := runs() - before; n != made {
			t.Errorf("%s: the compiler ran %d times, not %d", what, n, made)
		}
	}
	wants("the first time", compiler.Parallel, 1)
	wants("the second time", compiler.Parallel, 0)
	wants("another order", compiler.Program, 1)
	wants("the first order again", compiler.Parallel, 0)
	if log.Len() > 0 {
		t.Error(log.String())
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.so"))
	if len(files) != 2 {
		t.Fatal(files)
	}
	for _, path := range files {
		if err := os.Truncate(path, 1000); err != nil {
			t.Fatal(err)
		}
	}
	wants("damaged", compiler.Parallel, 1)
	if n := strings.Count(log.String(), "\n"); n != 1 {
		t.Errorf("%d lines in the log: %s", n, log.String())
	}
	wants("made again", compiler.Parallel, 0)
}

// TestCompiledUncached: without a folder codes are compiled, and nothing but a warning comes of it.
func TestCompiledUncached(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	e := openHost(t, device.Options{SpotCheck: 1, Log: slog.New(slog.NewTextHandler(&log, nil)),
		Compile: device.Compile{Mode: device.CompileAlways, Wait: true, Dir: filepath.Join(file, "cache")}})
	env, txs, mem := loop(t, loops["keccak"], 2)
	_, err := e.Execute(context.Background(), env, txs, mem)
	if s := e.Stats(); err != nil || s.Compiled != 1 || s.NotCompiled != 0 || s.Faults != 0 {
		t.Error(err, s)
	}
	if strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), "not kept on disk") {
		t.Error(log.String())
	}
}
