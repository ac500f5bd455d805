package hostsched

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/params"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/holiman/uint256"
)

var _ core.Processor = (*GethProcessor)(nil)

// GethProcessor is a drop-in for go-ethereum's core.Processor: a Go node gives it its
// chain and uses it in place of core.StateProcessor. The changes end up in the node's
// StateDB. Blocks that must be watched while they run (a tracer, a witness) and blocks
// whose result must carry a block access list (Amsterdam, EIP-7928) go to go-ethereum's
// own processor.
type GethProcessor struct {
	chain     core.ChainContext
	processor *Processor
	serial    *core.StateProcessor
}

// NewGethProcessor returns a core.Processor for the chain.
func NewGethProcessor(chain core.ChainContext, p *Processor) *GethProcessor {
	return &GethProcessor{chain: chain, processor: p, serial: core.NewStateProcessor(chain)}
}

// Process implements core.Processor. statedb must be fresh: the state before the block
// is read from its reader. The caches are for go-ethereum's EVM; the engine has its own.
func (g *GethProcessor) Process(ctx context.Context, block *types.Block, statedb *state.StateDB, jumps vm.JumpDestCache, precompiles *vm.PrecompileCache, cfg vm.Config, execIndex *atomic.Int64) (*core.ProcessResult, error) {
	config := g.chain.Config()
	if cfg.Tracer != nil || statedb.Witness() != nil || config.IsAmsterdam(block.Number(), block.Time()) {
		return g.serial.Process(ctx, block, statedb, jumps, precompiles, cfg, execIndex)
	}
	header := block.Header()
	if g.chain.GetHeader(block.ParentHash(), block.NumberU64()-1) == nil {
		return nil, fmt.Errorf("missing parent %#x", block.ParentHash())
	}
	author, _ := g.chain.Engine().Author(header) // checked with the header
	target := &gethState{statedb, config.Rules(header.Number, header.Difficulty.Sign() == 0, header.Time)}
	b := &Block{
		Block:     block,
		Config:    config,
		Author:    author,
		BlockHash: BlockHashes(header, g.chain),
		Pre:       &readerView{reader: statedb.Reader()},
		Rewards:   func(*types.Header, []*types.Header) []Credit { return nil }, // Finalize below
	}
	if !target.rules.IsByzantium {
		b.Roots = target
	}
	if execIndex != nil { // tells the node's prefetcher how far we are
		b.OnCommit = func(i int) { execIndex.Store(int64(i)) }
	}
	result, err := g.processor.Process(ctx, b)
	if err != nil {
		return nil, err
	}
	if b.Roots == nil {
		if err := target.Apply(result.Diff()); err != nil {
			return nil, err
		}
	}
	g.chain.Engine().Finalize(g.chain, header, statedb, block.Body())
	return &core.ProcessResult{Receipts: result.Receipts, Requests: result.Requests, Logs: result.Logs, GasUsed: result.GasUsed}, nil
}

// BlockHashes answers BLOCKHASH from a chain's headers, safe for concurrent use.
func BlockHashes(header *types.Header, chain core.ChainContext) func(uint64) common.Hash {
	var mu sync.Mutex
	get := core.GetHashFn(header, chain)
	return func(n uint64) common.Hash {
		mu.Lock()
		defer mu.Unlock()
		return get(n)
	}
}

// gethState applies diffs to a go-ethereum StateDB.
type gethState struct {
	*state.StateDB
	rules params.Rules
}

var _ Roots = (*gethState)(nil)

// Apply implements Roots.
func (s *gethState) Apply(d *gpuevm.StateDiff) error {
	if len(d.Wiped) > 0 {
		s.wipe(d)
	}
	codes := make(map[common.Hash][]byte)
	for _, c := range d.Codes {
		codes[c.Hash] = c.Blob
	}
	for _, c := range d.Cells {
		if err := s.set(c, codes); err != nil {
			return err
		}
	}
	for _, c := range d.Adds {
		s.AddBalance(c.Key.Addr, new(uint256.Int).SetBytes32(c.Value[:]), tracing.BalanceChangeUnspecified)
	}
	s.Finalise(s.rules)
	return s.Error()
}

