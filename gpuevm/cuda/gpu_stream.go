package cuda

import (
	"errors"
	"fmt"
	"sync"
	"time"
	"unsafe"
)

// gpuStream is a stream with what waits for its next Sync.
type gpuStream struct {
	handle handle
	mu     sync.Mutex
	timed  []span   // launches
	spare  []span   // events to use again
	keep   [][]byte // memory of copies, which the garbage collector must leave alone
}

// span is the events before and after a launch.
type span struct{ from, to handle }

func (g *gpu) NewStream() (s Stream, err error) {
	err = g.do(func() error {
		h, err := g.drv.newStream()
		if err != nil {
			return err
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		g.streams = append(g.streams, &gpuStream{handle: h})
		s = Stream(len(g.streams) - 1)
		return nil
	})
	return s, err
}

func (g *gpu) stream(s Stream) (*gpuStream, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s < 0 || int(s) >= len(g.streams) {
		return nil, fmt.Errorf("no stream %d", s)
	}
	return g.streams[s], nil
}

// on makes calls that a stream is asked for, with memory that must stay until its Sync.
func (g *gpu) on(s Stream, keep []byte, f func(*gpuStream) error) error {
	return g.do(func() error {
		stream, err := g.stream(s)
		if err != nil {
			return err
		}
		stream.mu.Lock()
		defer stream.mu.Unlock()
		if keep != nil {
			stream.keep = append(stream.keep, keep)
		}
		return f(stream)
	})
}

func (g *gpu) Upload(s Stream, dst Ptr, src []byte) error {
	return g.on(s, src, func(stream *gpuStream) error {
		if len(src) == 0 {
			return nil
		}
		return g.drv.upload(dst, unsafe.Pointer(&src[0]), len(src), stream.handle)
	})
}

func (g *gpu) Download(s Stream, dst []byte, src Ptr) error {
	return g.on(s, dst, func(stream *gpuStream) error {
		if len(dst) == 0 {
			return nil
		}
		return g.drv.download(unsafe.Pointer(&dst[0]), src, len(dst), stream.handle)
	})
}

func (g *gpu) Zero(s Stream, dst Ptr, bytes int) error {
	return g.on(s, nil, func(stream *gpuStream) error {
		if bytes <= 0 {
			return nil
		}
		return g.drv.zero(dst, bytes, stream.handle)
	})
}

func (g *gpu) Launch(s Stream, source, kernel string, lanes int, args []byte) error {
	if lanes <= 0 {
		return fmt.Errorf("%s: %s: launch of %d lanes", source, kernel, lanes)
	}
	own := make([]uint64, len(args)/8+1) // words, so that the struct is aligned
	in := unsafe.Slice((*byte)(unsafe.Pointer(&own[0])), len(args))
	copy(in, args)
	return g.on(s, nil, func(stream *gpuStream) error {
		k, err := g.kernel(source, kernel)
		if err != nil {
			return err
		}
		if k.params != 0 && k.params != len(args) {
			return fmt.Errorf("%s: %s takes %d bytes of arguments, not %d", source, kernel, k.params, len(args))
		}
		t, err := stream.span(g.drv)
		if err == nil {
			err = g.drv.record(t.from, stream.handle)
		}
		if err == nil {
			err = g.drv.launch(k.function, (lanes+k.block-1)/k.block, k.block, stream.handle, in)
		}
		if err == nil {
			err = g.drv.record(t.to, stream.handle)
		}
		if err != nil {
			stream.spare = append(stream.spare, t)
			return fmt.Errorf("%s: %s: %w", source, kernel, err)
		}
		stream.timed = append(stream.timed, t)
		return nil
	})
}

// span takes a pair of events from those that are spare, or makes one. What it returns with
// an error may be half made.
func (s *gpuStream) span(drv driver) (t span, err error) {
	if n := len(s.spare); n > 0 {
		t = s.spare[n-1]
		s.spare = s.spare[:n-1]
	}
	for _, e := range []*handle{&t.from, &t.to} {
		if *e == 0 && err == nil {
			*e, err = drv.newEvent()
		}
	}
	return t, err
}

func (g *gpu) Sync(s Stream) (spent time.Duration, err error) {
	err = g.do(func() error {
		stream, err := g.stream(s)
		if err != nil {
			return err
		}
		// Others may use the stream while this one waits; what they ask for is the next Sync's.
		stream.mu.Lock()
		timed, keep := stream.timed, stream.keep
		stream.timed, stream.keep = nil, nil
		stream.mu.Unlock()
		err = g.drv.sync(stream.handle)
		clear(keep)
		for _, t := range timed {
			if err != nil {
				break
			}
			var one time.Duration
			one, err = g.drv.elapsed(t.from, t.to)
			spent += one
		}
		stream.mu.Lock()
		stream.spare = append(stream.spare, timed...)
		stream.mu.Unlock()
		return err
	})
	return spent, err
}

func (s *gpuStream) close(drv driver) error {
	err := drv.sync(s.handle)
	for _, t := range append(s.timed, s.spare...) {
		for _, e := range []handle{t.from, t.to} {
			if e != 0 {
				err = errors.Join(err, drv.closeEvent(e))
			}
		}
	}
	return errors.Join(err, drv.closeStream(s.handle))
}
