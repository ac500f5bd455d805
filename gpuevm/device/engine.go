package device

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/gpuevm/cuda"
)

// Options say how an Engine uses its device. The zero value of a field means its default.
type Options struct {
	// CPU runs what the device can't. Required.
	CPU gpuevm.Engine
	// Reopen opens the device again after a fault. Nil: a fault retires the engine.
	Reopen func() (cuda.Device, error)
	// MaxFaults is how many faults in a row retire the engine. Default: 3.
	MaxFaults int
	// SpotCheck makes the CPU Engine run one transaction of every so manieth batch too and
	// compares. Default: 64; negative: never.
	SpotCheck int
	// MinBatch is the size from which a batch is worth a launch. Default: 1.
	MinBatch int
	// Route sends a batch to the CPU Engine where that has been quicker with batches of its
	// size. Default: everything goes to the device.
	Route bool
	// MaxBatch is the size from which a batch is cut. Default: 32768.
	MaxBatch int
	// Rounds is how often a batch is launched again with state that it missed. Default: 256.
	Rounds int
	// StepLimit is how many basic blocks a transaction may enter; beyond it one core of
	// the CPU is quicker. Default: 4 million on the host, 1 million on a GPU.
	StepLimit uint64
	// TableEntries is the largest state table, a power of 2, 128 bytes an entry.
	// Default: 1<<22.
	TableEntries int
	// CodeBytes is the memory for contract codes. Default: 64 MB.
	CodeBytes int
	// ArenaBytes is the memory for a batch's results at first; it grows. Default: 1 MB.
	ArenaBytes int
	// ScratchBytes bounds the scratch of one class. Default: an eighth of the device's memory.
	ScratchBytes uint64
	// Compile says when codes are compiled.
	Compile Compile
	// Log is told of faults. Default: slog.Default().
	Log *slog.Logger
}

