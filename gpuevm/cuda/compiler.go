package cuda

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gpuevm/gpuevm/kernels"
	"github.com/klauspost/cpuid/v2"
)

// compiler is the system's C++ compiler with a cache of what it made of the kernels.
type compiler struct {
	command string
	version string
	flags   []string
	kernels *cache
}

func findCompiler() (*compiler, error) {
	names := []string{"g++", "clang++"}
	if cxx := os.Getenv("CXX"); cxx != "" {
		names = []string{cxx}
	}
	for _, name := range names {
		out, err := exec.Command(name, "--version").Output()
		if err != nil {
			continue
		}
		version, _, _ := strings.Cut(string(out), "\n")
		return newCompiler(name, version), nil
	}
	return nil, fmt.Errorf("%w: the host device needs a C++ compiler, and %s does not run here", ErrNoDevice, strings.Join(names, " or "))
}

// newCompiler: -march=native was tried and is slower (g++ 12, AMD EPYC: 334 ns for 272 of a
// hash, 23.0 us for 21.5 of a sender); -O3 and -mbmi2 -madx change nothing. What gains is BMI1's
// and-not: 15% (Intel) to 25% (AMD) of a hash.
func newCompiler(command, version string) *compiler {
	c := &compiler{command: command, version: version, flags: []string{
		"-x", "c++", "-std=c++17", "-O2", "-Wall", "-fPIC", "-shared",
		"-fvisibility=hidden", "-fno-exceptions", "-fno-rtti", "-fno-strict-aliasing",
	}}
	if cpuid.CPU.Supports(cpuid.BMI1) {
		c.flags = append(c.flags, "-mbmi")
	}
	if sanitize := os.Getenv("GPUEVM_SANITIZE"); sanitize != "" {
		c.flags = append(c.flags, "-g", "-fsanitize="+sanitize, "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")
	}
	if gpuShaped() {
		c.flags = append(c.flags, "-DGPU_SHAPED")
	}
	c.kernels = newCache(CacheOptions{})
	return c
}

// object returns the path of a source's shared object, which is linked with others. Their
// names are hashes of what is in them.
func (c *compiler) object(in *cache, source, text string, with []string) (path string, cached bool, err error) {
	key, err := kernels.Hash(source, text, trailerMagic, c.version, strings.Join(c.flagsFor(with), " "), strings.Join(with, " "))
	if err != nil {
		return "", false, err
	}
	path, _, cached, err = in.get(entry{nameOf(source), key, ".so"}, func() ([]byte, error) {
		return c.build(source, text, with)
	})
	return path, cached, err
}

// flagsFor: what is linked with others was written by gpuevm/compiler, which has left little to
// improve; -O2 takes twice the time of -O1 for it.
func (c *compiler) flagsFor(with []string) []string {
	flags := slices.Clone(c.flags)
	if len(with) > 0 {
		flags = append(flags, "-O1")
	}
	return flags
}

// patience is what the compiler may take for one source, whoever wrote that.
const patience = 10 * time.Minute

func (c *compiler) build(source, text string, with []string) ([]byte, error) {
	work, err := os.MkdirTemp("", "gpuevm-build-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	if err := writeSources(work, source, text); err != nil {
		return nil, err
	}
	object := filepath.Join(work, "out.so")
	args := append(c.flagsFor(with), filepath.Base(source), "-o", object)
	if len(with) > 0 { // which are not in C++
		args = append(append(args, "-x", "none"), with...)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.command, args...)
	cmd.Dir = work
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%.4000s", c.command, source, err, out)
	}
	return os.ReadFile(object)
}

func writeSources(dir, source, text string) error {
	if text == "" {
		data, err := kernels.Sources.ReadFile(source)
		if err != nil {
			return fmt.Errorf("no kernel source %s: %w", source, err)
		}
		text = string(data)
	}
	files := map[string]string{filepath.Base(source): text}
	headers, err := kernels.Headers()
	if err != nil {
		return err
	}
	for name, text := range headers {
		files[name] = text
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
