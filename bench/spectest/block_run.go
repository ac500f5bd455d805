package spectest

import (
	"bytes"
	"errors"
	"fmt"
	stdmath "math"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/consensus/beacon"
	"github.com/ethereum/go-ethereum/consensus/ethash"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/rawdb"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/tests"
	"github.com/ethereum/go-ethereum/triedb"
	"github.com/ethereum/go-ethereum/triedb/hashdb"
	"github.com/ethereum/go-ethereum/triedb/pathdb"
	"github.com/gpuevm/gpuevm/hostsched"
)

// BlockOptions say how a block test is run.
type BlockOptions struct {
	Processor hostsched.Options
	// Scheme is how the chain keeps its tries: rawdb.HashScheme (default) or PathScheme.
	Scheme string
	// Tracer and CrossCheck (execution against a witness) make go-ethereum's own
	// processor run the blocks: it alone can be watched.
	Tracer     *tracing.Hooks
	CrossCheck bool
}

// BlockOutcome is what a block test led to.
type BlockOutcome struct {
	Root   *common.Hash // of the chain's head; nil where there is no chain
	Blocks Blocks
	State  *state.StateDB // at the head
}

// Run imports the test's blocks into a chain that executes them with our processor. The
// error says what was not as it must be.
func (t *BlockTest) Run(o BlockOptions) (out *BlockOutcome, err error) {
	out = new(BlockOutcome)
	shared, ok := tests.Forks[t.Network]
	if !ok {
		return out, tests.UnsupportedForkError{Name: t.Network}
	}
	config := *shared
	if config.TerminalTotalDifficulty == nil {
		config.TerminalTotalDifficulty = big.NewInt(stdmath.MaxInt64) // never
	}
	chain, err := t.open(&config, o)
	if err != nil {
		return out, err
	}
	defer chain.Stop()
	watched, err := newWatchedProcessor(chain, t.genesis(&config), o)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, watched.close()) }()
	chain.SetBlockValidatorAndProcessorForTesting(core.NewBlockValidator(&config, chain), watched)
	valid, err := t.insert(chain, watched)
	root := chain.CurrentBlock().Root
	out.Root, out.Blocks = &root, watched.Blocks
	if err == nil {
		out.State, err = chain.State()
	}
	if err != nil {
		return out, err
	}
	return out, t.check(chain, out.State, valid)
}

// open makes the chain with its genesis block.
func (t *BlockTest) open(config *params.ChainConfig, o BlockOptions) (*core.BlockChain, error) {
	if o.Scheme == "" {
		o.Scheme = rawdb.HashScheme
	}
	spec, db := t.genesis(config), rawdb.NewMemoryDatabase()
	kept := &triedb.Config{Preimages: true}
	if o.Scheme == rawdb.PathScheme {
		kept.PathDB = pathdb.Defaults
	} else {
		kept.HashDB = hashdb.Defaults
	}
	tries := triedb.NewDatabase(db, kept)
	block, err := spec.Commit(db, tries, nil)
	if err != nil {
		return nil, err
	}
	tries.Close() // the chain opens its own
	if block.Hash() != t.Genesis.Hash {
		return nil, fmt.Errorf("genesis block hash doesn't match test: computed=%x, test=%x", block.Hash().Bytes()[:6], t.Genesis.Hash[:6])
	}
	if block.Root() != t.Genesis.StateRoot {
		return nil, fmt.Errorf("genesis block state root does not match test: computed=%x, test=%x", block.Root().Bytes()[:6], t.Genesis.StateRoot[:6])
	}
	return core.NewBlockChain(db, spec, beacon.New(ethash.NewFaker()), &core.BlockChainConfig{
		StateScheme:             o.Scheme,
		Preimages:               true,
		TxLookupLimit:           -1,
		NoPrefetch:              true, // it would execute the block beside us
		VmConfig:                vm.Config{Tracer: o.Tracer},
		StatelessSelfValidation: o.CrossCheck,
	})
}

// insert imports the blocks one by one and returns the headers of those that were to be
// accepted, by their hash.
func (t *BlockTest) insert(chain *core.BlockChain, w *watchedProcessor) (map[common.Hash]*blockHeader, error) {
	valid := make(map[common.Hash]*blockHeader)
	for i := range t.Blocks {
		e := &t.Blocks[i]
		block, err := e.decode()
		if err != nil {
			if e.Header != nil {
				return nil, fmt.Errorf("block RLP decoding failed when expected to succeed: %v", err)
			}
			continue
		}
		_, err = chain.InsertChain(types.Blocks{block})
		if w.failure != nil {
			return nil, fmt.Errorf("block #%v: %w", block.Number(), w.failure)
		}
		switch {
		case err != nil && e.Header != nil:
			return nil, fmt.Errorf("block #%v insertion into chain failed: %v", block.Number(), err)
		case err != nil:
			continue // as it must be
		case e.Header == nil:
			return nil, fmt.Errorf("block (index %d) insertion should have failed due to: %v", i, e.Expect)
		}
		if err := e.Header.equal(block.Header()); err != nil {
			return nil, fmt.Errorf("deserialised block header validation failed: %v", err)
		}
		valid[e.Header.Hash] = e.Header
	}
	return valid, nil
}

// check compares what the chain has come to with what the test states.
func (t *BlockTest) check(chain *core.BlockChain, db *state.StateDB, valid map[common.Hash]*blockHeader) error {
	if head := chain.CurrentBlock().Hash(); common.Hash(t.Best) != head {
		return fmt.Errorf("last block hash validation mismatch: want: %x, have: %x", t.Best, head)
	}
	for addr, want := range t.Post {
		if err := checkAccount(db, addr, want.Code, want.Balance, want.Nonce, want.Storage); err != nil {
			return fmt.Errorf("post state validation failed: account %s: %v", addr, err)
		}
	}
	for h := chain.CurrentBlock(); h != nil && h.Number.Sign() != 0; h = chain.GetHeaderByHash(h.ParentHash) {
		want := valid[h.Hash()]
		if want == nil {
			return fmt.Errorf("imported block %x is none of the test's", h.Hash())
		}
		if err := want.equal(h); err != nil {
			return fmt.Errorf("imported block header validation failed: %v", err)
		}
	}
	return nil
}

func checkAccount(db *state.StateDB, addr common.Address, code []byte, balance *big.Int, nonce uint64, storage map[common.Hash]common.Hash) error {
	if have := db.GetCode(addr); !bytes.Equal(have, code) {
		return fmt.Errorf("code: want: %x have: %x", code, have)
	}
	if have := db.GetBalance(addr).ToBig(); have.Cmp(balance) != 0 {
		return fmt.Errorf("balance: want: %d have: %d", balance, have)
	}
	if have := db.GetNonce(addr); have != nonce {
		return fmt.Errorf("nonce: want: %d have: %d", nonce, have)
	}
	for k, v := range storage {
		if have := db.GetState(addr, k); have != v {
			return fmt.Errorf("slot %x: want: %x have: %x", k, v, have)
		}
	}
	return nil
}
