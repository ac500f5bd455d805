package statebench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
)

// Run makes the states if they are not there, and measures. What was measured before an error
// comes with it.
func Run(ctx context.Context, o Options) (r *Result, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	g, err := openGround(ctx, &o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	r = newResult(&o)
	if o.Walk {
		for _, s := range g.sides {
			o.say("%s: walking through all of the tries", s.name())
			if err := s.walk(ctx); err != nil {
				return r, fmt.Errorf("%s: walk: %w", s.name(), err)
			}
		}
	}
	run := &running{ground: g, result: r}
	for _, step := range []func(context.Context) error{run.warm, run.layers, run.warmReads, run.cold, run.coldReads} {
		if err := step(ctx); err != nil {
			return r, err
		}
	}
	return r, nil
}

type running struct {
	*ground
	result *Result
	count  int // blocks: who goes first, and in which mode
}

// each does something for all kinds and sizes of blocks.
func (r *running) each(do func(k Kind, n int) error) error {
	for _, k := range r.opt.Kinds {
		for _, n := range r.opt.Dirty {
			if err := do(k, n); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *running) warm(ctx context.Context) error {
	return r.each(func(k Kind, n int) error {
		Settle(ctx, r.opt.Settle)
		for range max(r.opt.Warmup, 0) {
			if _, err := r.round(ctx, k, n, false); err != nil {
				return err
			}
		}
		return r.rounds(ctx, Phase{Kind: k, Dirty: n, Memory: "warm"}, r.opt.Rounds, false, nil)
	})
}

// layers are warm rounds in which go-ethereum leaves its blocks in memory, as its node does.
// What they leave is written at the end, untimed.
func (r *running) layers(ctx context.Context) error {
	if r.opt.Layers == 0 {
		return nil
	}
	return r.each(func(k Kind, n int) error {
		Settle(ctx, r.opt.Settle)
		err := r.rounds(ctx, Phase{Kind: k, Dirty: n, Memory: "warm", Layers: true}, r.opt.Layers, true, nil)
		for _, s := range r.sides {
			if err == nil {
				err = s.flush()
			}
		}
		return err
	})
}

func (r *running) cold(ctx context.Context) error {
	if r.opt.Cold == 0 {
		return nil
	}
	return r.each(func(k Kind, n int) error {
		return r.rounds(ctx, Phase{Kind: k, Dirty: n, Memory: "cold"}, r.opt.Cold, false, func(p *Phase) (err error) {
			p.PageCacheDropped, err = r.reopen(ctx)
			return err
		})
	})
}

// rounds are blocks that count.
func (r *running) rounds(ctx context.Context, p Phase, n int, keep bool, before func(*Phase) error) error {
	if r.opt.Profile != nil && !p.Layers {
		defer r.opt.Profile(p.Memory, p.Kind, p.Dirty)()
	}
	gauge := newGauge()
	p.Sides = make(map[string]*Samples)
	for range n {
		if before != nil {
			if err := before(&p); err != nil {
				gauge.end(0)
				return err
			}
		}
		samples, err := r.round(ctx, p.Kind, p.Dirty, keep)
		if err != nil {
			gauge.end(0)
			return err
		}
		for name, s := range samples {
			if p.Sides[name] == nil {
				p.Sides[name] = new(Samples)
			}
			p.Sides[name].Blocks = append(p.Sides[name].Blocks, s)
			p.Roots = append(p.Roots, s.Root)
		}
	}
	p.Roots = slices.Compact(p.Roots) // of equal sides
	if u := gauge.end(n); len(r.sides) == 1 {
		p.Usage = u
	}
	p.sum()
	r.result.Phases = append(r.result.Phases, &p)
	r.opt.say("%s", p.line())
	return nil
}

// round is one block on all sides. Sides take turns at going first every block, and
// go-ethereum's modes every two, so that each mode is first as often as last.
func (r *running) round(ctx context.Context, k Kind, n int, keep bool) (map[string]*Sample, error) {
	b, err := r.next(ctx, k, n)
	if err != nil {
		return nil, err
	}
	o := how{mode: modes[r.count/2%len(modes)], keep: keep}
	order := slices.Clone(r.sides)
	if r.count%2 == 1 {
		slices.Reverse(order)
	}
	r.count++
	samples := make(map[string]*Sample)
	for _, s := range order {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if len(order) > 1 {
			runtime.GC() // no side pays for the other's garbage
		}
		if samples[s.name()], err = s.run(ctx, b, o); err != nil {
			return nil, fmt.Errorf("%s: block %d: %w", s.name(), b.Height, err)
		}
	}
	if ours, theirs := samples["gpuevm"], samples["go-ethereum"]; ours != nil && theirs != nil && ours.Root != theirs.Root {
		return nil, fmt.Errorf("block %d, %d keys of kind %s: root %s, go-ethereum has %s", b.Height, n, k, ours.Root, theirs.Root)
	}
	return samples, nil
}
