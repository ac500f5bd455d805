package uring

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Reader reads through a few rings: submissions to one ring wait for one another. Safe for
// concurrent use.
type Reader struct {
	rings []*ring
	turn  atomic.Uint32
}

const (
	mostRings = 4
	// ringSize is how many reads a ring has under way at most. It is less than what its
	// completion queue holds, which so can't overflow.
	ringSize = 64
)

// New makes a Reader, or fails with ErrUnsupported.
func New() (*Reader, error) {
	r := &Reader{}
	for range min(runtime.GOMAXPROCS(0), mostRings) {
		ring, err := newRing(ringSize)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%w: %w", ErrUnsupported, err), r.Close())
		}
		r.rings = append(r.rings, ring)
	}
	return r, nil
}

// ReadAt fills p from a file's offset on. It does so or it does not: where the file ends
// before, or something fails, or too much is under way, what is in p is undefined, and an
// ordinary read says why. Nobody may close the file meanwhile.
func (r *Reader) ReadAt(fd uintptr, p []byte, off int64) (done bool) {
	if len(p) == 0 {
		return true
	}
	if n, err := unix.Preadv2(int(fd), [][]byte{p}, off, unix.RWF_NOWAIT); err == nil && n == len(p) {
		return true // from the page cache, at a third of what a ring takes
	}
	return r.wait(fd, p, off)
}

// wait is ReadAt for what is not in memory.
func (r *Reader) wait(fd uintptr, p []byte, off int64) (done bool) {
	return r.rings[int(r.turn.Add(1))%len(r.rings)].read(int32(fd), p, off)
}

// Close ends the Reader, which nobody may use any more.
func (r *Reader) Close() error {
	var err error
	for _, ring := range r.rings {
		err = errors.Join(err, ring.close())
	}
	return err
}

// poll passes completions on until the ring is closed.
func (r *ring) poll(done chan<- struct{}) {
	defer close(done)
	var count [8]byte
	for {
		if _, err := r.event.Read(count[:]); err != nil {
			if !errors.Is(err, os.ErrClosed) {
				continue // nobody else would wake who waits
			}
			return
		}
		r.reap()
	}
}
