package bench

import (
	"context"
	"fmt"
	"math/big"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/consensus"
	"github.com/ethereum/go-ethereum/consensus/beacon"
	"github.com/ethereum/go-ethereum/consensus/ethash"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/rawdb"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/trie"
	"github.com/ethereum/go-ethereum/triedb"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/holiman/uint256"
)

// Geth runs blocks through go-ethereum's core.StateProcessor: the baseline.
type Geth struct {
	// Node recovers senders ahead on all cores and keeps caches as a node does;
	// otherwise each sender is recovered when its transaction's turn comes.
	Node bool

	jumps vm.JumpDestCache
}

// NewGeth returns a baseline. The JUMPDEST analyses are kept from block to block on
// both sides of a comparison.
func NewGeth(node bool) *Geth { return &Geth{Node: node, jumps: core.NewJumpDestCache()} }

// GethResult is what go-ethereum made of a block.
type GethResult struct {
	*core.ProcessResult
	State        *state.StateDB
	ReceiptsRoot common.Hash
	Bloom        types.Bloom
	// Wall is the time from the block to its receipts. go-ethereum computes their root
	// and bloom on a goroutine beside, which ends with it; it keeps them to itself, so
	// they are computed again here, outside of Wall.
	Wall time.Duration
}

// Run processes a block on a state. Its transactions must be Fresh.
func (g *Geth) Run(ctx context.Context, job *Job, sdb *state.StateDB) (*GethResult, error) {
	config, header := job.Config, job.Block.Header()
	start := time.Now()
	var precompiles *vm.PrecompileCache
	if g.Node {
		core.SenderCacher().Recover(types.MakeSigner(config, header.Number, header.Time), job.Block.Transactions())
		precompiles = vm.NewPrecompileCache()
	}
	chain := &oneBlockChain{config: config, parent: job.Parent, header: header, hashes: job.BlockHash}
	var res *core.ProcessResult
	var err error
	if config.IsByzantium(header.Number) {
		res, err = core.NewStateProcessor(chain).Process(ctx, job.Block, sdb, g.jumps, precompiles, vm.Config{DisableParallelExecution: !g.Node}, nil)
	} else {
		res, err = g.runEarly(job, chain, sdb)
	}
	if err == nil {
		err = sdb.Error()
	}
	if err != nil {
		return nil, err
	}
	out := &GethResult{ProcessResult: res, State: sdb, Wall: time.Since(start)}
	out.Bloom = types.MergeBloom(res.Receipts)
	out.ReceiptsRoot = types.DeriveSha(res.Receipts, trie.NewStackTrie(nil))
	return out, nil
}

// runEarly is go-ethereum's serial loop for blocks before Byzantium, without the state
// root after every transaction, which neither side of a comparison can compute from a
// flat state.
func (g *Geth) runEarly(job *Job, chain *oneBlockChain, sdb *state.StateDB) (*core.ProcessResult, error) {
	header := job.Block.Header()
	evm := vm.NewEVM(core.NewEVMBlockContext(header, chain, &job.Author), sdb, job.Config, vm.Config{})
	defer evm.Release()
	evm.SetJumpDestCache(g.jumps)
	signer, pool := types.MakeSigner(job.Config, header.Number, header.Time), core.NewGasPool(header.GasLimit)
	out := new(core.ProcessResult)
	for i, tx := range job.Block.Transactions() {
		msg, err := core.TransactionToMessage(tx, signer, header.BaseFee)
		if err != nil {
			return nil, fmt.Errorf("tx %d: %w", i, err)
		}
		sdb.SetTxContext(tx.Hash(), i, uint32(i+1))
		res, err := core.ApplyMessage(evm, msg, pool)
		if err != nil {
			return nil, fmt.Errorf("tx %d: %w", i, err)
		}
		sdb.Finalise(evm.GetRules())
		out.Receipts = append(out.Receipts, core.MakeReceipt(evm, res, sdb, header.Number, job.Block.Hash(), header.Time, tx, pool.CumulativeUsed(), nil))
	}
	out.GasUsed = pool.Used()
	_ = types.DeriveSha(out.Receipts, trie.NewStackTrie(nil)) // as StateProcessor does beside
	return out, nil
}

