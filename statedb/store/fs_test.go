package store

import (
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/statedb/internal/uring"
)

// Tables on the operating system's file system are read through a ring, where there is one;
// others, which may be wrapped to see all reads, are not.
func TestTablesThroughRing(t *testing.T) {
	ring, err := uring.New()
	if err != nil {
		t.Skip(err)
	}
	if err := ring.Close(); err != nil {
		t.Fatal(err)
	}
	if d := newDisk(vfs.NewMem(), nil); d.reads != nil {
		t.Error("a file system in memory is read through a ring")
	}
	dir := t.TempDir()
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	owner, path, blob := common.Hash{1}, []byte{1, 2, 3, 4, 5}, []byte("a node of thirty-two bytes or more")
	err = s.Load(1, common.Hash{1}, common.Hash{2}, func(l *Loader) error {
		return l.Node(Node{Owner: owner, Path: path, Hash: hashOf(blob), Blob: blob})
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(dir, Options{}); err != nil {
		t.Fatal(err)
	}
	if s.fs.reads == nil {
		t.Fatal("no ring")
	}
	tables, err := vfs.Default.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, name := range tables {
		if strings.HasSuffix(name, ".sst") {
			f, err := s.fs.Open(vfs.Default.PathJoin(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := f.(*tableFile); !ok {
				t.Errorf("%s is read by %T", name, f)
			}
			n++
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n == 0 {
		t.Error("no tables")
	}
	if got, err := s.Node(owner, path, hashOf(blob)); err != nil || string(got) != string(blob) {
		t.Errorf("node %q, %v", got, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
