package bulk

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/gpuevm/gpuevm/statedb/store"
)

// fullDisk is a file system that has room for so many bytes.
type fullDisk struct {
	vfs.FS
	room atomic.Int64
}

func (d *fullDisk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.Create(name, c)
	return &fullFile{f, d}, err
}

type fullFile struct {
	vfs.File
	d *fullDisk
}

func (f *fullFile) Write(p []byte) (int, error) {
	if f.d.room.Add(-int64(len(p))) < 0 {
		return 0, syscall.ENOSPC
	}
	return f.File.Write(p)
}

// bigAlloc has one account with so many slots.
func bigAlloc(slots int) types.GenesisAlloc {
	alloc := randomAlloc(41, 20, 10)
	a := types.Account{Balance: new(big.Int), Storage: make(map[common.Hash]common.Hash, slots)}
	for i := range uint64(slots) {
		a.Storage[word(i)] = word(i + 1)
	}
	alloc[common.Address{7}] = a
	return alloc
}

func empty(t *testing.T, fs vfs.FS) {
	t.Helper()
	if left, _ := fs.List("tmp"); len(left) > 0 {
		t.Errorf("temporary files are left: %v", left)
	}
}

// TestTempFull: where there is no room for runs, that is the error, and nothing is left.
func TestTempFull(t *testing.T) {
	alloc := bigAlloc(20_000)
	s, _ := imported(t, Alloc(alloc), common.Hash{}, Options{})
	for _, room := range []int64{0, 100_000, 1_000_000} {
		disk := &fullDisk{FS: vfs.NewMem()}
		disk.room.Store(room)
		opt := Options{Memory: 1 << 20, FS: disk, Temp: "tmp"}
		if _, err := Verify(t.Context(), s, opt); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("room for %d: %v", room, err)
		}
		empty(t, disk)
		disk.room.Store(room)
		half := memStore(t)
		if _, err := Import(t.Context(), half, 0, common.Hash{1}, common.Hash{}, Alloc(alloc), opt); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("room for %d: %v", room, err)
		}
		empty(t, disk)
		if err := half.Close(); !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
	clean(t, s, Options{})
}

// shortDisk loses the last bytes of every file it is asked to read, or flips one.
type shortDisk struct {
	vfs.FS
	flip bool
}

func (d *shortDisk) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	f, err := d.FS.Open(name, opts...)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	return &shortFile{f, d, st.Size() / 2}, err
}

type shortFile struct {
	vfs.File
	d  *shortDisk
	at int64
}

func (f *shortFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(p, off)
	if f.at < off || f.at >= off+int64(n) {
		if !f.d.flip && off > f.at {
			return 0, io.EOF
		}
		return n, err
	}
	if f.d.flip {
		p[f.at-off] ^= 1
		return n, err
	}
	return int(f.at - off), io.EOF
}

// TestBadRuns: a temporary file that was cut off or damaged is an error, and no wrong root.
func TestBadRuns(t *testing.T) {
	s, _ := imported(t, Alloc(bigAlloc(20_000)), common.Hash{}, Options{})
	for _, flip := range []bool{false, true} {
		disk := &shortDisk{vfs.NewMem(), flip}
		rep, err := Verify(t.Context(), s, Options{Memory: 1 << 20, FS: disk, Temp: "tmp"})
		if err == nil || !strings.Contains(err.Error(), "temporary file tmp/bulk-tmp-") || !flip && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatal(err)
		}
		if rep.Problems[WrongRoot] > 0 {
			t.Fatal(rep)
		}
		empty(t, disk)
	}
}

// TestCancel cancels at various moments: that is the error, nothing is left, nobody is left.
func TestCancel(t *testing.T) {
	alloc := bigAlloc(20_000)
	s, _ := imported(t, Alloc(alloc), common.Hash{}, Options{})
	stopped := errors.New("enough")
	for _, after := range []int{0, 1, 3, 10, 20} {
		fs := vfs.NewMem()
		// soon is a context that ends after so many calls of Progress.
		soon := func() (context.Context, Options) {
			ctx, cancel := context.WithCancelCause(t.Context())
			t.Cleanup(func() { cancel(nil) })
			calls := 0
			return ctx, Options{Memory: 1 << 20, FS: fs, Temp: "tmp", Progress: func(int64, int64) {
				if calls++; calls > after {
					cancel(stopped)
				}
			}}
		}
		ctx, opt := soon()
		rep, err := Verify(ctx, s, opt)
		if err != nil && !errors.Is(err, stopped) || after == 0 && err == nil {
			t.Fatal(err)
		}
		if err := rep.Err(); err != nil {
			t.Fatalf("cancelled after %d calls: %v", after, err)
		}
		empty(t, fs)
		ctx, opt = soon()
		half := vfs.NewMem()
		to := open(t, half)
		if _, err := Import(ctx, to, 0, common.Hash{1}, common.Hash{}, Alloc(alloc), opt); !errors.Is(err, stopped) {
			t.Fatal(err)
		}
		empty(t, fs)
		_ = to.Close()
		_, err = store.Open("db", store.Options{FS: half})
		if !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), "load was not finished") {
			t.Fatalf("half a state opens: %v", err)
		}
	}
}

