package enginetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/params"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/gpuevm/enginetest/shareddata"
	"github.com/gpuevm/gpuevm/gpuevm/enginetest/specfile"
)

// runStateTests runs the clients' common state tests, every n-th file of them as
// GPUEVM_STATETESTS says (1: all; 3/8: the third of eight shares), on plain cells and with
// the plainest of laws: one exact execution, its diff, its fee. What go-ethereum itself does
// not pass is counted.
func runStateTests(t *testing.T, engine gpuevm.Engine) {
	first, every := 1, 25
	if testing.Short() {
		every = 250
	}
	if share := os.Getenv("GPUEVM_STATETESTS"); share != "" {
		var err error
		if first, every, err = parseShare(share); err != nil {
			t.Fatalf("GPUEVM_STATETESTS is %q: %v", share, err)
		}
	}
	dir := shareddata.Folder(t, "conformance")
	known, err := specfile.ReadDeviations(filepath.Join(dir, "known-deviations.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	archives, err := filepath.Glob(filepath.Join(dir, "statetests-*.tar.gz"))
	if err != nil || len(archives) == 0 {
		t.Fatalf("no state tests in %s (%v)", dir, err)
	}
	tally := stateTally{t: t, engine: engine, known: known}
	files := make(chan specfile.File)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for f := range files {
				tally.file(f)
			}
		})
	}
	seen := -first
	wanted := func(string) bool { seen++; return seen%every == 0 }
	for _, archive := range archives {
		if err := specfile.Read(archive, wanted, func(f specfile.File) error { files <- f; return nil }); err != nil {
			t.Error(err)
		}
	}
	close(files)
	workers.Wait()
	t.Logf("%d state tests pass, %d deviate as listed", tally.pass, tally.deviating)
	if tally.pass == 0 {
		t.Error("no state test passed")
	}
}

// parseShare reads N, the first of N shares, or K/N.
func parseShare(s string) (k, n int, err error) {
	first, of, both := strings.Cut(s, "/")
	if !both {
		first, of = "1", s
	}
	k, err1 := strconv.Atoi(first)
	n, err2 := strconv.Atoi(of)
	if err1 != nil || err2 != nil || k < 1 || k > n {
		return 0, 0, errors.New("want N or K/N with 1 <= K <= N")
	}
	return k, n, nil
}

// stateTally runs and counts.
type stateTally struct {
	t      *testing.T
	engine gpuevm.Engine
	known  *specfile.Deviations

	mu              sync.Mutex
	pass, deviating int
}

func (y *stateTally) file(f specfile.File) {
	var byName map[string]specfile.StateTest
	if err := json.Unmarshal(f.Data, &byName); err != nil {
		y.t.Errorf("%s: %v", f.Name, err)
		return
	}
	for name, test := range byName {
		for _, s := range test.Subtests() {
			err := runStateTest(y.engine, &test, s)
			y.mu.Lock()
			switch {
			case err == nil:
				y.pass++
			case y.known.Find(f.Archive, f.Name, name, s.Fork, s.Index) != nil:
				y.deviating++
			default:
				y.t.Errorf("%s %s %s %s/%d: %v", f.Archive, f.Name, name, s.Fork, s.Index, err)
			}
			y.mu.Unlock()
		}
	}
}

func runStateTest(engine gpuevm.Engine, test *specfile.StateTest, s specfile.Subtest) error {
	c, err := test.Case(s)
	if err != nil {
		return err
	}
	pre := fromAlloc(test.Pre)
	before, err := rootOf(pre)
	if err != nil {
		return err
	}
	if c.Refused != nil {
		return c.Judge(c.Refused, before, before, nil)
	}
	c.Tx.Pool = &gpuevm.GasPool{Limit: c.Env.GasLimit}
	results, err := engine.Execute(context.Background(), c.Env, []gpuevm.Tx{c.Tx}, pre)
	if err != nil {
		return err
	}
	r := &results[0]
	switch r.Status {
	case gpuevm.Unsupported:
		return fmt.Errorf("unsupported: %w", r.Err)
	case gpuevm.Invalid:
		return c.Judge(r.Err, before, before, nil)
	}
	post := pre.clone()
	if err := post.apply(&r.Diff); err != nil {
		return err
	}
	post.pay(c.Env.Coinbase, r, c.Env.Rules().IsEIP158)
	after, err := rootOf(post)
	if err != nil {
		return err
	}
	return c.Judge(nil, before, after, r.Logs)
}

// rootOf is the state root of cells, by go-ethereum.
func rootOf(s *cells) (common.Hash, error) {
	db, err := openState(s)
	if err != nil {
		return common.Hash{}, err
	}
	return db.IntermediateRoot(params.Rules{}), nil
}
