package device

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

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
	// Workers is how many units are compiled at once. Default: 1.
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

// unit is a translation unit: some codes that are compiled together.
type unit struct {
	source string
	keys   []codeKey
}

// tiers compiles codes in the background. All methods may be called on nil, which compiles
// nothing.
type tiers struct {
	dev     cuda.Device
	options *Compile
	count   *counters

	mu       sync.Mutex
	idle     *sync.Cond // nothing waits and nothing is under way, or closed
	codes    map[codeKey]*tier
	queue    []codeKey
	workers  int
	finished []unit
	closed   bool
}

// newTiers is nil where nothing is to be compiled, or the device can't link it.
func newTiers(dev cuda.Device, o *Compile, count *counters) *tiers {
	if o.Mode == CompileNever || dev.Info().Kind != "host" {
		return nil
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
		c = &tier{code: code}
		t.codes[k] = c
	}
	if t.options.Mode == CompileAlways {
		t.ask(k)
	}
	return c.function
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

func (t *tiers) work() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.queue) > 0 && !t.closed {
		n := min(t.options.Unit, len(t.queue))
		u := unit{keys: append([]codeKey(nil), t.queue[:n]...)}
		t.queue = t.queue[n:]
		u.source = sourceName(u.keys)
		codes := make([][]byte, n)
		for i, k := range u.keys {
			codes[i] = t.codes[k].code
		}
		t.mu.Unlock()
		t.compile(&u, codes)
		t.mu.Lock()
		if len(u.keys) > 0 {
			t.finished = append(t.finished, u)
		}
	}
	t.workers--
	t.idle.Broadcast()
}

// sourceName is what a unit is called: by its first code, which is in no other. In the cache it
// is found by that again, whatever was compiled before it.
func sourceName(keys []codeKey) string {
	name := fmt.Sprintf("code-%x-%v", keys[0].hash[:8], keys[0].revision)
	if len(keys) > 1 {
		name += fmt.Sprintf("-and-%d", len(keys)-1)
	}
	return name + ".cu"
}

// compile makes a unit and loads it. What can't be compiled is refused; the rest stays in it.
func (t *tiers) compile(u *unit, codes [][]byte) {
	start := time.Now()
	defer func() { t.count.compiling.Add(int64(time.Since(start))) }()
	var names, functions []string
	var keys []codeKey
	for i, k := range u.keys {
		name := fmt.Sprintf("contract%d", len(names))
		text, err := emit(codes[i], name, k.revision, t.options)
		if err != nil {
			t.refuse(k, err)
			continue
		}
		names, functions, keys = append(names, name), append(functions, text), append(keys, k)
	}
	u.keys = keys
	if len(names) == 0 {
		return
	}
	if err := t.dev.Load(u.source, compiler.SourceOf(names, functions), "run.cu"); err != nil {
		for _, k := range keys {
			t.refuse(k, err)
		}
		u.keys = nil
	}
}

func emit(code []byte, name string, r opcode.Revision, o *Compile) (string, error) {
	f, err := compiler.Compile(code, compiler.Options{Revision: r, Order: o.Order})
	if err != nil {
		return "", err
	}
	return f.Emit(name, o.Text)
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

// take returns the units that are finished; where batches wait, when all are.
func (t *tiers) take(ctx context.Context) []unit {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.start()
	if t.options.Wait {
		stop := context.AfterFunc(ctx, func() { t.mu.Lock(); t.idle.Broadcast(); t.mu.Unlock() })
		defer stop()
		for t.workers > 0 && ctx.Err() == nil && !t.closed {
			t.idle.Wait()
		}
	}
	units := t.finished
	t.finished = nil
	return units
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

// swapIn lets codes that have been compiled run so from the next launch on.
func (m *machine) swapIn(ctx context.Context) error {
	if m.tiers == nil {
		return nil
	}
	for _, u := range m.tiers.take(ctx) {
		m.bus.room(&m.functions, 8*len(u.keys))
		launch(m.bus, u.source, "list_functions", 1, &listArgs{count: uint32(len(u.keys)), functions: m.functions.at})
		list := make([]uint64, len(u.keys))
		m.bus.download(bytesOfSlice(list), m.functions.at)
		if err := m.bus.sync(); err != nil {
			return err
		}
		m.tiers.mu.Lock()
		for i, k := range u.keys {
			c := m.tiers.codes[k]
			c.stage, c.function, c.code = ready, list[i], nil
			if k.revision == m.table.codes.revision {
				m.table.codes.setCompiled(k.hash, &c.function)
			}
		}
		m.tiers.mu.Unlock()
		m.count.compiled.Add(int64(len(u.keys)))
	}
	return m.bus.sync()
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
