package statedb

import (
	"math/rand"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/gpuevm/gpuevm/gpuevm"
)

// kept is what somebody keeps of the states that he has seen, dropping what they tell him.
type kept struct {
	mark  gpuevm.Mark
	cells map[gpuevm.Key]common.Hash
	times int
}

func (k *kept) check(t *testing.T, v gpuevm.Tracked, keys []gpuevm.Key) {
	t.Helper()
	changed, now, ok := v.Since(k.mark)
	if k.mark = now; ok {
		k.times++
		for _, key := range changed {
			delete(k.cells, key)
		}
	} else {
		clear(k.cells)
	}
	for key, have := range k.cells {
		if want, err := v.Read(key); err != nil || want != have {
			t.Fatalf("%v: kept %x, is %x (%v)", key, have, want, err)
		}
	}
	for _, key := range keys {
		v, err := v.Read(key)
		if err != nil {
			t.Fatal(err)
		}
		k.cells[key] = v
	}
}

// TestSince applies random diffs to a Mem and to Tries, and holds what was kept from
// state to state to what is read.
func TestSince(t *testing.T) {
	times := 0
	for seed := range int64(200) {
		rnd := rand.New(rand.NewSource(seed))
		alloc := types.GenesisAlloc{}
		for i := range byte(8) {
			alloc[common.Address{i}] = types.Account{Nonce: 1, Storage: map[common.Hash]common.Hash{{i}: {31: 1}}}
		}
		mem, err := FromAlloc(alloc)
		if err != nil {
			t.Fatal(err)
		}
		tries, err := TriesFromAlloc(alloc)
		if err != nil {
			t.Fatal(err)
		}
		states := []*Tries{tries}
		ofMem, ofTries := kept{cells: make(map[gpuevm.Key]common.Hash)}, kept{cells: make(map[gpuevm.Key]common.Hash)}
		var keys []gpuevm.Key
		for i := range byte(8) {
			keys = append(keys, gpuevm.Key{Addr: common.Address{i}, Kind: gpuevm.Nonce}, gpuevm.Key{Addr: common.Address{i}, Kind: gpuevm.Slot, Slot: common.Hash{i}})
		}
		for range 30 {
			if rnd.Intn(2) == 0 {
				ofMem.check(t, mem, keys)
			}
			if rnd.Intn(2) == 0 {
				ofTries.check(t, states[rnd.Intn(len(states))], keys)
			}
			d := new(gpuevm.StateDiff)
			for range rnd.Intn(3) {
				if k := keys[rnd.Intn(len(keys))]; k.Kind == gpuevm.Slot || rnd.Intn(2) == 0 {
					d.Cells = append(d.Cells, gpuevm.Cell{Key: k, Value: common.Hash{31: byte(1 + rnd.Intn(3))}})
				}
			}
			if rnd.Intn(6) == 0 {
				d.Wiped = append(d.Wiped, common.Address{byte(rnd.Intn(8))})
			}
			if err := mem.Apply(d); err != nil {
				t.Fatal(err)
			}
			if err := tries.Apply(d); err != nil {
				t.Fatal(err)
			}
			if rnd.Intn(2) == 0 {
				if tries, err = tries.Commit(); err != nil {
					t.Fatal(err)
				}
				states = append(states, tries)
			}
		}
		times += min(ofMem.times, ofTries.times)
	}
	if times < 20 {
		t.Errorf("kept %d times", times)
	}
}
