package statebench

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }

// watch is a stop watch that also knows the processor time used.
type watch struct {
	began, last time.Time
	cpu         time.Duration
}

func newWatch() *watch {
	w := new(watch)
	w.restart()
	return w
}

func (w *watch) restart() {
	w.began, w.cpu = time.Now(), cpuTime()
	w.last = w.began
}

// lap is the time since the last lap, in milliseconds.
func (w *watch) lap() float64 {
	now := time.Now()
	d := now.Sub(w.last)
	w.last = now
	return ms(d)
}

// cores is how many were in use between restart and the last lap.
func (w *watch) cores() float64 {
	if wall := w.last.Sub(w.began); wall > 0 {
		return float64(cpuTime()-w.cpu) / float64(wall)
	}
	return 0
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Settle waits until the process is idle, as after a compaction, but not for ever.
func Settle(ctx context.Context, most time.Duration) {
	const look, quiet = 100 * time.Millisecond, 5
	calm := 0
	for end := time.Now().Add(most); time.Now().Before(end) && calm < quiet && ctx.Err() == nil; {
		before := cpuTime()
		time.Sleep(look)
		if calm++; cpuTime()-before > look/10 {
			calm = 0
		}
	}
}

// DropPageCache makes the next reads come from the disk, if the machine lets us.
func DropPageCache() bool {
	syscall.Sync()
	return os.WriteFile("/proc/sys/vm/drop_caches", []byte("1"), 0) == nil
}

// Usage is what a process took for a phase of one side alone.
type Usage struct {
	HeapPeak int64 `json:"heap_peak_bytes"` // Go objects
	RSSPeak  int64 `json:"rss_peak_bytes"`
	Written  int64 `json:"written_bytes"` // to files, by the process: log, tables, compactions
	Blocks   int   `json:"blocks"`
}

// gauge samples memory until it is stopped.
type gauge struct {
	stop    chan struct{}
	done    sync.WaitGroup
	u       Usage
	written int64
}

func newGauge() *gauge {
	debug.FreeOSMemory()
	g := &gauge{stop: make(chan struct{}), written: written()}
	g.done.Go(func() {
		for {
			g.u.HeapPeak = max(g.u.HeapPeak, heap())
			g.u.RSSPeak = max(g.u.RSSPeak, status("VmRSS:")<<10)
			select {
			case <-g.stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	return g
}

func (g *gauge) end(blocks int) *Usage {
	close(g.stop)
	g.done.Wait()
	g.u.Written, g.u.Blocks = written()-g.written, blocks
	return &g.u
}

func heap() int64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64())
}

func status(field string) int64 { return procField("/proc/self/status", field) }

// written counts what write calls were given.
func written() int64 { return procField("/proc/self/io", "wchar:") }

// procField is a number of a file of the kernel's, 0 where there is none.
func procField(file, field string) int64 {
	raw, _ := os.ReadFile(file)
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, field); ok {
			if f := strings.Fields(rest); len(f) > 0 {
				n, _ := strconv.ParseInt(f[0], 10, 64)
				return n
			}
		}
	}
	return 0
}
