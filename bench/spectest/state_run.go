package spectest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/rawdb"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/tests"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/gpuevm/enginetest/specfile"
	"github.com/gpuevm/gpuevm/hostsched"
	"github.com/gpuevm/gpuevm/statedb"
	"github.com/gpuevm/gpuevm/statedb/forest"
)

// StateOutcome is what a subtest led to.
type StateOutcome struct {
	Root    common.Hash // of the state after it
	GasUsed uint64
	State   *statedb.Tries // after it
}

// RunState runs a subtest on the engine. The error says what was not as it must be.
func RunState(ctx context.Context, engine gpuevm.Engine, t *specfile.StateTest, s specfile.Subtest) (*StateOutcome, error) {
	c, err := t.Case(s)
	if err != nil {
		return nil, err
	}
	state, err := statedb.TriesFromAlloc(t.Pre)
	if err != nil {
		return nil, err
	}
	pre := state.ViewRoot()
	out := &StateOutcome{Root: pre, State: state}
	result, diff, failed, err := transition(ctx, engine, c, state)
	if err != nil {
		return out, err
	}
	var logs []*types.Log
	if failed == nil {
		out.GasUsed, logs = result.GasUsed, result.Logs
		if out.Root, err = rootAfter(state, t.Pre, diff); err != nil {
			return out, err
		}
	}
	return out, c.Judge(failed, pre, out.Root, logs)
}

// rootAfter is the root of a state with a diff folded in: by go-ethereum's tries, and by
// ours, which begin with an allocation, keep it as nodes, and read from there what they need.
func rootAfter(state *statedb.Tries, alloc types.GenesisAlloc, diff *gpuevm.StateDiff) (root common.Hash, err error) {
	if err := state.Apply(diff); err != nil {
		return root, err
	}
	if root, err = state.Root(); err != nil {
		return root, err
	}
	first, err := statedb.AllocDiff(alloc)
	if err != nil {
		return root, err
	}
	nodes, at := forest.NewNodes(), common.Hash{}
	for _, d := range []*gpuevm.StateDiff{first, diff} {
		f := forest.New(forest.Options{Workers: 1, Readers: 1}, at, nodes)
		if err = f.Apply(d); err == nil {
			at, err = f.Root()
		}
		if err = errors.Join(err, f.Collect(nodes.Keep)); err != nil {
			return root, fmt.Errorf("our tries: %w", err)
		}
	}
	if at != root {
		return root, fmt.Errorf("our tries have root %s, go-ethereum's %s", at.Hex(), root.Hex())
	}
	return root, nil
}

// transition executes the transaction. failed is its own error; err means that nobody
// knows.
func transition(ctx context.Context, engine gpuevm.Engine, c *specfile.StateCase, state gpuevm.StateView) (result *gpuevm.Result, diff *gpuevm.StateDiff, failed, err error) {
	if c.Refused != nil {
		return nil, nil, c.Refused, nil
	}
	fault := faultyEngine{Engine: engine}
	result, diff, failed = hostsched.Transition(ctx, &fault, c.Env, c.Tx, state)
	if fault.err != nil {
		return nil, nil, nil, fault.err
	}
	if failed != nil {
		return nil, nil, failed, nil
	}
	return result, diff, nil, nil
}

// faultyEngine tells a batch that could not be run from a transaction that is invalid: a
// test that expects the second must not be content with the first.
type faultyEngine struct {
	gpuevm.Engine
	err error
}

func (f *faultyEngine) Execute(ctx context.Context, env *gpuevm.BlockEnv, txs []gpuevm.Tx, pre gpuevm.StateView) ([]gpuevm.Result, error) {
	results, err := f.Engine.Execute(ctx, env, txs, pre)
	f.err = err
	for i := range results {
		if results[i].Status == gpuevm.Unsupported {
			f.err = fmt.Errorf("unsupported: %w", results[i].Err)
		}
	}
	return results, err
}

// TraceState runs a subtest in go-ethereum's own state test runner, watched.
func TraceState(t *specfile.StateTest, s specfile.Subtest, tracer *tracing.Hooks) error {
	var theirs tests.StateTest
	if err := json.Unmarshal(t.Raw, &theirs); err != nil {
		return err
	}
	st, _, _, _ := theirs.RunNoVerify(tests.StateSubtest{Fork: s.Fork, Index: s.Index}, vm.Config{Tracer: tracer}, false, rawdb.HashScheme)
	st.Close()
	return nil
}