// wipe clears storage in the one way that a StateDB knows: the account is destroyed, and
// created again with the fields it had unless the diff says that it is gone.
func (s *gethState) wipe(d *gpuevm.StateDiff) {
	gone := make(map[common.Address]bool)
	for _, c := range d.Cells {
		if c.Key.Kind == gpuevm.Exists {
			gone[c.Key.Addr] = c.Value == (common.Hash{})
		}
	}
	type fields struct {
		addr    common.Address
		nonce   uint64
		balance *uint256.Int
		code    []byte
	}
	var kept []fields
	for _, addr := range d.Wiped {
		if !s.Exist(addr) {
			continue
		}
		if !gone[addr] {
			kept = append(kept, fields{addr, s.GetNonce(addr), s.GetBalance(addr).Clone(), s.GetCode(addr)})
		}
		s.SelfDestruct(addr)
	}
	s.Finalise(s.rules)
	for _, f := range kept {
		s.CreateAccount(f.addr)
		s.SetNonce(f.addr, f.nonce, tracing.NonceChangeUnspecified)
		s.SetBalance(f.addr, f.balance, tracing.BalanceChangeUnspecified)
		if len(f.code) > 0 {
			s.SetCode(f.addr, f.code, tracing.CodeChangeUnspecified)
		}
	}
}

func (s *gethState) set(c gpuevm.Cell, codes map[common.Hash][]byte) error {
	addr, number := c.Key.Addr, new(uint256.Int).SetBytes32(c.Value[:])
	if c.Value == (common.Hash{}) && c.Key.Kind != gpuevm.Slot && !s.Exist(addr) {
		return nil // wiped
	}
	switch c.Key.Kind {
	case gpuevm.Exists:
		if !number.IsZero() && !s.Exist(addr) {
			s.CreateAccount(addr)
		}
	case gpuevm.Nonce:
		s.SetNonce(addr, number.Uint64(), tracing.NonceChangeUnspecified)
	case gpuevm.Balance:
		s.SetBalance(addr, number, tracing.BalanceChangeUnspecified)
	case gpuevm.CodeHash:
		code, ok := codes[c.Value]
		if !ok && c.Value != (common.Hash{}) {
			if code = s.Reader().Code(addr, c.Value); len(code) == 0 {
				return fmt.Errorf("code %s of %s is missing", c.Value, addr)
			}
		}
		s.SetCode(addr, code, tracing.CodeChangeUnspecified)
	case gpuevm.Slot:
		s.SetState(addr, c.Key.Slot, c.Value)
	}
	return nil
}

// Root implements Roots.
func (s *gethState) Root() (common.Hash, error) {
	root := s.IntermediateRoot(s.rules)
	return root, s.Error()
}

// readerView is a state.Reader as a StateView. It keeps accounts, since a reader hands
// out all fields at once.
type readerView struct {
	reader   state.Reader
	accounts sync.Map // common.Address -> *types.StateAccount
}

// Read implements gpuevm.StateView.
func (v *readerView) Read(key gpuevm.Key) (common.Hash, error) {
	if key.Kind == gpuevm.Slot {
		return v.reader.Storage(key.Addr, key.Slot)
	}
	a, err := v.account(key.Addr)
	if err != nil || a == nil {
		return common.Hash{}, err
	}
	switch key.Kind {
	case gpuevm.Nonce:
		return uint256.NewInt(a.Nonce).Bytes32(), nil
	case gpuevm.Balance:
		return a.Balance.Bytes32(), nil
	case gpuevm.CodeHash:
		if h := common.BytesToHash(a.CodeHash); h != types.EmptyCodeHash {
			return h, nil
		}
		return common.Hash{}, nil
	default:
		return common.BytesToHash([]byte{1}), nil
	}
}

func (v *readerView) account(addr common.Address) (*types.StateAccount, error) {
	if a, ok := v.accounts.Load(addr); ok {
		return a.(*types.StateAccount), nil
	}
	a, err := v.reader.Account(addr)
	if err == nil {
		v.accounts.Store(addr, a)
	}
	return a, err
}

// Code implements gpuevm.StateView.
func (v *readerView) Code(hash common.Hash) ([]byte, error) {
	code := v.reader.Code(common.Address{}, hash)
	if len(code) == 0 {
		return nil, fmt.Errorf("code %s is missing", hash)
	}
	return code, nil
}
