package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/gpuevm"
)

// loaded is a store of n accounts with some blocks after them.
func loaded(t *testing.T, opt Options, n uint64) *Store {
	t.Helper()
	s, err := Open(worldDir, opt)
	if err != nil {
		t.Fatal(err)
	}
	err = s.Load(5, common.Hash{1}, common.Hash{2}, func(l *Loader) error { return fillMany(l, n, 3) })
	if err != nil {
		t.Fatal(err)
	}
	chain(t, s, common.Hash{1}, 6, 3, counting)
	if err := s.Sync(context.Background()); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestTornBatch: a batch of which only the first or the last records came to be on disk is found
// on opening, in the log and in tables, and the blocks are named.
func TestTornBatch(t *testing.T) {
	for name, keep := range map[string]func(first, second *pebble.Batch) *pebble.Batch{
		"first half":  func(first, _ *pebble.Batch) *pebble.Batch { return first },
		"second half": func(_, second *pebble.Batch) *pebble.Batch { return second },
	} {
		for _, flushed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, flushed %v", name, flushed), func(t *testing.T) {
				opt := smallOptions(vfs.NewMem())
				s := loaded(t, opt, 5000)
				s.opt.seams.apply = func(s *Store, batch *pebble.Batch, sync bool) error {
					return s.apply(keep(halves(s.db, batch)), sync)
				}
				at := s.Head()
				chain(t, s, at.Hash, at.Height+1, 1, counting)
				if flushed {
					if err := s.db.Flush(); err != nil {
						t.Fatal(err)
					}
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				if err := opt.FS.Remove(opt.FS.PathJoin(worldDir, ackName)); err != nil { // which knows, too
					t.Fatal(err)
				}
				for _, opt.ReadOnly = range []bool{true, false} {
					_, err := Open(worldDir, opt)
					if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), fmt.Sprintf("block %d", at.Height+1)) ||
						!strings.Contains(err.Error(), "not whole") {
						t.Fatal(err)
					}
				}
			})
		}
	}
}

// counted is a file system that counts what is read from it.
type counted struct {
	vfs.FS
	bytes *atomic.Int64
}

type countedFile struct {
	vfs.File
	bytes *atomic.Int64
}

func (c counted) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	f, err := c.FS.Open(name, opts...)
	if err != nil {
		return nil, err
	}
	return countedFile{f, c.bytes}, nil
}

func (f countedFile) ReadAt(p []byte, off int64) (int, error) {
	f.bytes.Add(int64(len(p)))
	return f.File.ReadAt(p, off)
}

func (f countedFile) Read(p []byte) (int, error) {
	f.bytes.Add(int64(len(p)))
	return f.File.Read(p)
}

// TestOpenReadsLittle: what opening reads does not grow with the state.
func TestOpenReadsLittle(t *testing.T) {
	var read [2]int64
	for i, n := range []uint64{5_000, 40_000} {
		mem := vfs.NewMem()
		opt := smallOptions(mem)
		s := loaded(t, opt, n)
		for _, step := range []func() error{s.db.Flush, func() error { return s.db.Compact(t.Context(), []byte{0}, []byte{0xff}, false) }} {
			if err := step(); err != nil {
				t.Fatal(err)
			}
		}
		// Another block, so that there is something after the tables.
		chain(t, s, s.Head().Hash, s.Head().Height+1, 1, counting)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		var bytes atomic.Int64
		opt.FS = counted{mem, &bytes}
		s, err := Open(worldDir, opt)
		if err != nil {
			t.Fatal(err)
		}
		read[i] = bytes.Load()
		v, err := s.ViewBlock(s.Head().Hash)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := v.Read(key(person(n-1), gpuevm.Nonce)); err != nil || got != number(n-1) {
			t.Error(got, err)
		}
		v.Close()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d bytes read to open 5,000 accounts, %d to open 40,000", read[0], read[1])
	if read[1] > 3*read[0] {
		t.Errorf("opening eight times the accounts reads %d bytes, not %d", read[1], read[0])
	}
}
