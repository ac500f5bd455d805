package statedb

import (
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/rawdb"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/gpuevm/gpuevm/gpuevm"
)

// prove is a witness of these cells: the nodes on the way to them.
func prove(t *testing.T, tries *Tries, keys ...gpuevm.Key) [][]byte {
	t.Helper()
	nodes := rawdb.NewMemoryDatabase()
	accounts, err := tries.openAccounts()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if err := accounts.Prove(crypto.Keccak256(key.Addr[:]), nodes); err != nil {
			t.Fatal(err)
		}
		if key.Kind != gpuevm.Slot {
			continue
		}
		a, err := accounts.GetAccount(key.Addr)
		if err != nil {
			t.Fatal(err)
		}
		storage, err := tries.openStorage(key.Addr, a.Root)
		if err != nil {
			t.Fatal(err)
		}
		if err := storage.Prove(crypto.Keccak256(key.Slot[:]), nodes); err != nil {
			t.Fatal(err)
		}
	}
	var out [][]byte
	it := nodes.NewIterator(nil, nil)
	for it.Next() {
		out = append(out, slices.Clone(it.Value()))
	}
	return out
}

// branch is three slots whose leaves hang on the same branch, the root.
func branch() (a, b, c common.Hash) {
	byNibble := make(map[byte]common.Hash)
	for i := uint64(0); len(byNibble) < 3; i++ {
		slot := word(i)
		byNibble[crypto.Keccak256(slot[:])[0]>>4] = slot
	}
	s := slices.SortedFunc(maps.Values(byNibble), common.Hash.Cmp)
	return s[0], s[1], s[2]
}

var (
	contract = common.Address{0xcc}
	full     = crypto.Keccak256Hash([]byte("a value that makes its leaf too long to embed"))
)

func slotKey(slot common.Hash) gpuevm.Key {
	return gpuevm.Key{Addr: contract, Kind: gpuevm.Slot, Slot: slot}
}

func wholeTries(t *testing.T) *Tries {
	a, b, _ := branch()
	alloc := types.GenesisAlloc{contract: {Balance: common.Big1, Storage: map[common.Hash]common.Hash{a: full, b: full}}}
	for i := range int64(64) {
		alloc[common.BigToAddress(big.NewInt(i))] = types.Account{Balance: big.NewInt(i)}
	}
	tries, err := TriesFromAlloc(alloc)
	if err != nil {
		t.Fatal(err)
	}
	return tries
}

// Where one slot goes and another comes, the branch above them stays, and the witness
// need not have the third slot that hangs there.
func TestWitnessNeedsNoSibling(t *testing.T) {
	whole := wholeTries(t)
	a, b, c := branch()
	tries, err := TriesFromWitness(whole.ViewRoot(), prove(t, whole, slotKey(a), slotKey(c)), nil)
	if err != nil {
		t.Fatal(err)
	}
	diff := &gpuevm.StateDiff{Cells: []gpuevm.Cell{{Key: slotKey(a)}, {Key: slotKey(c), Value: full}}}
	var roots [2]common.Hash
	for i, s := range []*Tries{whole, tries} {
		if err := s.Apply(diff); err != nil {
			t.Fatal(err)
		}
		if roots[i], err = s.Root(); err != nil {
			t.Fatal(err)
		}
	}
	if roots[0] != roots[1] {
		t.Errorf("whole tries have root %s, the witness %s", roots[0], roots[1])
	}
	if _, err := tries.Read(slotKey(b)); !names(err, contract.Hex(), b.Hex(), "missing trie node") {
		t.Errorf("a slot that is not in the witness: %v", err)
	}
	if v, err := tries.Read(slotKey(a)); v != full || err != nil {
		t.Errorf("the view changed: %s, %v", v, err)
	}
}

func TestWitnessLacks(t *testing.T) {
	whole := wholeTries(t)
	a, b, _ := branch()
	tries, err := TriesFromWitness(whole.ViewRoot(), prove(t, whole, slotKey(a)), nil)
	if err != nil {
		t.Fatal(err)
	}
	other := common.BigToAddress(big.NewInt(7))
	if _, err := tries.Read(gpuevm.Key{Addr: other, Kind: gpuevm.Nonce}); !names(err, other.Hex()) {
		t.Errorf("an account that is not in the witness: %v", err)
	}
	if err := tries.Apply(&gpuevm.StateDiff{Cells: []gpuevm.Cell{{Key: gpuevm.Key{Addr: other, Kind: gpuevm.Nonce}, Value: one}}}); !names(err, other.Hex()) {
		t.Errorf("changing an account that is not in the witness: %v", err)
	}
	tries, _ = TriesFromWitness(whole.ViewRoot(), prove(t, whole, slotKey(a)), nil)
	if err := tries.Apply(&gpuevm.StateDiff{Cells: []gpuevm.Cell{{Key: slotKey(b), Value: one}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := tries.Root(); !names(err, contract.Hex(), b.Hex()) {
		t.Errorf("changing a slot that is not in the witness: %v", err)
	}
	tries, _ = TriesFromWitness(whole.ViewRoot(), prove(t, whole, gpuevm.Key{Addr: contract}), nil)
	if _, err := tries.Read(slotKey(a)); !names(err, contract.Hex(), "storage") {
		t.Errorf("storage that is not in the witness: %v", err)
	}
	if _, err := TriesFromWitness(common.Hash{0xaa}, prove(t, whole, slotKey(a)), nil); !names(err, "0xaa00") {
		t.Errorf("a root that is not in the witness: %v", err)
	}
}

func names(err error, words ...string) bool {
	if err == nil {
		return false
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			return false
		}
	}
	return true
}
