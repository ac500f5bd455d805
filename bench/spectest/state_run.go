package spectest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/consensus/misc/eip4844"
	"github.com/ethereum/go-ethereum/core/rawdb"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/tests"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/hostsched"
	"github.com/gpuevm/gpuevm/statedb"
)

// StateOutcome is what a subtest led to.
type StateOutcome struct {
	Root    common.Hash // of the state after it
	GasUsed uint64
	State   *statedb.Tries // after it
}

// Run runs a subtest on the engine. The error says what was not as it must be.
func (t *StateTest) Run(ctx context.Context, engine gpuevm.Engine, s Subtest) (*StateOutcome, error) {
	post := &t.Post[s.Fork][s.Index]
	config, eips, err := tests.GetChainConfig(s.Fork)
	if err != nil {
		return nil, tests.UnsupportedForkError{Name: s.Fork}
	}
	state, err := statedb.TriesFromAlloc(t.Pre)
	if err != nil {
		return nil, err
	}
	pre := state.ViewRoot()
	out := &StateOutcome{Root: pre, State: state}
	result, failed, err := t.execute(ctx, engine, config, eips, post, state)
	switch {
	case err != nil:
		return out, err
	case failed != nil && post.Expect == "":
		return out, fmt.Errorf("unexpected error: %w", failed)
	case failed != nil && post.Root != (common.UnprefixedHash{}) && pre != common.Hash(post.Root):
		return out, fmt.Errorf("post-state root does not match the pre-state root, indicates an error in the test: got %x, want %x", pre, post.Root)
	case failed != nil:
		return out, nil
	}
	out.GasUsed = result.GasUsed
	if out.Root, err = state.Root(); err != nil {
		return out, err
	}
	switch {
	case post.Expect != "":
		return out, fmt.Errorf("expected error %q, got no error", post.Expect)
	case out.Root != common.Hash(post.Root):
		return out, fmt.Errorf("post state root mismatch: got %x, want %x", out.Root, post.Root)
	}
	if logs := logsHash(result.Logs); logs != common.Hash(post.Logs) {
		return out, fmt.Errorf("post state logs hash mismatch: got %x, want %x", logs, post.Logs)
	}
	return out, nil
}

// execute applies the transaction and folds what it changes into the state. failed is the
// transaction's own error; err means that nobody knows.
func (t *StateTest) execute(ctx context.Context, engine gpuevm.Engine, config *params.ChainConfig, eips []int, post *statePost, state *statedb.Tries) (result *gpuevm.Result, failed, err error) {
	env := t.environment(config, eips)
	tx, failed := t.Tx.build(post, env.BaseFee)
	if failed == nil {
		failed = wireError(config, env, &tx, post.TxBytes)
	}
	if failed != nil {
		return nil, failed, nil
	}
	var fault faultyEngine
	fault.Engine = engine
	result, diff, failed := hostsched.Transition(ctx, &fault, env, tx, state)
	if fault.err != nil {
		return nil, nil, fault.err
	}
	if failed != nil {
		return nil, failed, nil
	}
	return result, nil, state.Apply(diff)
}

// wireError is what a node checks before a transaction comes to execution: the header's
// and the body's blob limits, and the signature, where the test has one.
func wireError(config *params.ChainConfig, env *gpuevm.BlockEnv, tx *gpuevm.Tx, raw []byte) error {
	if config.IsCancun(new(big.Int), env.Time) && len(tx.BlobHashes) > eip4844.MaxBlobsPerBlock(config, env.Time) {
		return errors.New("blob gas exceeds maximum")
	}
	if len(raw) == 0 {
		return nil
	}
	var signed types.Transaction
	if err := signed.UnmarshalBinary(raw); err != nil {
		return err
	}
	_, err := types.Sender(types.LatestSigner(config), &signed)
	return err
}

// environment is the block that the transaction runs in.
func (t *StateTest) environment(config *params.ChainConfig, eips []int) *gpuevm.BlockEnv {
	e := &t.Env
	env := &gpuevm.BlockEnv{
		Config:     config,
		Number:     new(big.Int).SetUint64(uint64(*e.Number)),
		Time:       uint64(*e.Timestamp),
		Coinbase:   common.Address(*e.Coinbase),
		GasLimit:   uint64(*e.GasLimit),
		Difficulty: new(big.Int),
		ExtraEIPs:  eips,
		BlockHash:  numberHash,
	}
	if env.GasLimit == 0 {
		env.GasLimit = params.GenesisGasLimit // as a genesis block has it
	}
	if e.Difficulty != nil {
		env.Difficulty = (*big.Int)(e.Difficulty)
	}
	if config.IsLondon(new(big.Int)) {
		env.BaseFee = (*big.Int)(e.BaseFee)
		if env.BaseFee == nil {
			env.BaseFee = big.NewInt(0x0a) // retesteth's
		}
		if e.Random != nil {
			random := common.BigToHash((*big.Int)(e.Random))
			env.Random, env.Difficulty = &random, new(big.Int)
		}
	}
	if config.IsCancun(env.Number, env.Time) {
		excess := new(uint64)
		if e.ExcessBlobGas != nil {
			*excess = uint64(*e.ExcessBlobGas)
		}
		env.BlobBaseFee = eip4844.CalcBlobFee(config, &types.Header{Time: env.Time, ExcessBlobGas: excess})
	}
	if e.SlotNumber != nil && config.IsAmsterdam(env.Number, env.Time) {
		env.SlotNumber = uint64(*e.SlotNumber)
	}
	return env
}

// numberHash is what BLOCKHASH answers in state tests.
func numberHash(n uint64) common.Hash {
	return crypto.Keccak256Hash([]byte(new(big.Int).SetUint64(n).String()))
}

func logsHash(logs []*types.Log) common.Hash {
	enc, err := rlp.EncodeToBytes(logs)
	if err != nil {
		panic(err) // logs have an encoding
	}
	return crypto.Keccak256Hash(enc)
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

// Trace runs a subtest in go-ethereum's own state test runner, watched.
func (t *StateTest) Trace(s Subtest, tracer *tracing.Hooks) error {
	var theirs tests.StateTest
	if err := json.Unmarshal(t.raw, &theirs); err != nil {
		return err
	}
	st, _, _, _ := theirs.RunNoVerify(tests.StateSubtest{Fork: s.Fork, Index: s.Index}, vm.Config{Tracer: tracer}, false, rawdb.HashScheme)
	st.Close()
	return nil
}
