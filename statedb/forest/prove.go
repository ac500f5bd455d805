package forest

import (
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
)

// AccountProof proves an account and some of its slots, present or absent, under a state
// root: the shape of eth_getProof (EIP-1186).
type AccountProof struct {
	Address      common.Address  `json:"address"`
	AccountProof []hexutil.Bytes `json:"accountProof"` // nodes, root first
	Balance      *hexutil.Big    `json:"balance"`
	CodeHash     common.Hash     `json:"codeHash"`
	Nonce        hexutil.Uint64  `json:"nonce"`
	StorageHash  common.Hash     `json:"storageHash"`
	StorageProof []SlotProof     `json:"storageProof"`
}

// SlotProof proves a slot under the account's storage root.
type SlotProof struct {
	Key   common.Hash     `json:"key"`
	Value *hexutil.Big    `json:"value"`
	Proof []hexutil.Bytes `json:"proof"`
}

// Prove proves an account and slots of it in the state as of the last Root.
func (f *Forest) Prove(addr common.Address, slots []common.Hash) (*AccountProof, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return nil, f.err
	}
	defer f.arena.Rest()
	owner := crypto.Keccak256Hash(addr[:])
	leaf, err := f.accounts.Get(owner)
	if err != nil {
		return nil, fmt.Errorf("account %s: %w", addr.Hex(), err)
	}
	b := fresh()
	if leaf != nil {
		if b, err = decodeBody(leaf); err != nil {
			return nil, fmt.Errorf("account %s: %w", addr.Hex(), err)
		}
	}
	p := &AccountProof{
		Address: addr, Balance: (*hexutil.Big)(b.balance.ToBig()), CodeHash: b.code,
		Nonce: hexutil.Uint64(b.nonce), StorageHash: b.root, StorageProof: make([]SlotProof, 0, len(slots)),
	}
	nodes, err := f.accounts.Prove(owner)
	if err != nil {
		return nil, fmt.Errorf("account %s: %w", addr.Hex(), err)
	}
	p.AccountProof = encoded(nodes)
	return p, f.proveSlots(p, owner, slots)
}

func (f *Forest) proveSlots(p *AccountProof, owner common.Hash, slots []common.Hash) error {
	t := f.storage[owner]
	if t == nil {
		t = f.arena.New(owner, p.StorageHash, f.source)
		defer t.Reset(types.EmptyRootHash)
	}
	for _, slot := range slots {
		key := crypto.Keccak256Hash(slot[:])
		leaf, err := t.Get(key)
		if err != nil {
			return fmt.Errorf("account %s slot %s: %w", p.Address.Hex(), slot.Hex(), err)
		}
		value, err := decodeSlot(leaf)
		if err != nil {
			return fmt.Errorf("account %s slot %s: %w", p.Address.Hex(), slot.Hex(), err)
		}
		nodes, err := t.Prove(key)
		if err != nil {
			return fmt.Errorf("account %s slot %s: %w", p.Address.Hex(), slot.Hex(), err)
		}
		p.StorageProof = append(p.StorageProof, SlotProof{slot, (*hexutil.Big)(value), encoded(nodes)})
	}
	return nil
}

func encoded(nodes [][]byte) []hexutil.Bytes {
	out := make([]hexutil.Bytes, len(nodes))
	for i := range nodes {
		out[i] = nodes[i]
	}
	return out
}