func (o *Options) fill(info *cuda.Info) {
	steps := uint64(1 << 20)
	if info.Kind == "host" {
		steps = 1 << 22
	}
	for _, d := range []struct {
		field *int
		value int
	}{
		{&o.MaxFaults, 3}, {&o.SpotCheck, 64}, {&o.MinBatch, 1}, {&o.MaxBatch, 1 << 15}, {&o.Rounds, 256},
		{&o.TableEntries, 1 << 22}, {&o.CodeBytes, 64 << 20}, {&o.ArenaBytes, 1 << 20},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	o.Compile.fill()
	if o.StepLimit == 0 {
		o.StepLimit = steps
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	o.Compile.log = o.Log
}

// Engine executes transactions on a device. It is safe for concurrent use: packing and
// unpacking run side by side, the device itself is used by one batch at a time.
type Engine struct {
	options Options
	count   *counters

	mu      sync.Mutex
	machine *machine // nil: to be opened again, or retired
	info    cuda.Info
	retired bool

	routes router
	row    atomic.Int64 // faults since the last good batch
	turn   atomic.Int64 // good batches, for spot checks
}

// New returns an engine on an open device, which it closes in the end.
func New(dev cuda.Device, o Options) (*Engine, error) {
	if o.CPU == nil {
		return nil, errors.New("device: no engine to fall back on")
	}
	e := &Engine{options: o, count: new(counters), info: dev.Info()}
	e.options.fill(&e.info)
	var err error
	e.machine, err = newMachine(dev, &e.options, e.count)
	return e, err
}

// Twin is a second engine, on a device opened again: with a state table of its own, for views
// that don't come in turn with those of the first, and with the first one's Stats.
func (e *Engine) Twin(dev cuda.Device) (*Engine, error) {
	t := &Engine{options: e.options, count: e.count, info: dev.Info()}
	t.options.Compile = Compile{} // it executes little, and what the other compiled is not its own
	var err error
	t.machine, err = newMachine(dev, &t.options, t.count)
	return t, err
}

// Info says what the device is.
func (e *Engine) Info() cuda.Info {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.info
}

// Stats says what became of all transactions so far.
func (e *Engine) Stats() Stats { return e.count.stats() }

// Close gives the device back. What is asked of the engine afterwards the CPU Engine does.
func (e *Engine) Close() error {
	e.mu.Lock()
	m := e.machine
	e.machine, e.retired = nil, true
	e.mu.Unlock()
	if m == nil {
		return nil
	}
	return m.close()
}

// Execute implements gpuevm.Engine.
func (e *Engine) Execute(ctx context.Context, env *gpuevm.BlockEnv, txs []gpuevm.Tx, pre gpuevm.StateView) ([]gpuevm.Result, error) {
	start := time.Now()
	defer func() { e.count.wall.Add(int64(time.Since(start))) }()
	results := make([]gpuevm.Result, len(txs))
	block, _ := newBlock(env)
	for from := 0; from < len(txs); from += e.options.MaxBatch {
		to := min(from+e.options.MaxBatch, len(txs))
		b := &batch{env: env, block: block, txs: txs[from:to], pre: pre, results: results[from:to]}
		if err := e.execute(ctx, b); err != nil {
			return nil, err
		}
	}
	return results, ctx.Err()
}

// execute runs one batch: on the device what the device can run, then the rest.
func (e *Engine) execute(ctx context.Context, b *batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	e.count.batches.Add(1)
	e.count.txs.Add(int64(len(b.txs)))
	start := time.Now()
	b.pack()
	refused := len(b.left)
	err := e.attempt(ctx, b)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		b.left = b.left[:refused]
		for _, i := range b.index {
			b.leave(i, reasonOfError(err))
		}
	}
	e.count.onDevice.Add(int64(len(b.txs) - len(b.left)))
	left := e.takeOver(ctx, b)
	if e.options.Route && len(b.index) > 0 && left == nil && (err == nil || errors.Is(err, errSmall)) {
		e.routes.note(len(b.txs), err == nil, time.Since(start), b.gas())
	}
	return left
}

// gas is what the batch's transactions used.
func (b *batch) gas() (sum uint64) {
	for i := range b.results {
		sum += b.results[i].GasUsed
	}
	return sum
}

var (
	errRetired = errors.New("device: retired")
	errSmall   = errors.New("device: quicker on the CPU")
)

func reasonOfError(err error) Reason {
	switch {
	case errors.Is(err, errRetired):
		return Retired
	case errors.Is(err, errSmall):
		return Small
	}
	return Fault
}

// attempt runs the packed part of a batch on the device. After an error there is no result.
func (e *Engine) attempt(ctx context.Context, b *batch) error {
	switch {
	case len(b.index) == 0:
		return nil
	case len(b.index) < e.options.MinBatch, e.options.Route && !e.routes.onDevice(len(b.txs)):
		return errSmall
	}
	m, err := e.occupy(ctx, b)
	if err == nil && !b.unpack() {
		err = errors.New("device: a result that is none")
	}
	if err == nil && e.checks() {
		err = e.spotCheck(ctx, b)
	}
	if err != nil && ctx.Err() == nil && !errors.Is(err, errRetired) {
		e.fault(m, err)
	} else if err == nil {
		e.row.Store(0)
	}
	return err
}

// occupy runs a batch on the machine, alone.
func (e *Engine) occupy(ctx context.Context, b *batch) (*machine, error) {
	m, err := e.open()
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m, b.run(ctx, m)
}

// checks reports whether it is a batch's turn to be checked.
func (e *Engine) checks() bool {
	n := int64(e.options.SpotCheck)
	return n > 0 && e.turn.Add(1)%n == 0
}

// open returns the machine, a new one after a fault.
func (e *Engine) open() (*machine, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.machine != nil {
		return e.machine, nil
	}
	if e.retired || e.options.Reopen == nil {
		return nil, errRetired
	}
	dev, err := e.options.Reopen()
	if err != nil {
		return nil, fmt.Errorf("reopen: %w", err)
	}
	m, err := newMachine(dev, &e.options, e.count)
	if err != nil {
		_ = dev.Close()
		return nil, err
	}
	e.count.reopened.Add(1)
	e.machine, e.info = m, dev.Info()
	return m, nil
}

// fault takes a machine out of use, whose memory can't be trusted any more. Of those who
// used it at the same time the first to say so is counted.
func (e *Engine) fault(m *machine, err error) {
	e.mu.Lock()
	mine := m == nil || e.machine == m
	if mine {
		e.machine = nil
		e.count.faults.Add(1)
		row := int(e.row.Add(1))
		e.retired = e.retired || row >= e.options.MaxFaults || e.options.Reopen == nil
		e.options.Log.Warn("device fault: the CPU engine takes over", "device", e.info.Name, "error", err, "inARow", row, "retired", e.retired)
	}
	e.mu.Unlock()
	if mine && m != nil {
		_ = m.close() // what it says now has no more value
	}
}

// takeOver runs on the CPU Engine what is left.
func (e *Engine) takeOver(ctx context.Context, b *batch) error {
	if len(b.left) == 0 {
		return nil
	}
	txs := make([]gpuevm.Tx, len(b.left))
	for i, l := range b.left {
		txs[i] = b.txs[l.tx]
		e.count.takenOver[l.reason].Add(1)
	}
	results, err := e.options.CPU.Execute(ctx, b.env, txs, b.pre)
	if err != nil {
		return err
	}
	for i, l := range b.left {
		b.results[l.tx] = results[i]
	}
	return nil
}
