package bulk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/gpuevm/gpuevm/statedb/store"
	"github.com/holiman/uint256"
)

// Alloc is an allocation as a source. Slots that are zero are none.
type Alloc types.GenesisAlloc

// Each implements Source.
func (a Alloc) Each(_ context.Context, to Sink) (common.Hash, error) {
	done := int64(0)
	for addr, x := range a {
		for slot, value := range x.Storage {
			if value == (common.Hash{}) {
				continue
			}
			if err := to.Slot(slot, value); err != nil {
				return common.Hash{}, err
			}
		}
		acct := Account{Addr: addr, Nonce: x.Nonce, Code: x.Code}
		balance, err := allocBalance(addr, &x)
		if err != nil {
			return common.Hash{}, err
		}
		acct.Balance = balance.Bytes32()
		if len(x.Code) > 0 {
			acct.CodeHash = crypto.Keccak256Hash(x.Code)
		}
		if err := to.Account(acct); err != nil {
			return common.Hash{}, err
		}
		done++
		to.At(done, int64(len(a)))
	}
	return common.Hash{}, nil
}

func allocBalance(addr common.Address, x *types.Account) (*uint256.Int, error) {
	b := new(uint256.Int)
	if x.Balance != nil && (x.Balance.Sign() < 0 || b.SetFromBig(x.Balance)) {
		return nil, fmt.Errorf("account %s: balance %v is not a 256-bit number", addr.Hex(), x.Balance)
	}
	return b, nil
}

// ImportGenesis makes the state of a genesis.json the first of an empty store.
func ImportGenesis(ctx context.Context, s *store.Store, r io.Reader, opt Options) (*types.Block, *Report, error) {
	g := new(core.Genesis)
	if err := json.NewDecoder(r).Decode(g); err != nil {
		return nil, nil, fmt.Errorf("genesis: %w", err)
	}
	if g.Config == nil {
		return nil, nil, errors.New("genesis: there is no chain configuration")
	}
	for addr, x := range g.Alloc { // go-ethereum panics
		if _, err := allocBalance(addr, &x); err != nil {
			return nil, nil, fmt.Errorf("genesis: %w", err)
		}
	}
	block := g.ToBlock()
	rep, err := Import(ctx, s, block.NumberU64(), block.Hash(), block.Root(), Alloc(g.Alloc), opt)
	return block, rep, err
}
