package spectest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/gpuevm/enginetest/specfile"
	"github.com/gpuevm/gpuevm/hostsched"
)

// Runner runs the tests of files on all cores, one file a core at a time.
type Runner struct {
	Engine  gpuevm.Engine
	Threads int            // default: all cores
	Run     *regexp.Regexp // names of the tests to run; nil: all
	Fork    string         // state tests: of this fork only
	Index   int            // state tests: with this index only; -1: all
	Known   *specfile.Deviations
	Blocks  BlockOptions // Processor's engine and predictor are the runner's
	// Every n-th file of those found is run; 0 or 1: each.
	Every int
	// Progress is called after every file, one call at a time.
	Progress func(*Summary)
	// AfterState is called after every state test, on any goroutine.
	AfterState func(*specfile.StateTest, specfile.Subtest, *StateOutcome, *Result)
	// AfterBlocks is called after every block test, on any goroutine.
	AfterBlocks func(*BlockTest, *BlockOutcome, *Result)

	history hostsched.Predictor
}

// Format is which of the tests in a file are run: a folder may hold both.
type Format int

const (
	Any Format = iota
	StateTests
	BlockTests
)

// Paths runs the tests at the paths and returns their results in order of files and
// names. The error is that of a file that can't be read; what ran until then counts.
func (r *Runner) Paths(ctx context.Context, format Format, paths ...string) (*Summary, error) {
	r.history = hostsched.NewHistory()
	var (
		sum     Summary
		mu      sync.Mutex
		workers sync.WaitGroup
		failed  error
		files   = make(chan queued)
	)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	for range r.threads() {
		workers.Go(func() {
			for f := range files {
				results, err := r.file(ctx, format, f)
				mu.Lock()
				sum.add(f, results)
				if err != nil && failed == nil {
					failed = err
					cancel(err)
				}
				if r.Progress != nil {
					r.Progress(&sum)
				}
				mu.Unlock()
			}
		})
	}
	err := r.feed(ctx, paths, files)
	close(files)
	workers.Wait()
	sum.sort()
	if failed != nil {
		return &sum, failed
	}
	return &sum, err
}

func (r *Runner) threads() int {
	if r.Threads > 0 {
		return r.Threads
	}
	return runtime.GOMAXPROCS(0)
}

// queued is a file with its place among all files.
type queued struct {
	specfile.File
	seq int
}

