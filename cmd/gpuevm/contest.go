package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/bench"
	"github.com/gpuevm/gpuevm/bench/report"
	"github.com/gpuevm/gpuevm/gpuevm/device"
	"github.com/gpuevm/gpuevm/hostsched"
	"github.com/gpuevm/gpuevm/statedb"
)

// contest runs blocks on our side and, to compare, on go-ethereum's: some rounds each,
// the sides taking turns. Every round has processors of its own, so that none meets a
// block again that it has learned from.
type contest struct {
	*settings
	compare bool
	rounds  int
	// patience ends the rounds of a block early; one is always run.
	patience time.Duration
	// deferred: state roots come later, from Byzantium on.
	deferred bool

	plain, rooted []*hostsched.Processor // by round; rooted is asked for state roots
	geth          *bench.Geth
}

// ranStats are of one run of a processor of ours.
type ranStats struct {
	hostsched.Stats
	offload *report.Offload // nil without a device
	trie    *report.Trie    // nil where no root was computed
}

func newContest(s *settings, compare bool, rounds int) *contest {
	c := &contest{settings: s, compare: compare, rounds: rounds, patience: 20 * time.Second, geth: bench.NewGeth(false)}
	for range rounds {
		c.plain, c.rooted = append(c.plain, s.processor()), append(c.rooted, s.processor())
	}
	return c
}

// trial is a block to be run.
type trial struct {
	*bench.Job
	ground ground         // the state before it, where a root can be had; else nil
	tries  *statedb.Tries // the same for go-ethereum; nil where nothing is compared, or no root
}

// outcome is what became of a trial.
type outcome struct {
	result *hostsched.BlockResult // ours, with the state root where there is a ground
	serial *serialRun             // nil where nothing was compared
	check  *check                 // of our runs against serial

	// begun: the last run on the ground is neither committed nor discarded.
	begun bool

	plain, rooted           []ranStats
	serialWalls, serialRoot []time.Duration
}

// run runs a block. Without comparison it runs once. What it changed is on the ground then,
// to be committed or discarded; after an error it is discarded.
func (c *contest) run(ctx context.Context, t *trial) (*outcome, error) {
	out := &outcome{check: new(check)}
	err := c.runRounds(ctx, t, out)
	if err != nil {
		return nil, errors.Join(err, out.discard(t))
	}
	return out, nil
}

func (c *contest) runRounds(ctx context.Context, t *trial, out *outcome) error {
	opponent, begin := opponent{geth: c.geth, trial: t}, time.Now()
	for round := range c.rounds {
		if t.ground != nil {
			if err := c.runRooted(ctx, t, c.rooted[round], out); err != nil {
				return err
			}
		}
		if c.compare || t.ground == nil {
			if err := c.runPlain(ctx, t, c.plain[round], out); err != nil {
				return err
			}
		}
		if c.compare {
			if err := c.runSerial(ctx, &opponent, out); err != nil {
				return fmt.Errorf("serial go-ethereum: %w", err)
			}
		}
		if !out.check.equal() || time.Since(begin) > c.patience {
			break
		}
	}
	return nil
}

// runRooted runs the block with its state root.
func (c *contest) runRooted(ctx context.Context, t *trial, p *hostsched.Processor, out *outcome) error {
	if err := out.discard(t); err != nil {
		return err
	}
	roots, err := t.ground.begin()
	if err != nil {
		return err
	}
	out.begun, out.result = true, nil
	trie := c.watch(t)
	result, stats, err := c.ours(ctx, t, p, roots)
	if err != nil {
		return err
	}
	stats.trie = trie()
	out.result = result
	out.rooted = append(out.rooted, stats)
	return nil
}

// watch starts to count what the tries do. Where roots come later it does not: asking would
// wait for those of the blocks before.
func (c *contest) watch(t *trial) (end func() *report.Trie) {
	if c.deferred {
		return func() *report.Trie { return nil }
	}
	before := t.ground.stats()
	return func() *report.Trie {
		after := t.ground.stats()
		return report.TrieOf(&before, &after)
	}
}

// discard takes back what the last run changed.
func (o *outcome) discard(t *trial) error {
	if !o.begun {
		return nil
	}
	o.begun = false
	if o.result == nil {
		return t.ground.discard(nil)
	}
	return t.ground.discard(o.result.Diff())
}

// commit makes the block part of the ground. want is the state root that it must have.
func (o *outcome) commit(ctx context.Context, t *trial, want common.Hash) (*landing, error) {
	o.begun = false
	return t.ground.commit(ctx, t.Block, want, o.result.Diff())
}

