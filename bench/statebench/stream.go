package statebench

import (
	"cmp"
	"context"
	"encoding/binary"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/trie"
)

// sink takes a state as it is made, to be written. Accounts, and the slots of one, come in
// the order of their hashes, a contract's slots before itself. Paths and blobs are valid
// during the call.
type sink interface {
	account(addr common.Address, hash common.Hash, a *types.StateAccount) error
	slot(addr common.Address, owner, slot, hash, value common.Hash) error
	node(owner common.Hash, path []byte, hash common.Hash, blob []byte) error
}

// place is an item and where it sorts. The 8 bytes decide: two in a hundred million that
// share them would fail the trie's check of the order.
type place struct {
	prefix uint64
	index  uint32
}

// sorted lists numbers by the hash of what they name.
func sorted(n int, hash func(i int) common.Hash) []place {
	list := make([]place, n)
	for i := range list {
		h := hash(i)
		list[i] = place{binary.BigEndian.Uint64(h[:]), uint32(i)}
	}
	slices.SortFunc(list, func(a, b place) int { return cmp.Compare(a.prefix, b.prefix) })
	return list
}

// order lists the accounts as their trie has them.
func (w *World) order() []place {
	return sorted(w.Accounts+1, func(i int) common.Hash { return crypto.Keccak256Hash(w.address(i).Bytes()) })
}

// slotOrder lists an account's slots as its trie has them.
func (w *World) slotOrder(i int) []place {
	if w.slotsOf(i) == 0 {
		return nil
	}
	return sorted(w.slotsOf(i), func(j int) common.Hash { return crypto.Keccak256Hash(w.slot(i, j).Bytes()) })
}

// stream makes the state and its tries, and returns its root. In memory are 16 bytes per
// account, and the slots of one contract.
func (w *World) stream(ctx context.Context, to sink, progress func(done int)) (common.Hash, error) {
	var failed error
	tries := builder{to, &failed}
	top := tries.trie(common.Hash{})
	for n, p := range w.order() {
		if n%4096 == 0 {
			if progress(n); ctx.Err() != nil {
				return common.Hash{}, context.Cause(ctx)
			}
		}
		i := int(p.index)
		addr := w.address(i)
		hash := crypto.Keccak256Hash(addr[:])
		a := w.account(i)
		var err error
		if a.Root, err = tries.storage(w, i, addr, hash); err != nil {
			return common.Hash{}, err
		}
		if err := to.account(addr, hash, &a); err != nil {
			return common.Hash{}, err
		}
		leaf, err := rlp.EncodeToBytes(&a)
		if err == nil {
			err = top.Update(hash[:], leaf)
		}
		if err = cmp.Or(err, failed); err != nil {
			return common.Hash{}, err
		}
	}
	return top.Hash(), failed
}

type builder struct {
	to     sink
	failed *error
}

func (b builder) trie(owner common.Hash) *trie.StackTrie {
	return trie.NewStackTrie(func(path []byte, hash common.Hash, blob []byte) {
		if *b.failed == nil {
			*b.failed = b.to.node(owner, path, hash, blob)
		}
	})
}

func (b builder) storage(w *World, i int, addr common.Address, owner common.Hash) (common.Hash, error) {
	if w.slotsOf(i) == 0 {
		return types.EmptyRootHash, nil
	}
	t := b.trie(owner)
	for _, p := range w.slotOrder(i) {
		j := int(p.index)
		slot, value := w.slot(i, j), w.value(ofValue, uint64(i), uint64(j))
		hash := crypto.Keccak256Hash(slot[:])
		if err := b.to.slot(addr, owner, slot, hash, value); err != nil {
			return common.Hash{}, err
		}
		if err := t.Update(hash[:], slotLeaf(value)); err != nil {
			return common.Hash{}, err
		}
	}
	return t.Hash(), *b.failed
}

func slotLeaf(value common.Hash) []byte {
	leaf, _ := rlp.EncodeToBytes(common.TrimLeftZeroes(value[:])) // bytes can always be encoded
	return leaf
}
