package cuda

import (
	"fmt"
	"sync"
	"time"
)

// Faulty is a device that fails as it is told, for tests of what stands above it.
type Faulty struct {
	Device
	mu     sync.Mutex
	plan   []Fault
	counts [operations]int
	flips  map[Stream][]flip
	lost   bool
}

// Fault is what goes wrong at the N-th operation of a kind, counted from 1; N 0 means every
// one.
type Fault struct {
	At   Operation
	N    int
	What Trouble
}

// Operation is a method of a Device.
type Operation int

const (
	Launches Operation = iota
	Uploads
	Downloads
	Allocs
	Syncs
	operations = iota
)

// Trouble is the kind of a fault.
type Trouble int

const (
	Fail  Trouble = iota // the call fails, and has done nothing
	Lose                 // the device is lost
	Full                 // out of memory
	Flip                 // a bit of what was downloaded is wrong
	Twice                // a launch happens twice
)

// Faults wraps a device.
func Faults(dev Device, plan ...Fault) *Faulty {
	return &Faulty{Device: dev, plan: plan, flips: make(map[Stream][]flip)}
}

// Count is how many operations of a kind there were: which N a plan can name.
func (d *Faulty) Count(at Operation) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.counts[at]
}

// ErrInjected is the cause of faults that were planned.
var ErrInjected = fmt.Errorf("injected fault")

// next counts an operation and says what is planned for it.
func (d *Faulty) next(at Operation) (what Trouble, planned bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lost {
		return 0, false, fmt.Errorf("%w: %w", ErrLost, ErrInjected)
	}
	d.counts[at]++
	n := d.counts[at]
	for _, f := range d.plan {
		if f.At != at || f.N != 0 && f.N != n {
			continue
		}
		switch f.What {
		case Fail:
			return 0, false, fmt.Errorf("%w: %d", ErrInjected, n)
		case Lose:
			d.lost = true
			return 0, false, fmt.Errorf("%w: %w: %d", ErrLost, ErrInjected, n)
		case Full:
			return 0, false, fmt.Errorf("%w: %w: %d", ErrMemory, ErrInjected, n)
		}
		return f.What, true, nil
	}
	return 0, false, nil
}

// alive is what calls ask that can't be planned to fail.
func (d *Faulty) alive() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lost {
		return fmt.Errorf("%w: %w", ErrLost, ErrInjected)
	}
	return nil
}

func (d *Faulty) Alloc(bytes int) (Ptr, error) {
	if _, _, err := d.next(Allocs); err != nil {
		return 0, err
	}
	return d.Device.Alloc(bytes)
}

func (d *Faulty) Free(p Ptr) error {
	if err := d.alive(); err != nil {
		return err
	}
	return d.Device.Free(p)
}

func (d *Faulty) HostAlloc(bytes int) ([]byte, error) {
	if _, _, err := d.next(Allocs); err != nil {
		return nil, err
	}
	return d.Device.HostAlloc(bytes)
}

func (d *Faulty) HostFree(mem []byte) error {
	if err := d.alive(); err != nil {
		return err
	}
	return d.Device.HostFree(mem)
}

func (d *Faulty) NewStream() (Stream, error) {
	if err := d.alive(); err != nil {
		return 0, err
	}
	return d.Device.NewStream()
}

func (d *Faulty) Upload(s Stream, dst Ptr, src []byte) error {
	if _, _, err := d.next(Uploads); err != nil {
		return err
	}
	return d.Device.Upload(s, dst, src)
}

// flip is a bit that will be wrong when the stream has been waited for.
type flip struct {
	in  []byte
	bit int
}

func (d *Faulty) Download(s Stream, dst []byte, src Ptr) error {
	what, planned, err := d.next(Downloads)
	if err != nil {
		return err
	}
	if planned && what == Flip && len(dst) > 0 {
		d.mu.Lock()
		n := d.counts[Downloads]
		d.flips[s] = append(d.flips[s], flip{dst, n * 7919 % (8 * len(dst))})
		d.mu.Unlock()
	}
	return d.Device.Download(s, dst, src)
}

func (d *Faulty) Zero(s Stream, dst Ptr, bytes int) error {
	if err := d.alive(); err != nil {
		return err
	}
	return d.Device.Zero(s, dst, bytes)
}

func (d *Faulty) Load(source, text string) error {
	if err := d.alive(); err != nil {
		return err
	}
	return d.Device.Load(source, text)
}

func (d *Faulty) Compile(base, source, text string) (*Object, error) {
	if err := d.alive(); err != nil {
		return nil, err
	}
	return d.Device.Compile(base, source, text)
}

func (d *Faulty) Link(base string, objects []*Object) (*Program, error) {
	if err := d.alive(); err != nil {
		return nil, err
	}
	return d.Device.Link(base, objects)
}

func (d *Faulty) Swap(p *Program) (bool, error) {
	if err := d.alive(); err != nil {
		return false, err
	}
	return d.Device.Swap(p)
}

func (d *Faulty) Unload(source string) error {
	if err := d.alive(); err != nil {
		return err
	}
	return d.Device.Unload(source)
}

func (d *Faulty) Lanes(source, kernel string) (int, error) {
	if err := d.alive(); err != nil {
		return 0, err
	}
	return d.Device.Lanes(source, kernel)
}

func (d *Faulty) Launch(s Stream, source, kernel string, lanes int, args []byte) error {
	what, planned, err := d.next(Launches)
	if err != nil {
		return err
	}
	if planned && what == Twice {
		if err := d.Device.Launch(s, source, kernel, lanes, args); err != nil {
			return err
		}
	}
	return d.Device.Launch(s, source, kernel, lanes, args)
}

func (d *Faulty) Sync(s Stream) (time.Duration, error) {
	_, _, fault := d.next(Syncs)
	spent, err := d.Device.Sync(s) // in any case: memory of copies must not be in use after it
	if fault != nil {
		return spent, fault
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.flips[s] {
		f.in[f.bit/8] ^= 1 << (f.bit % 8)
	}
	delete(d.flips, s)
	return spent, err
}
