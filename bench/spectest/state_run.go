package spectest

import (
	"context"
	"encoding/json"
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
	result, failed, err := transition(ctx, engine, c, state)
	if err != nil {
		return out, err
	}
	var logs []*types.Log
	if failed == nil {
		out.GasUsed, logs = result.GasUsed, result.Logs
		if out.Root, err = state.Root(); err != nil {
			return out, err
		}
	}
	return out, c.Judge(failed, pre, out.Root, logs)
}

// transition applies the transaction and folds what it changes into the state. failed is
// the transaction's own error; err means that nobody knows.
func transition(ctx context.Context, engine gpuevm.Engine, c *specfile.StateCase, state *statedb.Tries) (result *gpuevm.Result, failed, err error) {
	if c.Refused != nil {
		return nil, c.Refused, nil
	}
	fault := faultyEngine{Engine: engine}
	result, diff, failed := hostsched.Transition(ctx, &fault, c.Env, c.Tx, state)
	if fault.err != nil {
		return nil, nil, fault.err
	}
	if failed != nil {
		return nil, failed, nil
	}
	return result, nil, state.Apply(diff)
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
