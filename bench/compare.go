package bench

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/hostsched"
)

// Side is one of the ways of running blocks that are compared.
type Side struct {
	Name    string // "geth-serial", "geth-node", "go"
	Threads int
	// Begin starts a round over a set of blocks and returns what runs one block of it.
	// What a side learns in a round it may use in that round only: every block is met
	// as if for the first time.
	Begin func() func(context.Context, *Job) (Outcome, error)
}

func (s *Side) String() string { return fmt.Sprintf("engine=%s/threads=%d", s.Name, s.Threads) }

// Outcome is what a side made of a block: how long it took, and enough to see that all
// sides made the same.
type Outcome struct {
	Wall     time.Duration // from signed transactions to receipts with their root and bloom
	Gas      uint64
	Receipts common.Hash
	Stats    hostsched.Stats // of our sides
}

// GethSide is a baseline. Both baselines use all cores for the garbage collector and the
// digest of receipts; serial means that one goroutine recovers and executes.
func GethSide(node bool) *Side {
	s := &Side{Name: "geth-serial", Threads: 1}
	if node {
		s.Name, s.Threads = "geth-node", runtime.GOMAXPROCS(0)
	}
	geth := NewGeth(node)
	s.Begin = func() func(context.Context, *Job) (Outcome, error) {
		return func(ctx context.Context, job *Job) (Outcome, error) {
			sdb, err := OverView(job.Pre)
			if err != nil {
				return Outcome{}, err
			}
			res, err := geth.Run(ctx, job, sdb)
			if err != nil {
				return Outcome{}, err
			}
			return Outcome{Wall: res.Wall, Gas: res.GasUsed, Receipts: res.ReceiptsRoot}, nil
		}
	}
	return s
}

// OurSide is our processor on the CPU's engine, with a fresh history each round.
func OurSide(engine gpuevm.Engine, threads int) *Side {
	return ProcessorSide("go", hostsched.Options{Engine: engine, Lanes: threads})
}

// ProcessorSide is our processor as the options say, with a fresh history each round.
func ProcessorSide(name string, o hostsched.Options) *Side {
	return &Side{Name: name, Threads: o.Lanes, Begin: func() func(context.Context, *Job) (Outcome, error) {
		p := hostsched.New(o)
		return func(ctx context.Context, job *Job) (Outcome, error) {
			res, err := p.Process(ctx, job.Ready(nil))
			if err != nil {
				return Outcome{}, err
			}
			return Outcome{Wall: res.Stats.Wall, Gas: res.GasUsed, Receipts: res.ReceiptsRoot, Stats: res.Stats}, nil
		}
	}}
}

// Samples are the outcomes of one block: Samples[side][round].
type Samples [][]Outcome

// Compare runs the jobs on every side, rounds times and once to warm up. In a round the
// sides take turns, each with all jobs in order; who begins changes from round to round.
// Sides that disagree about a block are an error.
func Compare(ctx context.Context, jobs []*Job, sides []*Side, rounds int) ([]Samples, error) {
	all := make([]Samples, len(jobs))
	for i := range all {
		all[i] = make(Samples, len(sides))
	}
	for round := range rounds + 1 {
		for turn := range sides {
			at := (turn + round) % len(sides)
			outcomes, err := sides[at].turn(ctx, jobs)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", sides[at], err)
			}
			for i, o := range outcomes {
				if round > 0 {
					all[i][at] = append(all[i][at], o)
				}
			}
		}
	}
	for i, samples := range all {
		if err := samples.agree(sides); err != nil {
			return nil, fmt.Errorf("%s: %w", jobs[i].Name, err)
		}
	}
	return all, nil
}

// turn runs all jobs on one side. It leaves no garbage of one side to the next.
func (s *Side) turn(ctx context.Context, jobs []*Job) ([]Outcome, error) {
	fresh := make([]*Job, len(jobs))
	for i, job := range jobs {
		var err error
		if fresh[i], err = job.Fresh(); err != nil {
			return nil, err
		}
	}
	runtime.GC()
	run := s.Begin()
	outcomes := make([]Outcome, len(jobs))
	for i, job := range fresh {
		var err error
		if outcomes[i], err = run(ctx, job); err != nil {
			return nil, fmt.Errorf("%s: %w", job.Name, err)
		}
	}
	return outcomes, nil
}

func (s Samples) agree(sides []*Side) error {
	for side, outcomes := range s {
		for _, o := range outcomes {
			if first := s[0][0]; o.Gas != first.Gas || o.Receipts != first.Receipts {
				return fmt.Errorf("%s: gas %d and receipts root %s, but %d and %s on %s",
					sides[side], o.Gas, o.Receipts, first.Gas, first.Receipts, sides[0])
			}
		}
	}
	return nil
}

// Median is the median time of a side.
func (s Samples) Median(side int) time.Duration {
	walls := make([]time.Duration, len(s[side]))
	for i, o := range s[side] {
		walls[i] = o.Wall
	}
	slices.Sort(walls)
	return walls[len(walls)/2]
}
