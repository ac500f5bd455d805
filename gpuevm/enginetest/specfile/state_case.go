package specfile

import (
	"errors"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/consensus/misc/eip4844"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/tests"
	"github.com/gpuevm/gpuevm/gpuevm"
)

// StateCase is a subtest, ready to run: a transaction in a block on the test's state.
type StateCase struct {
	Env *gpuevm.BlockEnv
	Tx  gpuevm.Tx
	// Refused is why the transaction does not even come to execution; nil: it does.
	Refused error

	post *statePost
}

// Case prepares a subtest. The error is that of an unknown fork.
func (t *StateTest) Case(s Subtest) (*StateCase, error) {
	config, eips, err := tests.GetChainConfig(s.Fork)
	if err != nil {
		return nil, tests.UnsupportedForkError{Name: s.Fork}
	}
	c := &StateCase{Env: t.environment(config, eips), post: &t.Post[s.Fork][s.Index]}
	c.Tx, c.Refused = t.Tx.build(c.post, c.Env.BaseFee)
	if c.Refused == nil {
		c.Refused = wireError(config, c.Env, &c.Tx, c.post.TxBytes)
	}
	return c, nil
}

// Judge says what was not as it must be. failed is the error of an invalid transaction,
// of which pre and post are the same; else logs are those of its result.
func (c *StateCase) Judge(failed error, pre, post common.Hash, logs []*types.Log) error {
	want := common.Hash(c.post.Root)
	switch {
	case failed != nil && c.post.Expect == "":
		return fmt.Errorf("unexpected error: %w", failed)
	case failed != nil && want != (common.Hash{}) && pre != want:
		return fmt.Errorf("post-state root does not match the pre-state root, indicates an error in the test: got %x, want %x", pre, want)
	case failed != nil:
		return nil
	case c.post.Expect != "":
		return fmt.Errorf("expected error %q, got no error", c.post.Expect)
	case post != want:
		return fmt.Errorf("post state root mismatch: got %x, want %x", post, want)
	}
	if hash := logsHash(logs); hash != common.Hash(c.post.Logs) {
		return fmt.Errorf("post state logs hash mismatch: got %x, want %x", hash, c.post.Logs)
	}
	return nil
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
