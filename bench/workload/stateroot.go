package workload

import (
	"bytes"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/trie"
	"github.com/holiman/uint256"
)

// leaf is one entry of a trie.
type leaf struct {
	key   common.Hash
	value []byte
}

// stateRoot is the root of the state trie. Genesis.ToBlock would say the same, but it
// builds a database on the way, which at 100,000 accounts takes longer than signing.
func stateRoot(alloc types.GenesisAlloc) common.Hash {
	accounts := make([]common.Address, 0, len(alloc))
	for addr := range alloc {
		accounts = append(accounts, addr)
	}
	leaves := make([]leaf, len(accounts))
	inParallel(len(accounts), func(i int) {
		a := alloc[accounts[i]]
		blob, err := rlp.EncodeToBytes(&types.StateAccount{
			Nonce:    a.Nonce,
			Balance:  uint256.MustFromBig(a.Balance),
			Root:     storageRoot(a.Storage),
			CodeHash: crypto.Keccak256(a.Code),
		})
		if err != nil {
			panic(err)
		}
		leaves[i] = leaf{crypto.Keccak256Hash(accounts[i][:]), blob}
	})
	return rootOf(leaves)
}

func storageRoot(storage map[common.Hash]common.Hash) common.Hash {
	leaves := make([]leaf, 0, len(storage))
	for slot, value := range storage {
		blob, err := rlp.EncodeToBytes(common.TrimLeftZeroes(value[:]))
		if err != nil {
			panic(err)
		}
		leaves = append(leaves, leaf{crypto.Keccak256Hash(slot[:]), blob})
	}
	return rootOf(leaves)
}

func rootOf(leaves []leaf) common.Hash {
	slices.SortFunc(leaves, func(a, b leaf) int { return bytes.Compare(a.key[:], b.key[:]) })
	t := trie.NewStackTrie(nil)
	for _, l := range leaves {
		if err := t.Update(l.key[:], l.value); err != nil {
			panic(err)
		}
	}
	return t.Hash()
}
