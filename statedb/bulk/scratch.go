package bulk

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// scratch is a directory for temporary files. It is made when the first file is.
type scratch struct {
	fs      vfs.FS
	parent  string
	dir     string
	made    atomic.Bool
	files   atomic.Int64
	written atomic.Int64
}

const scratchPrefix = "bulk-tmp-"

var scratches atomic.Int64

func newScratch(fs vfs.FS, parent string) *scratch {
	name := fmt.Sprintf("%s%d-%d", scratchPrefix, os.Getpid(), scratches.Add(1))
	return &scratch{fs: fs, parent: parent, dir: fs.PathJoin(parent, name)}
}

// sweep removes what a process that was killed has left in a store's directory, which is
// locked: nobody else works there.
func sweep(fs vfs.FS, parent string) error {
	names, err := fs.List(parent)
	if err != nil {
		return err
	}
	own := fmt.Sprintf("%s%d-", scratchPrefix, os.Getpid())
	for _, name := range names {
		if strings.HasPrefix(name, scratchPrefix) && !strings.HasPrefix(name, own) {
			if err := fs.RemoveAll(fs.PathJoin(parent, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *scratch) create() (vfs.File, string, error) {
	if err := s.fs.MkdirAll(s.dir, 0o700); err != nil {
		return nil, "", fmt.Errorf("temporary directory %s: %w", s.dir, err)
	}
	s.made.Store(true)
	name := s.fs.PathJoin(s.dir, fmt.Sprintf("run-%d", s.files.Add(1)))
	f, err := s.fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, "", fmt.Errorf("temporary file: %w", err)
	}
	return f, name, nil
}

// remove takes everything away, with an error that came before or without.
func (s *scratch) remove(before error) error {
	if !s.made.Load() {
		return before
	}
	if err := s.fs.RemoveAll(s.dir); err != nil {
		return errors.Join(before, fmt.Errorf("temporary directory %s: %w", s.dir, err))
	}
	return before
}
