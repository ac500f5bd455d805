package uring

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB) *Reader {
	r, err := New()
	if errors.Is(err, ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func file(t testing.TB, size int) (*os.File, []byte) {
	data := make([]byte, size)
	rand.New(rand.NewSource(1)).Read(data)
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, data
}

type reading func(fd uintptr, p []byte, off int64) (done bool)

// both does a test with what the page cache has, and without looking there.
func both(t *testing.T, test func(*testing.T, reading)) {
	r := open(t)
	t.Run("cached", func(t *testing.T) { test(t, r.ReadAt) })
	t.Run("ring", func(t *testing.T) { test(t, r.wait) })
}

// More goroutines than a ring has places read what is there.
func TestReads(t *testing.T) { both(t, testReads) }

func testReads(t *testing.T, read reading) {
	f, data := file(t, 1<<22)
	var wg sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for g := range 500 {
		wg.Go(func() {
			rnd := rand.New(rand.NewSource(int64(g)))
			for range 20 {
				p := make([]byte, 1+rnd.Intn(20_000))
				off := rnd.Intn(len(data) - len(p))
				if !read(f.Fd(), p, int64(off)) {
					continue
				}
				mu.Lock()
				done++
				mu.Unlock()
				if !bytes.Equal(p, data[off:off+len(p)]) {
					t.Errorf("%d bytes at %d are not what the file has", len(p), off)
				}
			}
		})
	}
	wg.Wait()
	if done < 1_000 {
		t.Errorf("%d of 10000 reads were done", done)
	}
}

// What can't be read whole is not read, and the reader goes on.
func TestNotDone(t *testing.T) { both(t, testNotDone) }

func testNotDone(t *testing.T, read reading) {
	f, data := file(t, 10_000)
	closed, _ := file(t, 1)
	fd := closed.Fd()
	closed.Close()
	p := make([]byte, 100)
	for range 3 * ringSize * mostRings {
		switch {
		case read(f.Fd(), p, int64(len(data)-99)):
			t.Fatal("read beyond the end of the file")
		case read(f.Fd(), p, 1<<40):
			t.Fatal("read far beyond the end of the file")
		case read(f.Fd(), p, -1<<62):
			t.Fatal("read before the file")
		case read(fd, p, 0):
			t.Fatal("read a closed file")
		case !read(f.Fd(), p, int64(len(data)-100)) || !bytes.Equal(p, data[len(data)-100:]):
			t.Fatal("did not read the end of the file")
		}
	}
}

// BenchmarkCached is what a read costs that needs no disk, beside pread.
func BenchmarkCached(b *testing.B) {
	f, _ := file(b, 1<<22)
	p := make([]byte, 4096)
	r := open(b)
	b.Run("reader", func(b *testing.B) {
		for i := range b.N {
			if !r.ReadAt(f.Fd(), p, int64(i%1000)*4096) {
				b.Fatal("not done")
			}
		}
	})
	b.Run("ring", func(b *testing.B) {
		for i := range b.N {
			if !r.wait(f.Fd(), p, int64(i%1000)*4096) {
				b.Fatal("not done")
			}
		}
	})
	b.Run("pread", func(b *testing.B) {
		for i := range b.N {
			if _, err := f.ReadAt(p, int64(i%1000)*4096); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkCold is 2,450 reads that need the disk, 15 us of work after each: nanoseconds a
// read.
func BenchmarkCold(b *testing.B) {
	f, data := file(b, 64<<20)
	if err := f.Sync(); err != nil {
		b.Fatal(err)
	}
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_RANDOM); err != nil {
		b.Fatal(err)
	}
	r := open(b)
	pread := func(_ uintptr, p []byte, off int64) bool {
		_, err := f.ReadAt(p, off)
		return err == nil
	}
	const reads = 2450
	for _, many := range []int{8, 16, 32} {
		for _, way := range []struct {
			name string
			read reading
		}{{"reader", r.ReadAt}, {"pread", pread}} {
			b.Run(fmt.Sprintf("%s-%d", way.name, many), func(b *testing.B) {
				for range b.N {
					b.StopTimer()
					if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
						b.Fatal(err)
					}
					order := rand.Perm(len(data) / 4096)[:reads]
					b.StartTimer()
					var next atomic.Int32
					var wg sync.WaitGroup
					for range many {
						wg.Go(func() {
							p := make([]byte, 4096)
							for i := next.Add(1) - 1; i < reads; i = next.Add(1) - 1 {
								if !way.read(f.Fd(), p, int64(order[i])*4096) {
									b.Error("not done")
								}
								for begin := time.Now(); time.Since(begin) < 15*time.Microsecond; {
								}
							}
						})
					}
					wg.Wait()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*reads), "ns/read")
			})
		}
	}
}
