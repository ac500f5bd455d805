package specfile

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// File is one file of tests.
type File struct {
	Archive string // name without .tar.gz; empty for a loose file
	Name    string // path, inside the archive where there is one
	Data    []byte
}

// Read calls yield for every test file at path, in order, until it says no more: path is
// a .json file, a .tar.gz archive of them, or a folder, which is searched for both.
// wanted, where it is not nil, is asked before a file's content is read.
func Read(path string, wanted func(name string) bool, yield func(File) error) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return readOne(path, wanted, yield)
	}
	return filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !isTestFile(p) && !IsArchive(p) {
			return err
		}
		return readOne(p, wanted, yield)
	})
}

func readOne(path string, wanted func(string) bool, yield func(File) error) error {
	if IsArchive(path) {
		if err := readArchive(path, wanted, yield); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	}
	if wanted != nil && !wanted(path) {
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return yield(File{Name: path, Data: data})
}

func readArchive(path string, wanted func(string) bool, yield func(File) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	gz, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	archive := strings.TrimSuffix(filepath.Base(path), ".tar.gz")
	for tr := tar.NewReader(gz); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg || !isTestFile(h.Name) || wanted != nil && !wanted(h.Name) {
			continue
		}
		data := make([]byte, h.Size)
		if _, err := io.ReadFull(tr, data); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
		if err := yield(File{Archive: archive, Name: h.Name, Data: data}); err != nil {
			return err
		}
	}
}

// IsArchive reports whether a path is that of an archive of tests.
func IsArchive(path string) bool  { return strings.HasSuffix(path, ".tar.gz") }
func isTestFile(path string) bool { return filepath.Ext(path) == ".json" && !isHidden(path) }

// isHidden tells the index that execution-spec-tests puts beside its fixtures.
func isHidden(path string) bool { return strings.Contains(path, "/.meta/") }