// TestClose closes the store under a verification.
func TestClose(t *testing.T) {
	s, _ := imported(t, Alloc(bigAlloc(20_000)), common.Hash{}, Options{})
	closing := make(chan error, 1)
	started := false
	_, err := Verify(t.Context(), s, Options{Memory: 1 << 20, FS: vfs.NewMem(), Progress: func(int64, int64) {
		if !started {
			started = true
			go func() { closing <- s.Close() }()
			for s.Head(); !errors.Is(s.Load(0, common.Hash{1}, common.Hash{1}, nil), store.ErrClosed); { // until it has begun
			}
		}
	}})
	if err != nil && !errors.Is(err, store.ErrClosed) {
		t.Fatal(err)
	}
	if err := <-closing; err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(t.Context(), s, Options{}); !errors.Is(err, store.ErrClosed) {
		t.Fatal(err)
	}
}

// TestSweep: what a killed process has left is removed, what others have in a directory of
// theirs is not.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	left := filepath.Join(dir, scratchPrefix+"0-1")
	if err := os.MkdirAll(left, 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := Import(t.Context(), s, 0, common.Hash{1}, common.Hash{}, Alloc(bigAlloc(20_000)), Options{Memory: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(dir, scratchPrefix+"*"))
	if err != nil || len(names) > 0 {
		t.Fatal(names, err)
	}
	clean(t, s, Options{Memory: 1 << 20})
}

type funcSource func(to Sink) (common.Hash, error)

func (f funcSource) Each(_ context.Context, to Sink) (common.Hash, error) { return f(to) }

// TestSources: what sources may do wrong.
func TestSources(t *testing.T) {
	some := Account{Addr: common.Address{1}, Nonce: 1}
	broken := errors.New("the source is broken")
	for name, c := range map[string]struct {
		source funcSource
		says   string
	}{
		"twice": {func(to Sink) (common.Hash, error) {
			return common.Hash{}, errors.Join(to.Account(some), to.Account(some))
		}, "comes twice"},
		"a slot of nobody": {func(to Sink) (common.Hash, error) {
			return common.Hash{}, errors.Join(to.Account(some), to.Slot(word(1), word(1)))
		}, "slots of no account"},
		"many slots of nobody": {func(to Sink) (common.Hash, error) {
			for i := range uint64(5000) {
				if err := to.Slot(word(i), word(1)); err != nil {
					return common.Hash{}, err
				}
			}
			return common.Hash{}, nil
		}, "slots of no account"},
		"many, one twice": {func(to Sink) (common.Hash, error) {
			for i := range uint64(5000) {
				if err := to.Slot(word(i%4999), word(1)); err != nil {
					return common.Hash{}, err
				}
			}
			return common.Hash{}, to.Account(some)
		}, "comes twice"},
		"another root": {func(to Sink) (common.Hash, error) { return common.Hash{5}, to.Account(some) }, "state root"},
		"no code": {func(to Sink) (common.Hash, error) {
			return common.Hash{}, to.Account(Account{CodeHash: common.Hash{1}})
		}, "its code"},
		"another code": {func(to Sink) (common.Hash, error) {
			return common.Hash{}, to.Account(Account{CodeHash: common.Hash{1}, Code: []byte{1}})
		}, "its code has hash"},
		"broken":        {func(to Sink) (common.Hash, error) { return common.Hash{}, broken }, "is broken"},
		"broken, later": {func(to Sink) (common.Hash, error) { return common.Hash{}, errors.Join(to.Account(some), broken) }, "is broken"},
	} {
		t.Run(name, func(t *testing.T) {
			fs := vfs.NewMem()
			_, err := Import(t.Context(), memStore(t), 0, common.Hash{1}, common.Hash{}, c.source, Options{Memory: 1 << 20, FS: fs, Temp: "tmp"})
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%v, want %q", err, c.says)
			}
			empty(t, fs)
		})
	}
}

// TestSorter compares with slices.Sort, for numbers of records around what fits.
func TestSorter(t *testing.T) {
	rng := rand.New(rand.NewPCG(51, 1))
	for _, n := range []int{0, 1, 63, 64, 65, 128, 1000, 64 * fan * 3, 64*fan*fan + 17} {
		fs := vfs.NewMem()
		dir := newScratch(fs, "tmp")
		s := newSorter(dir, 40, 1) // 64 records at a time
		var want []string
		for range n {
			rec := make([]byte, 40)
			for i := range rec {
				rec[i] = byte(rng.Uint32())
			}
			if rng.IntN(3) > 0 {
				rec[0] &= 0x3f // leaves nibbles empty
			}
			want = append(want, string(rec))
			if err := s.add(rec); err != nil {
				t.Fatal(err)
			}
		}
		slices.Sort(want)
		if err := s.done(); err != nil {
			t.Fatal(err)
		}
		if len(s.runs) > 4*fan || s.total() != n {
			t.Fatalf("%d runs, %d of %d records", len(s.runs), s.total(), n)
		}
		for _, bounds := range [][2]int{{0, 15}, {0, 0}, {3, 3}, {9, 15}, {15, 15}} {
			i, _ := slices.BinarySearch(want, string([]byte{byte(bounds[0]) << 4}))
			m, err := s.merge(bounds[0], bounds[1])
			if err != nil {
				t.Fatal(err)
			}
			for {
				rec, err := m.next()
				if err != nil {
					t.Fatal(err)
				}
				if rec == nil {
					break
				}
				if !bytes.Equal(rec, []byte(want[i])) {
					t.Fatalf("%d records, %v: number %d is wrong", n, bounds, i)
				}
				i++
			}
			if i < n && int(want[i][0]>>4) <= bounds[1] {
				t.Fatalf("%d records, %v: ends at %d", n, bounds, i)
			}
		}
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
		if files, _ := fs.List(dir.dir); len(files) > 0 {
			t.Fatal(files)
		}
		if err := dir.remove(nil); err != nil {
			t.Fatal(err)
		}
	}
}
