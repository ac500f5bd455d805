package fallback

import (
	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/gpuevm"
)

// Results outlive the worker's next transaction but are small and many, so their slices
// are cut from slabs: one allocation serves some hundred transactions, and the garbage
// collector frees a slab when the last result that aliases it is gone. Nothing that was
// handed out is written again.
const slabSize = 4096

// trimSlabs replaces slabs that are nearly full. Between results only.
func (s *txState) trimSlabs() {
	if cap(s.readSlab)-len(s.readSlab) < slabSize/8 {
		s.readSlab = make([]gpuevm.Read, 0, slabSize)
	}
	if cap(s.cellSlab)-len(s.cellSlab) < slabSize/8 {
		s.cellSlab = make([]gpuevm.Cell, 0, slabSize)
	}
}

func (s *txState) cell(addr common.Address, kind gpuevm.Kind, slot, value common.Hash) {
	s.cellSlab = append(s.cellSlab, gpuevm.Cell{Key: gpuevm.Key{Addr: addr, Kind: kind, Slot: slot}, Value: value})
}

func (s *txState) saw(addr common.Address, kind gpuevm.Kind, slot, value common.Hash, op gpuevm.Observation) {
	s.readSlab = append(s.readSlab, gpuevm.Read{Key: gpuevm.Key{Addr: addr, Kind: kind, Slot: slot}, Value: value, Op: op})
}