// feed reads files ahead of the workers.
func (r *Runner) feed(ctx context.Context, paths []string, files chan<- queued) error {
	seen, seq := -1, 0
	wanted := func(string) bool {
		seen++
		return r.Every <= 1 || seen%r.Every == 0
	}
	for _, path := range paths {
		err := specfile.Read(path, wanted, func(f specfile.File) error {
			seq++
			select {
			case files <- queued{f, seq}:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// file runs the tests of one file.
func (r *Runner) file(ctx context.Context, format Format, f queued) ([]Result, error) {
	var byName map[string]json.RawMessage
	if err := json.Unmarshal(f.Data, &byName); err != nil {
		return nil, fmt.Errorf("unable to read test file %s: %w", f.Name, err)
	}
	var results []Result
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		if r.Run != nil && !r.Run.MatchString(name) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return results, context.Cause(ctx)
		}
		got, err := r.test(ctx, format, Result{Name: name, Archive: f.Archive, File: f.Name}, byName[name])
		if err != nil {
			return results, fmt.Errorf("test file %s: %s: %w", f.Name, name, err)
		}
		for i := range got {
			got[i].Known = r.Known.Find(f.Archive, f.Name, name, got[i].Fork, got[i].Index)
		}
		results = append(results, got...)
	}
	return results, nil
}

// test runs one test of either format. An entry that is neither (a comment) is passed by.
func (r *Runner) test(ctx context.Context, format Format, res Result, raw json.RawMessage) ([]Result, error) {
	var probe struct {
		Transaction json.RawMessage `json:"transaction"`
		Post        json.RawMessage `json:"post"`
		Blocks      json.RawMessage `json:"blocks"`
		Network     string          `json:"network"`
	}
	if err := json.Unmarshal(raw, &probe); err != nil {
		return nil, err
	}
	switch {
	case probe.Transaction != nil && probe.Post != nil && format != BlockTests:
		var t specfile.StateTest
		if err := json.Unmarshal(raw, &t); err != nil {
			return nil, err
		}
		return r.stateTest(ctx, res, &t), nil
	case probe.Blocks != nil && probe.Network != "" && format != StateTests:
		var t BlockTest
		if err := json.Unmarshal(raw, &t); err != nil {
			res.Fork, res.Index, res.Error = probe.Network, -1, err.Error()
			return []Result{res}, nil
		}
		return []Result{r.blockTest(res, &t)}, nil
	}
	return nil, nil
}

func (r *Runner) stateTest(ctx context.Context, res Result, t *specfile.StateTest) []Result {
	var results []Result
	for _, s := range t.Subtests() {
		if r.Fork != "" && s.Fork != r.Fork || r.Index >= 0 && s.Index != r.Index {
			continue
		}
		res := res
		res.Pass, res.Fork, res.Index = true, s.Fork, s.Index
		var out *StateOutcome
		err := guarded(&res, func() (err error) {
			out, err = RunState(ctx, r.Engine, t, s)
			return err
		})
		if out != nil {
			root := out.Root // a pointer into out would keep the state after every test
			res.Root = &root
		}
		if err != nil {
			res.Pass, res.Error = false, err.Error()
		}
		if r.AfterState != nil {
			r.AfterState(t, s, out, &res)
		}
		results = append(results, res)
	}
	return results
}

func (r *Runner) blockTest(res Result, t *BlockTest) Result {
	res.Pass, res.Fork, res.Index = true, t.Network, -1
	o := r.Blocks
	o.Processor.Engine, o.Processor.Predictor = r.Engine, r.history
	var out *BlockOutcome
	err := guarded(&res, func() (err error) {
		out, err = t.Run(o)
		return err
	})
	if err != nil {
		res.Pass, res.Error = false, err.Error()
	}
	if out != nil {
		res.Blocks = out.Blocks
		if res.Pass {
			res.Root = out.Root
		}
	}
	if r.AfterBlocks != nil {
		r.AfterBlocks(t, out, &res)
	}
	return res
}

// guarded runs a test; one that panics has failed, and the others go on.
func guarded(res *Result, test func() error) (err error) {
	start := time.Now()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
		res.Seconds = time.Since(start).Seconds()
	}()
	return test()
}

// Summary is what a run came to.
type Summary struct {
	Files, Tests int
	Pass         int
	Failed       int // and not listed as a deviation
	Deviating    int // failed, as listed
	Surprising   int // listed, and passed
	Blocks       Blocks
	groups       map[int][]Result
	Results      []Result // in order; empty until the run is over
}

func (s *Summary) add(f queued, results []Result) {
	s.Files++
	s.Tests += len(results)
	for i := range results {
		r := &results[i]
		s.Blocks.add(r.Blocks)
		switch {
		case r.Pass:
			s.Pass++
			if r.Known != nil {
				s.Surprising++
			}
		case r.Known != nil:
			s.Deviating++
		default:
			s.Failed++
		}
	}
	if s.groups == nil {
		s.groups = make(map[int][]Result)
	}
	s.groups[f.seq] = results
}

func (s *Summary) sort() {
	for _, seq := range slices.SortedFunc(maps.Keys(s.groups), cmp.Compare[int]) {
		s.Results = append(s.Results, s.groups[seq]...)
	}
	s.groups = nil
}

// String is one line.
func (s *Summary) String() string {
	line := fmt.Sprintf("%d files, %d tests: %d pass, %d fail, %d known deviations", s.Files, s.Tests, s.Pass, s.Failed, s.Deviating)
	if s.Surprising > 0 {
		line += fmt.Sprintf(", %d listed as deviations but pass", s.Surprising)
	}
	if b := s.Blocks; b != (Blocks{}) {
		line += fmt.Sprintf("; our processor executed %d blocks with %d transactions and refused %d", b.Valid, b.Txs, b.Invalid)
	}
	return line
}
