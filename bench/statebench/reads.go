package statebench

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// perBlock is how many reads a reader does between two calls of again.
const perBlock = 1000

func (r *running) warmReads(ctx context.Context) error {
	return r.reads(ctx, "warm", nil)
}

func (r *running) coldReads(ctx context.Context) error {
	if r.opt.Cold == 0 {
		return nil
	}
	return r.reads(ctx, "cold", func() (bool, error) { return r.reopen(ctx) })
}

// reads measures all readers, on accounts and slots, present and absent, with one goroutine
// and two. Each way of reading has its own cells, so that none finds what another brought in;
// warm ones are read once before.
func (r *running) reads(ctx context.Context, memory string, drop func() (bool, error)) error {
	if r.opt.Reads == 0 {
		return nil
	}
	seed := uint64(0)
	for _, slots := range []bool{false, true} {
		for _, absent := range []bool{false, true} {
			for _, goroutines := range []int{1, 2} {
				p := Read{Memory: memory, Slots: slots, Absent: absent, Goroutines: goroutines, Nanos: make(map[string]float64)}
				if drop != nil {
					var err error
					if p.PageCacheDropped, err = drop(); err != nil {
						return err
					}
				}
				seed++
				if err := r.readAll(ctx, &p, seed); err != nil {
					return err
				}
				r.result.Reads = append(r.result.Reads, &p)
				r.opt.say("%s", p.line())
			}
		}
	}
	return nil
}

func (r *running) readAll(ctx context.Context, p *Read, seed uint64) error {
	for _, s := range r.sides {
		readers, err := s.readers()
		if err != nil {
			return fmt.Errorf("%s: %w", s.name(), err)
		}
		for i, reader := range readers {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			// Readers of one database share its caches: each has its own cells, and the readers of
			// the two databases the same.
			cells := r.opt.cells(seed<<8|uint64(i), r.opt.Reads, p.Slots, p.Absent)
			if p.Memory == "warm" {
				if _, err := timeReads(reader, cells, p.Goroutines); err != nil {
					return err
				}
			}
			took, err := timeReads(reader, cells, p.Goroutines)
			reader.close()
			if err != nil {
				return fmt.Errorf("%s: %w", reader.name, err)
			}
			p.Nanos[reader.name] = float64(took.Nanoseconds()) / float64(len(cells))
		}
	}
	return nil
}

// timeReads reads the cells on several goroutines, a block's worth after the other.
func timeReads(reader reader, cells []cell, goroutines int) (took time.Duration, err error) {
	for len(cells) > 0 {
		n := min(perBlock, len(cells))
		if err := reader.again(); err != nil {
			return 0, err
		}
		start := time.Now()
		if err := readBlock(reader, cells[:n], goroutines); err != nil {
			return 0, err
		}
		took += time.Since(start)
		cells = cells[n:]
	}
	return took, nil
}

func readBlock(reader reader, cells []cell, goroutines int) error {
	if goroutines == 1 {
		return readCells(reader, cells)
	}
	var wg sync.WaitGroup
	errs := make([]error, goroutines)
	for i := range goroutines {
		wg.Go(func() {
			errs[i] = readCells(reader, cells[i*len(cells)/goroutines:(i+1)*len(cells)/goroutines])
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// readCells also checks what can be: an account that is there stays there, and what is
// absent was never named by a block. A slot may have been cleared.
func readCells(reader reader, cells []cell) error {
	for i := range cells {
		c := &cells[i]
		var found bool
		var err error
		if c.isSlot {
			found, err = reader.slot(c.addr, c.slot)
		} else {
			found, err = reader.account(c.addr)
		}
		if err == nil && (found && c.absent || !found && !c.absent && !c.isSlot) {
			err = fmt.Errorf("account %s, slot %s: found %t, want %t", c.addr.Hex(), c.slot.Hex(), found, !c.absent)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
