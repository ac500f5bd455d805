package device

import (
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"sync"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/gpuevm/compiler"
	"github.com/gpuevm/gpuevm/gpuevm/cuda"
	"github.com/gpuevm/gpuevm/gpuevm/opcode"
)

// CompileMode is when codes are compiled.
type CompileMode int

const (
	CompileNever  CompileMode = iota
	CompileAuto               // those that run often
	CompileAlways             // all
)

// Compile says how codes are compiled. Until a code is, the interpreter runs it.
type Compile struct {
	Mode CompileMode
	// After is how often a code runs before it is compiled. Default: 32.
	After int
	// Wait makes a batch wait for what is to be compiled: for tests and benchmarks.
	Wait bool
	// Workers is how many units are compiled at once. Default: 1; with Wait, on all cores.
	Workers int
	// Queue is how many codes may wait; more ask again later. Default: 256.
	Queue int
	// Unit is how many codes go into one translation unit. One code alone is found in the
	// compiler's cache again, whatever else is compiled. Default: 1.
	Unit int
	// Text is the limit of a code's text in CUDA C. Default: compiler.DefaultText.
	Text int
	// Dir is the folder where compiled code is kept on disk, as gpuevm/cuda's CacheOptions.Dir:
	// empty is gpuevm in the user's cache directory. What went into it (code, fork, compilers,
	// architecture) is its key. A folder that can't be used is a warning: codes are then
	// compiled again by each process.
	Dir string
	// DirBytes is how much is kept there. Default: 1 GiB.
	DirBytes int64
	// Order is that of operations. Default: compiler.Parallel.
	Order compiler.Order

	log *slog.Logger // the engine's
}

func (c *Compile) fill() {
	if c.Wait && c.Workers == 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	for _, d := range []struct {
		field *int
		value int
	}{{&c.After, 32}, {&c.Workers, 1}, {&c.Queue, 256}, {&c.Unit, 1}, {&c.Text, compiler.DefaultText}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
}

// codeKey is what compiled code depends on besides the compiler.
type codeKey struct {
	hash     common.Hash
	revision opcode.Revision
}

// tier is how far a code has come.
type tier struct {
	code     []byte
	stage    stage
	function uint64
}

type stage uint8

const (
	interpreted stage = iota
	waiting           // or under way
	ready
	refused // ineligible, or failed: it stays with the interpreter
)

// tiers compiles codes in the background. All methods may be called on nil, which compiles
// nothing.
type tiers struct {
	dev     cuda.Device
	options *Compile
	count   *counters

	mu      sync.Mutex
	idle    *sync.Cond // nothing waits and nothing is under way, or closed
	codes   map[codeKey]*tier
	room    int // how many codes there may be before those that are not compiled are forgotten
	queue   []codeKey
	workers int
	closed  bool
	linker
}

// newTiers is nil where nothing is to be compiled, or can be.
func newTiers(dev cuda.Device, o *Compile, count *counters) *tiers {
	if o.Mode == CompileNever {
		return nil
	}
	if dev.Info().Kind == "cuda" {
		if err := cuda.ContractCompiler(); err != nil {
			o.log.Warn("codes are not compiled for this GPU: the interpreter runs them", "why", err)
			return nil
		}
	}
	dev.Keep(cuda.CacheOptions{Dir: o.Dir, Bytes: o.DirBytes, Log: o.log})
	t := &tiers{dev: dev, options: o, count: count, codes: make(map[codeKey]*tier)}
	t.idle = sync.NewCond(&t.mu)
	return t
}

// met notes a code that comes to the device, and returns its function, if it has one.
func (t *tiers) met(k codeKey, code []byte) uint64 {
	if t == nil || len(code) == 0 {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.codes[k]
	if c == nil {
		if len(t.codes) >= t.room {
			t.forget()
		}
		c = &tier{code: code}
		t.codes[k] = c
	}
	if t.options.Mode == CompileAlways {
		t.ask(k)
	}
	return c.function
}

// mostMet is how many codes are kept at least, at up to 48 KB each.
const mostMet = 4096

// forget lets go of the codes with which nothing was done yet: they begin anew when they come to the
// device again.
func (t *tiers) forget() {
	for k, c := range t.codes {
		if c.stage == interpreted {
			delete(t.codes, k)
		}
	}
	t.room = len(t.codes) + mostMet
}

// ask puts a code into the queue, if there is room.
func (t *tiers) ask(k codeKey) {
	c := t.codes[k]
	if c == nil || c.stage != interpreted || t.closed || (len(t.queue) >= t.options.Queue && !t.options.Wait) {
		return
	}
	c.stage = waiting
	t.queue = append(t.queue, k)
}

// start sets workers to work on what waits.
func (t *tiers) start() {
	for n := (len(t.queue) + t.options.Unit - 1) / t.options.Unit; t.workers < min(n, t.options.Workers); {
		t.workers++
		go t.work()
	}
}

// work compiles what waits, and sees to it that it is linked.
func (t *tiers) work() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.queue) > 0 && !t.closed {
		n := min(t.options.Unit, len(t.queue))
		u := &unit{keys: slices.Clone(t.queue[:n])}
		t.queue = t.queue[n:]
		codes := make([][]byte, n)
		for i, k := range u.keys {
			codes[i] = t.codes[k].code
		}
		t.mu.Unlock()
		t.compile(u, codes)
		t.mu.Lock()
		if u.object != nil {
			t.add(u)
		}
	}
	t.link()
	t.workers--
	t.idle.Broadcast()
}

// refuse leaves a code with the interpreter for good.
func (t *tiers) refuse(k codeKey, err error) {
	var ineligible *compiler.Ineligible
	if errors.As(err, &ineligible) {
		t.count.ineligible.Add(1)
	} else {
		t.count.notCompiled.Add(1)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.codes[k].stage, t.codes[k].code = refused, nil
}

func (t *tiers) close() {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	t.idle.Broadcast()
}

// promote asks for the codes that have run often.
func (m *machine) promote() {
	t := m.tiers
	if t == nil || t.options.Mode != CompileAuto {
		return
	}
	list := m.table.codes.ran(t.options.After)
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, hash := range list {
		t.ask(codeKey{hash, m.table.codes.revision})
	}
	t.start()
}
