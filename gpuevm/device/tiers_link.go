package device

import (
	"context"
	"errors"
	"time"

	"github.com/gpuevm/gpuevm/gpuevm/cuda"
)

// linker makes programs of the interpreter and the units. What it has is guarded by mu of tiers,
// but for swapped, which is the machine's.
type linker struct {
	units   []*unit // that are compiled, in the order of their linking
	linked  int     // how many of them the newest program has
	swapped int     // how many of them run
	size    int     // of their objects, in bytes
	program *cuda.Program
	linking bool
	next    time.Time // not before that
	late    *time.Timer
}

const (
	// programLimit bounds what is linked with the interpreter.
	programLimit = 256 << 20
	// swapPause is how long a program that takes the place of another is kept at least: to load
	// one takes some milliseconds between batches, and codes may come from the cache by hundreds.
	swapPause = time.Second
)

var errProgramFull = errors.New("device: no more compiled code fits into the program")

// add takes in a unit that is compiled. mu is held.
func (t *tiers) add(u *unit) {
	if t.size+u.object.Size() > programLimit {
		t.mu.Unlock()
		t.refuseAll(u, errProgramFull)
		t.mu.Lock()
		return
	}
	t.size += u.object.Size()
	t.units = append(t.units, u)
}

// link makes a program with all units that there are. mu is held, but not meanwhile.
func (t *tiers) link() {
	if t.linking || t.closed || t.linked == len(t.units) {
		return
	}
	if pause := time.Until(t.next); pause > 0 && !t.options.Wait {
		if t.late == nil {
			t.late = time.AfterFunc(pause, func() {
				t.mu.Lock()
				defer t.mu.Unlock()
				t.late = nil
				t.link()
			})
		}
		return
	}
	t.linking = true
	for t.linked < len(t.units) && !t.closed {
		t.linkUpTo(len(t.units))
	}
	t.linking = false
	t.next = time.Now().Add(swapPause)
	t.idle.Broadcast()
}

// linkUpTo makes a program of so many units. Where that fails it tries the new ones one by one,
// and refuses those that it fails with.
func (t *tiers) linkUpTo(n int) {
	objects := make([]*cuda.Object, n)
	for i, u := range t.units[:n] {
		objects[i] = u.object
	}
	t.mu.Unlock()
	p, err := t.dev.Link(interpreter, objects)
	t.mu.Lock()
	switch {
	case err == nil:
		t.program, t.linked = p, n
	case n > t.linked+1:
		for rest := n - t.linked; rest > 0 && !t.closed; rest-- {
			t.linkUpTo(t.linked + 1)
		}
	default:
		t.drop(t.linked, err)
	}
}

// drop refuses a unit. mu is held, but not meanwhile.
func (t *tiers) drop(i int, err error) {
	u := t.units[i]
	t.size -= u.object.Size()
	t.units = append(t.units[:i:i], t.units[i+1:]...)
	t.mu.Unlock()
	t.refuseAll(u, err)
	t.mu.Lock()
}

// take returns the program that is to be swapped in, if there is one, and its units; where
// batches wait, when all is done that was asked for.
func (t *tiers) take(ctx context.Context) (*cuda.Program, []*unit) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.start()
	if t.options.Wait {
		stop := context.AfterFunc(ctx, func() { t.mu.Lock(); t.idle.Broadcast(); t.mu.Unlock() })
		defer stop()
		for (t.workers > 0 || t.linking) && ctx.Err() == nil && !t.closed {
			t.idle.Wait()
		}
	}
	p := t.program
	t.program = nil
	return p, t.units[:t.linked:t.linked]
}

// swapIn lets codes that have been compiled run so from the next launch on. Where the device
// can't take the program the one before runs on.
func (m *machine) swapIn(ctx context.Context) error {
	if m.tiers == nil {
		return nil
	}
	p, units := m.tiers.take(ctx)
	if p == nil {
		return nil
	}
	fresh := units[m.tiers.swapped:]
	moved, err := m.bus.dev.Swap(p)
	if errors.Is(err, cuda.ErrLost) {
		return err
	} else if err != nil {
		m.tiers.dropNew(err)
		return nil
	}
	m.tiers.swapped = len(units)
	if !moved {
		units = fresh
	}
	for _, u := range units {
		if err := m.listFunctions(u); err != nil {
			return err
		}
	}
	for _, u := range fresh {
		m.count.compiled.Add(int64(len(u.keys)))
	}
	return m.bus.sync()
}

// listFunctions asks a unit for the addresses of its functions, and tells the device.
func (m *machine) listFunctions(u *unit) error {
	m.bus.room(&m.functions, 8*len(u.keys))
	launch(m.bus, u.source, u.list, 1, &listArgs{count: uint32(len(u.keys)), functions: m.functions.at})
	list := make([]uint64, len(u.keys))
	m.bus.download(bytesOfSlice(list), m.functions.at)
	if err := m.bus.sync(); err != nil {
		return err
	}
	m.tiers.mu.Lock()
	defer m.tiers.mu.Unlock()
	for i, k := range u.keys {
		c := m.tiers.codes[k]
		c.stage, c.function, c.code = ready, list[i], nil
		if k.revision == m.table.codes.revision {
			m.table.codes.setCompiled(k.hash, &c.function)
		}
	}
	return nil
}

// dropNew refuses the units that do not run yet, when the device did not take a program.
func (t *tiers) dropNew(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.linking {
		t.idle.Wait()
	}
	for len(t.units) > t.swapped {
		t.drop(t.swapped, err)
	}
	t.linked, t.program = t.swapped, nil
}
