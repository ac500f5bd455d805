package kernels_test

import (
	"encoding/binary"
	"errors"
	"os"
	"testing"

	"github.com/gpuevm/gpuevm/gpuevm/cuda"
)

// eachDevice runs a test on every device there is; the host always is.
func eachDevice(t *testing.T, test func(t *testing.T, dev cuda.Device)) {
	ran := false
	for _, name := range []string{"host", "cuda"} {
		dev, err := cuda.Open(name)
		if err == nil {
			err = dev.Load("test_u256.cu", "") // kernels for tests are compiled here, or not at all
		}
		switch {
		case name == "cuda" && err != nil && os.Getenv("GPUEVM_REQUIRE_GPU") != "":
			t.Fatal(err)
		case errors.Is(err, cuda.ErrNoDevice), errors.Is(err, cuda.ErrNoCompiler):
			t.Log(err)
		case err != nil:
			t.Fatal(err)
		default:
			ran = true
			t.Run(name, func(t *testing.T) { test(t, dev) })
		}
		if dev != nil {
			if err := dev.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	if !ran {
		t.Skip("neither a C++ compiler nor a GPU")
	}
}

// buffer is what a kernel reads, or where it writes.
type buffer struct {
	bytes []byte
	out   bool
}

func in(b []byte) buffer  { return buffer{b, false} }
func out(b []byte) buffer { return buffer{b, true} }

// loaded is a kernel with its arguments: a count, a number, and addresses of buffers.
type loaded struct {
	tb             testing.TB
	dev            cuda.Device
	source, kernel string
	args           []byte
	buffers        []buffer
	addresses      []cuda.Ptr
}

func load(tb testing.TB, dev cuda.Device, source, kernel string, count, number uint32, buffers ...buffer) *loaded {
	tb.Helper()
	l := &loaded{tb: tb, dev: dev, source: source, kernel: kernel, buffers: buffers}
	l.args = binary.LittleEndian.AppendUint32(l.args, count)
	l.args = binary.LittleEndian.AppendUint32(l.args, number)
	for _, b := range buffers {
		p, err := dev.Alloc(len(b.bytes))
		l.check(err)
		if !b.out {
			l.check(dev.Upload(0, p, b.bytes))
		}
		l.args = binary.LittleEndian.AppendUint64(l.args, uint64(p))
		l.addresses = append(l.addresses, p)
	}
	return l
}

func (l *loaded) launch(lanes int) {
	l.tb.Helper()
	l.check(l.dev.Launch(0, l.source, l.kernel, lanes, l.args))
}

// close fetches what was written, and frees.
func (l *loaded) close() {
	l.tb.Helper()
	for i, b := range l.buffers {
		if b.out {
			l.check(l.dev.Download(0, b.bytes, l.addresses[i]))
		}
	}
	_, err := l.dev.Sync(0)
	l.check(err)
	for _, p := range l.addresses {
		l.check(l.dev.Free(p))
	}
}

func (l *loaded) check(err error) {
	l.tb.Helper()
	if err != nil {
		l.tb.Fatal(err)
	}
}

func runKernel(tb testing.TB, dev cuda.Device, source, kernel string, count, number uint32, buffers ...buffer) {
	tb.Helper()
	l := load(tb, dev, source, kernel, count, number, buffers...)
	l.launch(dev.Info().Lanes)
	l.close()
}

// benchmarkKernel reports the time of one item on one lane of the host. make gives the
// buffers of n items.
func benchmarkKernel(b *testing.B, source, kernel string, number uint32, make func(n int) []buffer) {
	dev, err := cuda.OpenHost()
	if err != nil {
		b.Skip(err)
	}
	defer dev.Close()
	const n = 256
	l := load(b, dev, source, kernel, n, number, make(n)...)
	defer l.close()
	l.launch(1)
	b.ResetTimer()
	for range b.N {
		l.launch(1)
	}
	_, err = dev.Sync(0)
	l.check(err)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/item")
}
