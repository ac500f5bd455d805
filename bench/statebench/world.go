package statebench

import (
	"encoding/binary"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/holiman/uint256"
)

// World is a state before the first block, by description: nothing of it is in memory.
// Accounts are numbered; the one after the last is a contract with many slots.
type World struct {
	Seed     uint64 `json:"seed"`
	Accounts int    `json:"accounts"`
	Slots    int    `json:"slots"` // of the large contract
}

// Every contractEach-th account has storage, of 1 to maxSlots slots.
const (
	contractEach = 10
	maxSlots     = 16
)

// theCode is the code of all contracts: nothing runs.
var (
	theCode     = []byte{0x5f, 0x5f, 0xf3}
	theCodeHash = crypto.Keccak256Hash(theCode)
)

// mix is a hash of numbers (splitmix64's finalizer): far cheaper than Keccak, and all that
// is asked of it is that names and values look random.
func (w *World) mix(what, i, j uint64) uint64 {
	x := w.Seed
	for _, v := range [...]uint64{what, i, j} {
		x += v + 0x9e3779b97f4a7c15
		x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		x ^= x >> 31
	}
	return x
}

const (
	ofAddress = iota
	ofBalance
	ofSlot
	ofValue
	ofBlock
)

func (w *World) word(what, i, j uint64) (h common.Hash) {
	for k := range uint64(4) {
		binary.BigEndian.PutUint64(h[8*k:], w.mix(what, i, 4*j+k))
	}
	return h
}

// address is the account's. Those from Accounts+1 on do not exist before the first block.
func (w *World) address(i int) common.Address {
	return common.BytesToAddress(w.word(ofAddress, uint64(i), 0).Bytes())
}

func (w *World) large() int { return w.Accounts }

// slotsOf is how many slots an account has.
func (w *World) slotsOf(i int) int {
	switch {
	case i == w.large():
		return w.Slots
	case i%contractEach == 0 && i < w.Accounts:
		return 1 + int(w.mix(ofSlot, uint64(i), 1<<40)%maxSlots)
	}
	return 0
}

func (w *World) slot(i, j int) common.Hash { return w.word(ofSlot, uint64(i), uint64(j)) }

// value is a word of 1 to 32 bytes, half of them short, as counters and addresses are.
func (w *World) value(what, i, j uint64) common.Hash {
	v := w.word(what, i, j)
	n := 1 + int(v[0]%32)
	if v[1]&1 == 0 {
		n = 1 + int(v[0]%8)
	}
	v[32-n] |= 1
	clear(v[:32-n])
	return v
}

// account is an account but for its storage root.
func (w *World) account(i int) types.StateAccount {
	a := types.StateAccount{
		Nonce:    1 + w.mix(ofBalance, uint64(i), 9)%1000,
		Balance:  new(uint256.Int).SetBytes(w.value(ofBalance, uint64(i), 0).Bytes()[20:]),
		Root:     types.EmptyRootHash,
		CodeHash: types.EmptyCodeHash[:],
	}
	if w.slotsOf(i) > 0 {
		a.CodeHash = theCodeHash[:]
	}
	return a
}
