package ilp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/ethereum/go-ethereum/crypto"
	"github.com/gpuevm/gpuevm/bench/source"
	"github.com/gpuevm/gpuevm/gpuevm/compiler"
	"github.com/gpuevm/gpuevm/gpuevm/opcode"
)

// Options say how to look.
type Options struct {
	Registers int // words that a thread holds; 0: compiler.RegisterWords
	Heaviest  int // blocks of each code to list; 0: all
	Graphs    int // blocks to draw
	Threads   int
	Progress  func(done, total int, what string) // nil: nobody waits
}

// Study gathers what a Report tells.
type Study struct {
	Options
	library library
	blocks  []*Block
}

// NewStudy begins one.
func NewStudy(o Options) *Study {
	if o.Registers == 0 {
		o.Registers = compiler.RegisterWords
	}
	if o.Progress == nil {
		o.Progress = func(int, int, string) {}
	}
	o.Threads = max(1, o.Threads)
	return &Study{Options: o, library: library{registers: o.Registers, heaviest: o.Heaviest, volumes: map[volumeKey]*volume{}}}
}

// Input is a code to look at.
type Input struct {
	Name string // may be empty
	Code []byte
}

// Codes looks at codes under the rules of a fork. Where the context ends it ends, and what
// was done stays.
func (s *Study) Codes(ctx context.Context, inputs []Input, fork opcode.Revision) error {
	return s.each(ctx, len(inputs), func(i int) (string, error) {
		in := &inputs[i]
		v, err := s.library.of(crypto.Keccak256Hash(in.Code), in.Code, fork, false)
		if err != nil {
			return "", err
		}
		s.library.mu.Lock()
		defer s.library.mu.Unlock()
		if v.Name == "" {
			v.Name = in.Name
		}
		if v.Executed == nil && v.course != nil {
			v.list(s.Heaviest) // or all blocks of all codes would stay in memory
		}
		return "codes", nil
	})
}

// Blocks executes blocks and looks at what they run.
func (s *Study) Blocks(ctx context.Context, set *source.Set) error {
	blocks := make([]*Block, set.Len())
	err := s.each(ctx, set.Len(), func(i int) (string, error) {
		b, err := set.Load(i)
		if err != nil {
			blocks[i] = &Block{Name: set.Name(i), Error: err.Error(), Each: []Tx{}}
			return set.Name(i), nil
		}
		blocks[i] = executeBlock(ctx, &s.library, b)
		return b.Name, nil
	})
	for _, b := range blocks {
		if b != nil {
			s.blocks = append(s.blocks, b)
		}
	}
	return err
}

// each does n things, some at a time.
func (s *Study) each(ctx context.Context, n int, do func(i int) (string, error)) error {
	var mu sync.Mutex
	var group sync.WaitGroup
	var failed error
	next, done := 0, 0
	take := func() int {
		mu.Lock()
		defer mu.Unlock()
		if next == n || failed != nil || ctx.Err() != nil {
			return -1
		}
		next++
		return next - 1
	}
	for range min(s.Threads, n) {
		group.Go(func() {
			for i := take(); i >= 0; i = take() {
				what, err := do(i)
				mu.Lock()
				done++
				failed = cmp.Or(failed, err)
				if err == nil {
					s.Progress(done, n, what)
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if failed != nil {
		return failed
	}
	return context.Cause(ctx)
}

// Report tells what was found. Nothing can be added to the study after it.
func (s *Study) Report() (*Report, error) {
	r := &Report{Format: Format, Registers: s.Registers, Blocks: s.blocks, Codes: []*Code{}, Latencies: latencies()}
	var volumes []*volume
	for _, v := range s.library.volumes {
		if v.done && v.err == nil {
			volumes = append(volumes, v)
		}
	}
	slices.SortFunc(volumes, func(a, b *volume) int {
		return cmp.Or(cmp.Compare(b.work(), a.work()), a.Hash.Cmp(b.Hash), cmp.Compare(a.fork, b.fork))
	})
	for _, v := range volumes {
		if v.Heaviest == nil {
			v.list(s.Heaviest)
		}
		r.Codes = append(r.Codes, &v.Code)
		r.Whole = compiler.Sum(&r.Whole, &v.Whole)
	}
	if len(s.blocks) > 0 {
		r.Executed = new(Total)
		for _, b := range s.blocks {
			r.Executed.add(&b.Total)
		}
	}
	for _, v := range volumes {
		if v.lost > 0 {
			return nil, fmt.Errorf("code %s: %d frames went where no edge of the compiler's leads", v.Hash, v.lost)
		}
	}
	r.distribute()
	return r, s.draw(r, volumes)
}

// Failed joins the errors of blocks that could not be executed.
func (r *Report) Failed() error {
	var errs []error
	for _, b := range r.Blocks {
		if b.Error != "" {
			errs = append(errs, errors.New(b.Name+": "+b.Error))
		}
	}
	return errors.Join(errs...)
}
