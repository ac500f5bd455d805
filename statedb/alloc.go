package statedb

import (
	"bytes"
	"fmt"
	"math/big"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/trie"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/holiman/uint256"
)

// AllocDiff is what makes an allocation out of nothing.
func AllocDiff(alloc types.GenesisAlloc) (*gpuevm.StateDiff, error) {
	d := new(gpuevm.StateDiff)
	for addr, a := range alloc {
		field := func(kind gpuevm.Kind, value common.Hash) {
			if value != (common.Hash{}) {
				d.Cells = append(d.Cells, gpuevm.Cell{Key: gpuevm.Key{Addr: addr, Kind: kind}, Value: value})
			}
		}
		balance := new(uint256.Int)
		if a.Balance != nil {
			if a.Balance.Sign() < 0 || balance.SetFromBig(a.Balance) {
				return nil, fmt.Errorf("allocation of %s: balance %v is not a 256-bit number", addr.Hex(), a.Balance)
			}
		}
		field(gpuevm.Exists, one)
		field(gpuevm.Nonce, word(a.Nonce))
		field(gpuevm.Balance, balance.Bytes32())
		if len(a.Code) > 0 {
			hash := crypto.Keccak256Hash(a.Code)
			field(gpuevm.CodeHash, hash)
			d.Codes = append(d.Codes, gpuevm.Code{Hash: hash, Blob: a.Code})
		}
		for slot, value := range a.Storage {
			d.Cells = append(d.Cells, gpuevm.Cell{Key: gpuevm.Key{Addr: addr, Kind: gpuevm.Slot, Slot: slot}, Value: value})
		}
	}
	return d, nil
}

// Alloc lists all accounts. The code of one whose code the state lacks is nil.
func (m *Mem) Alloc() types.GenesisAlloc {
	alloc := make(types.GenesisAlloc, len(m.accounts))
	for addr, a := range m.accounts {
		out := types.Account{
			Nonce:   a.nonce(),
			Balance: new(big.Int).SetBytes(a.fields[gpuevm.Balance][:]),
		}
		if hash := a.fields[gpuevm.CodeHash]; hash != (common.Hash{}) {
			out.Code, _ = m.Code(hash)
		}
		if len(a.slots) > 0 {
			out.Storage = make(map[common.Hash]common.Hash, len(a.slots))
			for slot, value := range a.slots {
				out.Storage[slot] = value
			}
		}
		alloc[addr] = out
	}
	return alloc
}

// AllocRoot is the state root that all accounts together have, computed from scratch.
func (m *Mem) AllocRoot() common.Hash {
	leaves := make([]leaf, 0, len(m.accounts))
	for addr, a := range m.accounts {
		leaves = append(leaves, leaf{crypto.Keccak256Hash(addr[:]), encode(a.state())})
	}
	return rootOf(leaves)
}

func (a *memAccount) nonce() uint64 {
	return new(uint256.Int).SetBytes32(a.fields[gpuevm.Nonce][:]).Uint64()
}

// state is the account as the state trie has it.
func (a *memAccount) state() *types.StateAccount {
	slots := make([]leaf, 0, len(a.slots))
	for slot, value := range a.slots {
		slots = append(slots, leaf{crypto.Keccak256Hash(slot[:]), encode(common.TrimLeftZeroes(value[:]))})
	}
	return &types.StateAccount{
		Nonce:    a.nonce(),
		Balance:  new(uint256.Int).SetBytes32(a.fields[gpuevm.Balance][:]),
		Root:     rootOf(slots),
		CodeHash: trieCodeHash(a.fields[gpuevm.CodeHash]),
	}
}

// trieCodeHash is a CodeHash cell as an account in the trie has it.
func trieCodeHash(cell common.Hash) []byte {
	if cell == (common.Hash{}) {
		return types.EmptyCodeHash.Bytes()
	}
	return cell.Bytes()
}

type leaf struct {
	key   common.Hash
	value []byte
}

func rootOf(leaves []leaf) common.Hash {
	slices.SortFunc(leaves, func(a, b leaf) int { return bytes.Compare(a.key[:], b.key[:]) })
	t := trie.NewStackTrie(nil)
	for i := range leaves {
		if err := t.Update(leaves[i].key[:], leaves[i].value); err != nil {
			panic(err) // keys not ascending
		}
	}
	return t.Hash()
}

func encode(v any) []byte {
	enc, err := rlp.EncodeToBytes(v)
	if err != nil {
		panic(err) // a type that has no RLP
	}
	return enc
}
