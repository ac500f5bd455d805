package statedb

import (
	"fmt"
	"maps"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/holiman/uint256"
)

// Mem is a flat state in memory. Any number of goroutines may read it; Apply and the
// methods that load it need it alone.
//
// Cells are kept by account, so that what one transaction reads of a contract hashes 20
// and 32 bytes instead of a 53-byte key each time.
type Mem struct {
	accounts map[common.Address]*memAccount
	codes    map[common.Hash][]byte
	shared   map[common.Hash][]byte // never written
	line     line
}

type memAccount struct {
	fields [gpuevm.Slot]common.Hash // by Kind
	slots  map[common.Hash]common.Hash
}

var one = common.BytesToHash([]byte{1})

// NewMem is an empty state. codes may be nil; it is shared with others, and only read.
func NewMem(codes map[common.Hash][]byte) *Mem {
	return &Mem{
		accounts: make(map[common.Address]*memAccount),
		codes:    make(map[common.Hash][]byte),
		shared:   codes,
	}
}

// FromAlloc is the state of an allocation. Every account in it exists, empty ones too.
func FromAlloc(alloc types.GenesisAlloc) (*Mem, error) {
	diff, err := AllocDiff(alloc)
	if err != nil {
		return nil, err
	}
	m := NewMem(nil)
	return m, m.Apply(diff)
}

// Account is an account as it is loaded into a Mem.
type Account struct {
	Nonce    uint64
	Balance  *uint256.Int                // nil: zero
	CodeHash common.Hash                 // zero: no code
	Storage  map[common.Hash]common.Hash // zero values are left out
}

// SetAccount puts an account in the state, in place of the one that was there. Its code
// is loaded on its own.
func (m *Mem) SetAccount(addr common.Address, a Account) {
	acct := new(memAccount)
	acct.fields[gpuevm.Exists] = one
	acct.fields[gpuevm.Nonce] = word(a.Nonce)
	if a.Balance != nil {
		acct.fields[gpuevm.Balance] = a.Balance.Bytes32()
	}
	if a.CodeHash != types.EmptyCodeHash {
		acct.fields[gpuevm.CodeHash] = a.CodeHash
	}
	for slot, value := range a.Storage {
		acct.set(slot, value)
	}
	m.accounts[addr] = acct
	m.line.note(&gpuevm.StateDiff{Wiped: []common.Address{addr}})
}

// Copy is the same state, to be changed on its own.
func (m *Mem) Copy() *Mem {
	c := NewMem(m.shared)
	maps.Copy(c.codes, m.codes)
	for addr, a := range m.accounts {
		c.accounts[addr] = &memAccount{fields: a.fields, slots: maps.Clone(a.slots)}
	}
	return c
}

// Read implements gpuevm.StateView. It never fails.
func (m *Mem) Read(key gpuevm.Key) (common.Hash, error) {
	a := m.accounts[key.Addr]
	switch {
	case a == nil:
		return common.Hash{}, nil
	case key.Kind == gpuevm.Slot:
		return a.slots[key.Slot], nil
	}
	return a.fields[key.Kind], nil
}

// Code implements gpuevm.StateView.
func (m *Mem) Code(hash common.Hash) ([]byte, error) {
	if code, ok := m.codes[hash]; ok {
		return code, nil
	}
	if code, ok := m.shared[hash]; ok {
		return code, nil
	}
	return nil, fmt.Errorf("no code with hash %s", hash.Hex())
}

// Apply makes a diff part of the state. After an error the state is of no use.
func (m *Mem) Apply(d *gpuevm.StateDiff) error {
	var absent []common.Address // written, and not there so far
	at := func(addr common.Address) *memAccount {
		a := m.accounts[addr]
		if a == nil {
			a = new(memAccount)
			m.accounts[addr] = a
		}
		return a
	}
	for _, addr := range d.Wiped {
		if a := m.accounts[addr]; a != nil {
			a.slots = nil
		}
	}
	for i := range d.Cells {
		c := &d.Cells[i]
		a := at(c.Key.Addr)
		if c.Key.Kind == gpuevm.Slot {
			a.set(c.Key.Slot, c.Value)
		} else {
			a.fields[c.Key.Kind] = c.Value
		}
		if a.fields[gpuevm.Exists] == (common.Hash{}) {
			absent = append(absent, c.Key.Addr)
		}
	}
	for i := range d.Adds {
		c := &d.Adds[i]
		a := at(c.Key.Addr)
		a.fields[gpuevm.Balance] = sum(a.fields[gpuevm.Balance], c.Value)
		if a.fields[gpuevm.Exists] == (common.Hash{}) {
			absent = append(absent, c.Key.Addr)
		}
	}
	for _, c := range d.Codes {
		m.codes[c.Hash] = c.Blob
	}
	m.line.note(d)
	return m.drop(absent)
}

// drop removes those of the accounts that don't exist. What does not exist has no
// storage; that it has no other field either is the diff's duty.
func (m *Mem) drop(addrs []common.Address) error {
	for _, addr := range addrs {
		a := m.accounts[addr]
		if a == nil || a.fields[gpuevm.Exists] != (common.Hash{}) {
			continue
		}
		for kind, v := range a.fields {
			if v != (common.Hash{}) {
				return errGhost(addr, gpuevm.Kind(kind))
			}
		}
		delete(m.accounts, addr)
	}
	return nil
}

func errGhost(addr common.Address, kind gpuevm.Kind) error {
	return fmt.Errorf("diff leaves account %s with a %s but without existence", addr.Hex(), kind)
}

func (a *memAccount) set(slot, value common.Hash) {
	if value == (common.Hash{}) {
		delete(a.slots, slot)
		return
	}
	if a.slots == nil {
		a.slots = make(map[common.Hash]common.Hash)
	}
	a.slots[slot] = value
}

func word(x uint64) common.Hash { return uint256.NewInt(x).Bytes32() }

func sum(a, b common.Hash) common.Hash {
	x, y := new(uint256.Int).SetBytes32(a[:]), new(uint256.Int).SetBytes32(b[:])
	return x.Add(x, y).Bytes32()
}
