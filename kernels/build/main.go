// Command build compiles the kernels with NVIDIA's compilers, which need no GPU: PTX and
// machine code into kernels/images, and what ptxas says of registers, stack and spills into
// kernels/resources.txt. With -check it writes nothing and says what would change.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gpuevm/gpuevm/gpuevm/cuda"
	"github.com/gpuevm/gpuevm/kernels"
)

var (
	check = flag.Bool("check", false, "compare with what is there instead of writing")
	tests = flag.String("tests", "", "build the test kernels' PTX into this `folder`, and nothing else")
	dir   = flag.String("dir", "kernels", "the kernels' folder")
	only  = flag.String("only", "", "only this source")
)

func main() {
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	if err := toolchain(); err != nil {
		return err
	}
	sources, err := sources()
	if err != nil {
		return err
	}
	if *tests != "" {
		return buildTests(sources)
	}
	files := map[string][]byte{} // by path under dir
	var table []row
	for _, source := range sources {
		rows, err := build(source, files)
		if err != nil {
			return err
		}
		table = append(table, rows...)
	}
	rows, err := linkable()
	if err != nil {
		return err
	}
	text := report(append(table, rows...))
	fmt.Print(text)
	if *only == "" {
		files["resources.txt"] = []byte(text)
	}
	if *check {
		return compare(files)
	}
	return write(files)
}

// toolchain refuses any version but the one whose results are committed.
func toolchain() error {
	version, err := cuda.CompilerVersion()
	if err != nil {
		return err
	}
	out, err := exec.Command(ptxas(), "--version").Output()
	if err != nil {
		return fmt.Errorf("ptxas (PTXAS names its file): %w", err)
	}
	full := strings.TrimPrefix(kernels.Toolchain, "CUDA ")
	if !strings.HasPrefix(full, version+".") || !strings.Contains(string(out), "V"+full) {
		return fmt.Errorf("want %s, have NVRTC %s and ptxas %s", kernels.Toolchain, version, out)
	}
	return nil
}

func ptxas() string {
	if path := os.Getenv("PTXAS"); path != "" {
		return path
	}
	return "ptxas"
}

// sources are the sources that belong into a build: those of tests only with -tests.
func sources() ([]string, error) {
	all, err := fs.Glob(kernels.Sources, "*.cu")
	return slices.DeleteFunc(all, func(name string) bool {
		return strings.HasPrefix(name, "test_") != (*tests != "") || *only != "" && name != *only
	}), err
}

// build compiles a source for all targets, adds the packed images to files, and returns what
// ptxas said.
func build(source string, files map[string][]byte) (rows []row, err error) {
	for _, target := range kernels.Targets {
		start := time.Now()
		architecture := strings.Replace(target, "sm_", "compute_", 1)
		image, err := cuda.Compile(source, "", architecture)
		if err != nil {
			return nil, err
		}
		front := time.Since(start)
		if architecture != target {
			var more []row
			if image, more, err = assemble(source, image, target); err != nil {
				return nil, err
			}
			rows = append(rows, more...)
		}
		packed, err := pack(source, image)
		if err != nil {
			return nil, err
		}
		files[filepath.Join("images", kernels.ImageName(source, target))] = packed
		fmt.Fprintf(os.Stderr, "%s %s: NVRTC %.1f s, ptxas %.1f s, %d KB, packed %d KB\n", source, target,
			front.Seconds(), (time.Since(start) - front).Seconds(), len(image)>>10, len(packed)>>10)
	}
	return rows, nil
}

// linkable says what the interpreter needs where it is compiled to be linked with compiled code
// at run time. There is no image of it: see kernels.LinkOptions.
func linkable() (table []row, err error) {
	const source = "run.cu"
	if *only != "" && *only != source {
		return nil, nil
	}
	for _, target := range kernels.Targets {
		if !strings.HasPrefix(target, "sm_") {
			continue
		}
		ptx, err := cuda.Compile(source, "", strings.Replace(target, "sm_", "compute_", 1), kernels.LinkOptions...)
		if err != nil {
			return nil, err
		}
		_, rows, err := assemble(source+" to link", ptx, target, "-c", fmt.Sprintf("-maxrregcount=%d", kernels.LinkRegisters))
		if err != nil {
			return nil, err
		}
		table = append(table, rows...)
	}
	return table, nil
}

func pack(source string, image []byte) ([]byte, error) {
	hash, err := kernels.ImageHash(source)
	if err != nil {
		return nil, err
	}
	return kernels.Pack(image, hash)
}

// assemble makes machine code of PTX, with more of ptxas's options.
func assemble(source string, ptx []byte, target string, options ...string) ([]byte, []row, error) {
	work, err := os.MkdirTemp("", "ptxas")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(work)
	in, out := filepath.Join(work, "in.ptx"), filepath.Join(work, "out.cubin")
	if err := os.WriteFile(in, ptx, 0o644); err != nil {
		return nil, nil, err
	}
	said, err := exec.Command(ptxas(), append(options, "-v", "-arch="+target, "-o", out, in)...).CombinedOutput()
	if err != nil {
		return nil, nil, fmt.Errorf("ptxas %s: %w\n%s", source, err, said)
	}
	code, err := os.ReadFile(out)
	return code, parse(source, target, string(said)), err
}

// buildTests makes PTX alone: test kernels are small, and the driver compiles them.
func buildTests(sources []string) error {
	for _, source := range sources {
		ptx, err := cuda.Compile(source, "", "compute_80")
		if err != nil {
			return err
		}
		packed, err := pack(source, ptx)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(*tests, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(*tests, kernels.ImageName(source, "compute_80")), packed, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func write(files map[string][]byte) error {
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(*dir, name), data, 0o644); err != nil {
			return err
		}
	}
	return stale(files, func(path string) error { return os.Remove(path) })
}

// compare fails when a file that is there differs from what was built.
func compare(files map[string][]byte) error {
	var differ []string
	for name, want := range files {
		if have, err := os.ReadFile(filepath.Join(*dir, name)); err != nil || !bytes.Equal(have, want) {
			differ = append(differ, name)
		}
	}
	err := stale(files, func(path string) error { differ = append(differ, path); return nil })
	if err == nil && len(differ) > 0 {
		slices.Sort(differ)
		err = fmt.Errorf("not what the sources make (run make ptx, and look at the diff of resources.txt): %s", strings.Join(differ, ", "))
	}
	return err
}

// stale finds images of sources that are gone.
func stale(files map[string][]byte, found func(path string) error) error {
	if *only != "" {
		return nil
	}
	paths, err := filepath.Glob(filepath.Join(*dir, "images", "*.gz"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		if files[filepath.Join("images", filepath.Base(path))] == nil {
			if err := found(path); err != nil {
				return err
			}
		}
	}
	return nil
}