// OverView is a go-ethereum StateDB that reads from a view, without tries. It can't
// compute roots.
func OverView(pre gpuevm.StateView) (*state.StateDB, error) {
	db := state.NewDatabase(triedb.NewDatabase(rawdb.NewMemoryDatabase(), triedb.HashDefaults), nil)
	return state.NewWithReader(types.EmptyRootHash, db, viewReader{pre})
}

// viewReader is a StateView as go-ethereum's state.Reader.
type viewReader struct{ view gpuevm.StateView }

func (r viewReader) Account(addr common.Address) (*types.StateAccount, error) {
	var fields [gpuevm.Slot]common.Hash
	for kind := range fields {
		v, err := r.view.Read(gpuevm.Key{Addr: addr, Kind: gpuevm.Kind(kind)})
		if err != nil {
			return nil, err
		}
		if gpuevm.Kind(kind) == gpuevm.Exists && v == (common.Hash{}) {
			return nil, nil
		}
		fields[kind] = v
	}
	a := types.NewEmptyStateAccount()
	a.Nonce = new(uint256.Int).SetBytes32(fields[gpuevm.Nonce][:]).Uint64()
	a.Balance = new(uint256.Int).SetBytes32(fields[gpuevm.Balance][:])
	if h := fields[gpuevm.CodeHash]; h != (common.Hash{}) {
		a.CodeHash = h.Bytes()
	}
	return a, nil
}

func (r viewReader) Storage(addr common.Address, slot common.Hash) (common.Hash, error) {
	return r.view.Read(gpuevm.Key{Addr: addr, Kind: gpuevm.Slot, Slot: slot})
}

func (r viewReader) Code(_ common.Address, hash common.Hash) []byte {
	code, _ := r.view.Code(hash)
	return code
}

func (r viewReader) CodeSize(addr common.Address, hash common.Hash) int {
	return len(r.Code(addr, hash))
}

func (r viewReader) Has(addr common.Address, hash common.Hash) bool {
	return r.CodeSize(addr, hash) > 0
}

// oneBlockChain is as much of a chain as processing one block asks for. It answers with
// headers that carry the right hashes: BLOCKHASH follows parent hashes downward.
type oneBlockChain struct {
	config *params.ChainConfig
	parent *types.Header // may be nil
	header *types.Header
	hashes func(uint64) common.Hash
}

func (c *oneBlockChain) Config() *params.ChainConfig               { return c.config }
func (c *oneBlockChain) Engine() consensus.Engine                  { return beacon.New(ethash.NewFaker()) }
func (c *oneBlockChain) CurrentHeader() *types.Header              { return c.parent }
func (c *oneBlockChain) GetHeaderByNumber(uint64) *types.Header    { return nil }
func (c *oneBlockChain) GetHeaderByHash(common.Hash) *types.Header { return nil }

// GetHeader makes up a header of which only the number and the parent's hash are true,
// but for the parent, where it is known.
func (c *oneBlockChain) GetHeader(_ common.Hash, number uint64) *types.Header {
	if number+1 == c.header.Number.Uint64() && c.parent != nil {
		return c.parent
	}
	h := &types.Header{Number: new(big.Int).SetUint64(number), Difficulty: new(big.Int)}
	if number > 0 {
		h.ParentHash = c.hashes(number - 1)
	}
	return h
}

// Fresh decodes a block's transactions anew, since go-ethereum keeps a recovered sender
// in the transaction, which would make the second run of a comparison cheaper.
func Fresh(b *types.Block) (*types.Block, error) {
	body := *b.Body()
	body.Transactions = make(types.Transactions, len(b.Transactions()))
	for i, tx := range b.Transactions() {
		raw, err := tx.MarshalBinary()
		if err != nil {
			return nil, fmt.Errorf("tx %d: %w", i, err)
		}
		body.Transactions[i] = new(types.Transaction)
		if err := body.Transactions[i].UnmarshalBinary(raw); err != nil {
			return nil, fmt.Errorf("tx %d: %w", i, err)
		}
	}
	return types.NewBlockWithHeader(b.Header()).WithBody(body), nil
}
