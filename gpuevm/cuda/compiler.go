package cuda

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gpuevm/gpuevm/kernels"
)

// compiler is the system's C++ compiler with a cache of what it made: shared objects under
// the hash of all that went into them, each with its own hash at its end, so that a file cut
// short or damaged is seen and made again.
type compiler struct {
	command string
	version string
	flags   []string
	dir     string
}

const sumSize = sha256.Size

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
// hash, 23.0 us for 21.5 of a sender); -O3 and -mbmi2 -madx change nothing. Native code tuned
// for no processor gains 13% on the hash, nothing on the sender: not worth a cache per processor.
func newCompiler(command, version string) *compiler {
	c := &compiler{command: command, version: version, flags: []string{
		"-x", "c++", "-std=c++17", "-O2", "-Wall", "-fPIC", "-shared",
		"-fvisibility=hidden", "-fno-exceptions", "-fno-rtti", "-fno-strict-aliasing",
	}}
	if sanitize := os.Getenv("GPUEVM_SANITIZE"); sanitize != "" {
		c.flags = append(c.flags, "-g", "-fsanitize="+sanitize, "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")
	}
	if gpuShaped() {
		c.flags = append(c.flags, "-DGPU_SHAPED")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = filepath.Join(os.TempDir(), fmt.Sprintf("cache-%d", os.Getuid()))
	}
	c.dir = filepath.Join(cache, "gpuevm")
	return c
}

// object returns the path of a source's shared object, which is linked with others. Their
// names are hashes of what is in them.
func (c *compiler) object(source, text string, with []string) (path string, cached bool, err error) {
	sum, err := kernels.Hash(source, text, c.version, strings.Join(c.flagsFor(with), " "), strings.Join(with, " "))
	if err != nil {
		return "", false, err
	}
	path = filepath.Join(c.dir, strings.TrimSuffix(filepath.Base(source), ".cu")+"-"+sum[:24]+".so")
	if sound(path) {
		return path, true, nil
	}
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return "", false, err
	}
	unlock, err := lock(path + ".lock") // the others wait instead of compiling the same
	if err != nil {
		return "", false, err
	}
	defer unlock()
	if sound(path) {
		return path, true, nil
	}
	c.prune()
	return path, false, c.build(source, text, path, with)
}

// sound says whether a cached file is there and whole.
func sound(path string) bool {
	data, err := os.ReadFile(path)
	if err != nil || len(data) < sumSize {
		return false
	}
	n := len(data) - sumSize
	sum := sha256.Sum256(data[:n])
	if !bytes.Equal(sum[:], data[n:]) {
		return false
	}
	now := time.Now()
	_ = os.Chtimes(path, now, now) // prune goes by when it was last used
	return true
}

func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}

// prune removes what nobody has used for a month.
func (c *compiler) prune() {
	entries, _ := os.ReadDir(c.dir)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > 30*24*time.Hour {
			_ = os.RemoveAll(filepath.Join(c.dir, e.Name()))
		}
	}
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

func (c *compiler) build(source, text, path string, with []string) error {
	work, err := os.MkdirTemp(c.dir, "build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := writeSources(work, source, text); err != nil {
		return err
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
		return fmt.Errorf("%s %s: %w\n%.4000s", c.command, source, err, out)
	}
	data, err := os.ReadFile(object)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	if err := os.WriteFile(object, append(data, sum[:]...), 0o755); err != nil {
		return err
	}
	return os.Rename(object, path)
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
