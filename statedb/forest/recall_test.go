package forest_test

import (
	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/statedb"
	"github.com/gpuevm/gpuevm/statedb/internal/world"
)

// memory recalls a state: all of it, but for what it has forgotten, and not always as it was.
type memory struct {
	state *statedb.Mem
	lies  int // 1: none; else one answer in so many
}

func (m *memory) answer(name byte) (known, lie bool) {
	return name%8 > 0, m.lies > 1 && int(name>>3)%m.lies == 0
}

func (m *memory) RecallAccount(addr common.Address) (nonce uint64, balance, code common.Hash, ok bool) {
	read := func(kind gpuevm.Kind) common.Hash {
		v, _ := m.state.Read(gpuevm.Key{Addr: addr, Kind: kind})
		return v
	}
	known, lie := m.answer(addr[19])
	if !known || read(gpuevm.Exists) == (common.Hash{}) {
		return 0, common.Hash{}, common.Hash{}, false
	}
	nonce = read(gpuevm.Nonce).Big().Uint64()
	if lie {
		nonce++
	}
	return nonce, read(gpuevm.Balance), read(gpuevm.CodeHash), true
}

func (m *memory) RecallSlot(addr common.Address, slot common.Hash) (common.Hash, bool) {
	known, lie := m.answer(addr[19] ^ slot[31])
	v, _ := m.state.Read(gpuevm.Key{Addr: addr, Kind: gpuevm.Slot, Slot: slot})
	if lie {
		v = world.Word(uint64(addr[0]) + 1)
	}
	return v, known
}
