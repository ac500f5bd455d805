package hostsched

import (
	"context"

	"github.com/gpuevm/gpuevm/gpuevm"
)

// Transition applies a single transaction to the state pre, outside of any block: state
// tests and what-if questions. It takes the same way as in a block, a speculative
// execution and then the law. The diff includes the fee. The error is that of an invalid
// transaction.
func Transition(ctx context.Context, engine gpuevm.Engine, env *gpuevm.BlockEnv, tx gpuevm.Tx, pre gpuevm.StateView) (*gpuevm.Result, *gpuevm.StateDiff, error) {
	l := &ledger{
		env:      env,
		rules:    env.Rules(),
		referee:  engine,
		state:    newOverlay(pre),
		pool:     gpuevm.GasPool{Limit: env.GasLimit},
		rejected: func(*gpuevm.Tx, *gpuevm.Result) {},
	}
	guess := tx
	guess.TrustNonce = true
	results, err := engine.Execute(ctx, env, []gpuevm.Tx{guess}, &view{l.state, int32(tx.Index)})
	if err != nil {
		return nil, nil, err
	}
	result, err := l.commit(ctx, &tx, &results[0], false)
	if err != nil {
		return nil, nil, err
	}
	return result, l.state.diff(false), nil
}
