// Package world makes random states and diffs, for the tests of everything that keeps states.
package world

import (
	"encoding/binary"
	"math/rand"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/statedb"
	"github.com/holiman/uint256"
)

// World makes diffs that are right for a state, and knows the state.
type World struct {
	*rand.Rand
	State *statedb.Mem
	Addrs []common.Address
}

// New is an empty world of 300 addresses.
func New(seed int64) *World {
	w := &World{Rand: rand.New(rand.NewSource(seed)), State: statedb.NewMem(nil)}
	for range 300 {
		var a common.Address
		w.Read(a[:])
		w.Addrs = append(w.Addrs, a)
	}
	return w
}

// Word is a number as a cell has it.
func Word(n uint64) (h common.Hash) {
	binary.BigEndian.PutUint64(h[24:], n)
	return h
}

// Field is a field of an account.
func (w *World) Field(addr common.Address, kind gpuevm.Kind) common.Hash {
	v, _ := w.State.Read(gpuevm.Key{Addr: addr, Kind: kind})
	return v
}

// Diff changes some accounts: new ones, old ones, destroyed ones.
func (w *World) Diff(accounts, slots int) *gpuevm.StateDiff {
	d := new(gpuevm.StateDiff)
	for _, i := range w.Perm(len(w.Addrs))[:accounts] {
		w.change(d, w.Addrs[i], slots)
	}
	return d
}

func (w *World) change(d *gpuevm.StateDiff, addr common.Address, slots int) {
	set := func(kind gpuevm.Kind, v common.Hash) {
		d.Cells = append(d.Cells, gpuevm.Cell{Key: gpuevm.Key{Addr: addr, Kind: kind}, Value: v})
	}
	exists := w.Field(addr, gpuevm.Exists) == Word(1)
	wiped := exists && w.Intn(8) == 0
	if wiped {
		if w.Intn(3) > 0 { // else it is its end that says so
			d.Wiped = append(d.Wiped, addr)
		}
		for kind := gpuevm.Exists; kind < gpuevm.Slot; kind++ {
			set(kind, common.Hash{})
		}
		if w.Intn(2) == 0 || !slices.Contains(d.Wiped, addr) {
			return
		}
		d.Cells = d.Cells[:len(d.Cells)-int(gpuevm.Slot)] // made again in the same diff
		for kind := gpuevm.Nonce; kind < gpuevm.Slot; kind++ {
			set(kind, common.Hash{})
		}
	}
	if !exists || wiped {
		set(gpuevm.Exists, Word(1))
	}
	switch w.Intn(4) {
	case 0:
		d.Adds = append(d.Adds, gpuevm.Cell{Key: gpuevm.Key{Addr: addr, Kind: gpuevm.Balance}, Value: Word(w.Uint64())})
	case 1:
		if !wiped {
			set(gpuevm.Nonce, Word(w.Uint64()>>w.Intn(64)))
		}
	case 2:
		if !wiped {
			code := gpuevm.Code{Hash: crypto.Keccak256Hash(addr[:]), Blob: addr[:]}
			set(gpuevm.CodeHash, code.Hash)
			d.Codes = append(d.Codes, code)
		}
	}
	for range w.Intn(slots + 1) {
		v := Word(w.Uint64() >> w.Intn(64))
		if w.Intn(3) == 0 {
			v = common.Hash{}
		}
		d.Cells = append(d.Cells, gpuevm.Cell{Key: gpuevm.Key{Addr: addr, Kind: gpuevm.Slot, Slot: Word(uint64(w.Intn(40)))}, Value: v})
	}
	d.Cells = Once(d.Cells)
}

// Once keeps the last value of each key.
func Once(cells []gpuevm.Cell) (out []gpuevm.Cell) {
	last := make(map[gpuevm.Key]int)
	for i := range cells {
		last[cells[i].Key] = i
	}
	for i := range cells {
		if last[cells[i].Key] == i {
			out = append(out, cells[i])
		}
	}
	return out
}

// SettledOf is what Settled is told of a diff: the accounts' cells with absolute values,
// some of them too early.
func (w *World) SettledOf(before *statedb.Mem, d *gpuevm.StateDiff) *gpuevm.StateDiff {
	out := new(gpuevm.StateDiff)
	skip := make(map[common.Address]bool)
	take := func(addr common.Address) bool {
		if _, known := skip[addr]; !known {
			skip[addr] = w.Intn(3) == 0
		}
		return !skip[addr]
	}
	for _, addr := range d.Wiped {
		if take(addr) && w.Intn(2) == 0 { // or it is wiped later, and has the same slots again
			out.Wiped = append(out.Wiped, addr)
		}
	}
	for _, c := range d.Cells {
		if take(c.Key.Addr) {
			if c.Key.Kind == gpuevm.Slot && w.Intn(20) == 0 {
				c.Value = Word(w.Uint64()) // a later transaction will change it after all
			}
			out.Cells = append(out.Cells, c)
		}
	}
	for _, c := range d.Adds {
		if !take(c.Key.Addr) {
			continue
		}
		old, _ := before.Read(c.Key)
		sum := new(uint256.Int).SetBytes32(old[:])
		c.Value = sum.Add(sum, new(uint256.Int).SetBytes32(c.Value[:])).Bytes32()
		out.Cells = append(out.Cells, c)
	}
	return out
}

// Absolute is a diff without Adds.
func Absolute(before *statedb.Mem, d *gpuevm.StateDiff) *gpuevm.StateDiff {
	out := &gpuevm.StateDiff{Wiped: d.Wiped, Codes: d.Codes, Cells: append([]gpuevm.Cell(nil), d.Cells...)}
	for _, c := range d.Adds {
		old, _ := before.Read(c.Key)
		for _, set := range d.Cells {
			if set.Key == c.Key {
				old = set.Value
			}
		}
		sum := new(uint256.Int).SetBytes32(old[:])
		c.Value = sum.Add(sum, new(uint256.Int).SetBytes32(c.Value[:])).Bytes32()
		out.Cells = append(out.Cells, c)
	}
	out.Cells = Once(out.Cells)
	return out
}

// KeysOf are the keys of a diff.
func KeysOf(d *gpuevm.StateDiff) (keys []gpuevm.Key) {
	for _, list := range [2][]gpuevm.Cell{d.Cells, d.Adds} {
		for i := range list {
			keys = append(keys, list[i].Key)
		}
	}
	return keys
}
