package statebench

import (
	"fmt"
	"math/rand/v2"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/holiman/uint256"
)

// Kind is what a block changes.
type Kind string

// Kinds of blocks.
const (
	KindAccounts Kind = "accounts" // balance and nonce of accounts, uniformly
	KindMixed    Kind = "mixed"    // as many accounts, and slots spread over all contracts
	KindStorage  Kind = "storage"  // slots of the one large contract
)

// Kinds lists them.
var Kinds = []Kind{KindAccounts, KindMixed, KindStorage}

// spec is all there is to a block.
type spec struct {
	Height uint64 `json:"height"`
	Kind   Kind   `json:"kind"`
	Dirty  int    `json:"dirty"` // keys
}

// newEach of the keys is one that is not there yet: an account, or a slot. As many slots are
// cleared. (An account can't be destroyed any more, but in the transaction that made it.)
const newEach = 20

// block is a diff: accounts first set, then slots, each key once.
type block struct {
	spec
	accounts []setAccount
	slots    []setSlot
}

type setAccount struct {
	addr    common.Address
	nonce   uint64
	balance uint256.Int
	fresh   bool
}

type setSlot struct {
	addr        common.Address
	slot, value common.Hash
}

// block makes a block. It depends on nothing but the arguments, so that a side that missed
// blocks can catch up.
func (w *World) block(s spec) *block {
	b := &block{spec: s}
	m := &making{w: w, r: rand.New(rand.NewPCG(w.mix(ofBlock, s.Height, 0), 1)), b: b, seen: make(map[[2]int]bool, s.Dirty)}
	for k := range s.Dirty {
		switch {
		case s.Kind == KindStorage:
			m.slot(w.large())
		case s.Kind == KindMixed && k%2 == 1:
			m.slot(m.r.IntN((w.Accounts+contractEach-1)/contractEach) * contractEach)
		default:
			m.account()
		}
	}
	return b
}

type making struct {
	w    *World
	r    *rand.Rand
	b    *block
	seen map[[2]int]bool
}

func (m *making) fresh() bool { return m.r.IntN(newEach) == 0 }

// newOnes keeps those made by a block apart from those made by others.
func (m *making) newOne(n int) int { return int(m.b.Height)<<24 | 1<<23 | n }

// again says whether the block has the key: slot j of account i, or the account.
func (m *making) again(i, j int) bool {
	key := [2]int{i, j}
	seen := m.seen[key]
	m.seen[key] = true
	return seen
}

func (m *making) account() {
	set := setAccount{nonce: 1001 + m.b.Height}
	i := m.r.IntN(m.w.Accounts)
	if set.fresh = m.fresh(); set.fresh {
		i = m.w.Accounts + 1 + m.newOne(len(m.b.accounts))
	}
	if m.again(i, -1) {
		return
	}
	set.addr = m.w.address(i)
	v := m.w.value(ofBlock, m.b.Height, uint64(i))
	set.balance.SetBytes(v[20:])
	m.b.accounts = append(m.b.accounts, set)
}

func (m *making) slot(i int) {
	j := m.r.IntN(m.w.slotsOf(i))
	value := m.w.value(ofBlock, m.b.Height, uint64(i)<<24|uint64(j))
	switch m.r.IntN(newEach) {
	case 0:
		j = m.newOne(len(m.b.slots))
	case 1:
		value = common.Hash{}
	}
	if m.again(i, j) {
		return
	}
	m.b.slots = append(m.b.slots, setSlot{m.w.address(i), m.w.slot(i, j), value})
}

// diff is the block as our side has it.
func (b *block) diff() *gpuevm.StateDiff {
	d := &gpuevm.StateDiff{Cells: make([]gpuevm.Cell, 0, 3*len(b.accounts)+len(b.slots))}
	set := func(addr common.Address, kind gpuevm.Kind, slot, value common.Hash) {
		d.Cells = append(d.Cells, gpuevm.Cell{Key: gpuevm.Key{Addr: addr, Kind: kind, Slot: slot}, Value: value})
	}
	for i := range b.accounts {
		a := &b.accounts[i]
		if a.fresh {
			set(a.addr, gpuevm.Exists, common.Hash{}, common.Hash{31: 1})
		}
		set(a.addr, gpuevm.Nonce, common.Hash{}, uint256.NewInt(a.nonce).Bytes32())
		set(a.addr, gpuevm.Balance, common.Hash{}, a.balance.Bytes32())
	}
	for i := range b.slots {
		set(b.slots[i].addr, gpuevm.Slot, b.slots[i].slot, b.slots[i].value)
	}
	return d
}

// hash names the block of a height.
func (w *World) hash(height uint64) common.Hash {
	return crypto.Keccak256Hash(fmt.Appendf(nil, "statebench %d %d %d block %d", w.Seed, w.Accounts, w.Slots, height))
}