// runPlain runs the block up to its receipts.
func (c *contest) runPlain(ctx context.Context, t *trial, p *hostsched.Processor, out *outcome) error {
	result, stats, err := c.ours(ctx, t, p, nil)
	if err != nil {
		return err
	}
	out.plain = append(out.plain, stats)
	if t.ground == nil {
		out.result = result
		return nil
	}
	field(out.check, "gas", result.GasUsed, out.result.GasUsed)
	if t.Config.IsByzantium(t.Block.Number()) {
		field(out.check, "receipts_root", result.ReceiptsRoot, out.result.ReceiptsRoot)
	}
	return nil
}

func (c *contest) runSerial(ctx context.Context, o *opponent, out *outcome) error {
	c.collect()
	serial, err := o.run(ctx, out.result)
	if err != nil {
		return err
	}
	out.serial = serial
	out.serialWalls = append(out.serialWalls, serial.Wall)
	out.serialRoot = append(out.serialRoot, serial.Wall+serial.rootTime)
	check := againstSerial(o.Block.Transactions(), out.result, serial)
	check.wrong = append(out.check.wrong, check.wrong...)
	out.check = check
	return nil
}

// ours runs the block through a processor of ours, its transactions as if just received.
func (c *contest) ours(ctx context.Context, t *trial, p *hostsched.Processor, roots hostsched.Roots) (*hostsched.BlockResult, ranStats, error) {
	job, err := t.Fresh()
	if err != nil {
		return nil, ranStats{}, err
	}
	block := job.Ready(roots)
	block.Rewards, block.DeferRoot = rewards(job), c.deferred
	if t.ground != nil {
		if block.Pre, err = t.ground.view(); err != nil {
			return nil, ranStats{}, err
		}
	}
	c.collect()
	return c.process(ctx, p, block)
}

// process counts apart what the device did. Of the results that stood, those count as the
// device's that the CPU engine can't have found; what the device refused never stands.
func (c *contest) process(ctx context.Context, p *hostsched.Processor, block *hostsched.Block) (*hostsched.BlockResult, ranStats, error) {
	if c.device == nil {
		result, err := p.Process(ctx, block)
		if err != nil {
			return nil, ranStats{}, err
		}
		return result, ranStats{Stats: result.Stats}, nil
	}
	before := c.device.Stats()
	result, err := p.Process(ctx, block)
	if err != nil {
		return nil, ranStats{}, err
	}
	after := c.device.Stats()
	stats := ranStats{Stats: result.Stats, offload: report.OffloadOf(&before, &after)}
	taken := 0
	for reason, n := range after.TakenOver {
		if reason != device.Refused {
			taken += int(n - before.TakenOver[reason])
		}
	}
	stats.OnDevice = max(0, stats.OnDevice-taken)
	return result, stats, nil
}

// collect leaves no garbage of one side to the other.
func (c *contest) collect() {
	if c.compare {
		runtime.GC()
	}
}

// fill reports the figures of an outcome.
func (o *outcome) fill(l *report.Line, waves bool) {
	stats := o.rooted
	if stats == nil {
		stats = o.plain
	}
	middle := medianBy(stats, func(s ranStats) time.Duration { return s.Wall })
	l.Ran(o.result.GasUsed, &middle.Stats, waves, o.result.Root != nil)
	l.Offload, l.Trie = middle.offload, middle.trie
	switch {
	case o.plain != nil:
		l.Wall = report.Of(medianBy(o.plain, func(s ranStats) time.Duration { return s.Wall }).Wall)
	default: // the one run there is had its root computed last
		l.Wall = report.Of(middle.Wall - middle.Stage.Root)
	}
	if o.result.Root != nil {
		l.WallRoot = report.Of(middle.Wall)
		l.StateRoot = o.result.Root.Hex()
	}
	if o.serial != nil {
		same := func(d time.Duration) time.Duration { return d }
		l.Serial = report.Of(medianBy(o.serialWalls, same))
		if o.serial.root != nil {
			l.SerialRoot = report.Of(medianBy(o.serialRoot, same))
		}
	}
	l.Derive(*l.Txs, *l.Gas)
}

// judge puts a check into the report.
func judge(l *report.Line, c *check) {
	for _, name := range c.checked {
		if !slices.Contains(l.Checked, name) {
			l.Checked = append(l.Checked, name)
		}
	}
	l.Equal = new((l.Equal == nil || *l.Equal) && c.equal())
	if !c.equal() {
		if l.Error != "" {
			l.Error += "; "
		}
		l.Error += c.message()
	}
}

// medianBy takes the faster one of two in the middle: of two rounds the first is the one
// that met everything cold.
func medianBy[T any](list []T, wall func(T) time.Duration) T {
	sorted := slices.SortedFunc(slices.Values(list), func(a, b T) int { return int(wall(a) - wall(b)) })
	return sorted[(len(sorted)-1)/2]
}
