package hostsched

import (
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/gpuevm/gpuevm/gpuevm"
)

func call(from, to byte, words ...string) *gpuevm.Tx {
	tx := &gpuevm.Tx{From: common.Address{from}, To: &common.Address{to}, Data: []byte{1, 2, 3, 4}}
	for _, w := range words {
		tx.Data = append(tx.Data, common.LeftPadBytes([]byte(w), 32)...)
	}
	return tx
}

func TestHistory(t *testing.T) {
	const a, b, c = "token A as an address", "token B as an address", "token C as an address"
	pool := gpuevm.Key{Addr: common.Address{9}, Kind: gpuevm.Slot}
	h := NewHistory()
	predicted := func(tx *gpuevm.Tx) bool {
		for _, k := range h.Predict(tx).Reads {
			if k == pool {
				return true
			}
		}
		return false
	}
	if predicted(call(1, 7, a, b)) {
		t.Fatal("knows what it can't")
	}
	h.Conflict(call(2, 7, a, b, "somebody's address 1"), call(3, 7, c, a, b), pool)
	if !predicted(call(4, 7, a, b)) || !predicted(call(4, 7, b, c, a)) {
		t.Error("the pool of A and B is not expected where A and B are named")
	}
	if predicted(call(5, 7, a, c)) || predicted(call(5, 8, a, b)) || predicted(&gpuevm.Tx{}) {
		t.Error("the pool is expected where it can't be met")
	}
	for range maxScore + 1 {
		h.Outcome(call(4, 7, a, b), nil)
	}
	if predicted(call(4, 7, a, b)) {
		t.Error("what is predicted in vain is not forgotten")
	}
}

// TestHistoryAlways: what transactions without common words fight over is expected of all.
func TestHistoryAlways(t *testing.T) {
	counter := gpuevm.Key{Addr: common.Address{7}, Kind: gpuevm.Slot}
	h := NewHistory()
	h.Conflict(call(1, 7, "one thing, an address"), call(2, 7, "something else, long"), counter)
	got := h.Predict(call(3, 7))
	if len(got.Reads) != 1 || got.Reads[0] != counter || len(got.Writes) != 2 {
		t.Fatalf("predicted %v", got)
	}
}

func TestHistoryFollows(t *testing.T) {
	h := NewHistory()
	reads := func(tx *gpuevm.Tx) int { return len(h.Predict(tx).Reads) }
	for range 2 {
		if reads(call(1, 7)) != 0 {
			t.Error("calls of one kind by one sender are ordered")
		}
	}
	if reads(call(1, 8)) != 1 {
		t.Error("a call does not follow the sender's last one of another kind")
	}
	listed := call(2, 7)
	listed.AccessList = types.AccessList{{Address: common.Address{3}, StorageKeys: []common.Hash{{1}}}}
	if reads(listed) != 1 {
		t.Error("an access list is not taken at its word")
	}
}

func TestPlan(t *testing.T) {
	key := gpuevm.Key{Addr: common.Address{9}, Kind: gpuevm.Slot}
	on := func(reads, writes bool) gpuevm.Tx {
		tx := gpuevm.Tx{}
		if reads {
			tx.Access.Reads = []gpuevm.Key{key}
		}
		if writes {
			tx.Access.Writes = []gpuevm.Key{key}
		}
		return tx
	}
	// 0 writes, 1 reads, 2 reads and writes, 3 has nothing to do with it, 4 reads
	txs := []gpuevm.Tx{on(false, true), on(true, false), on(true, true), {}, on(true, false)}
	p := newPlan(asPlanned{}, txs)
	for range txs {
		p.admit()
	}
	for _, want := range [][]int32{{0, 3}, {1, 2}, {4}} {
		got := p.take(9, nil)
		if len(got) != len(want) || got[0] != want[0] || got[len(got)-1] != want[len(want)-1] {
			t.Fatalf("ready %v, want %v", got, want)
		}
		for _, i := range got {
			p.finish(i)
		}
	}
	if len(p.waves) != 3 || p.waves[0] != 2 || p.waves[1] != 2 || p.waves[2] != 1 {
		t.Fatalf("waves %v", p.waves)
	}
}

// asPlanned predicts what the transaction carries already.
type asPlanned struct{ NoPrediction }

func (asPlanned) Predict(tx *gpuevm.Tx) gpuevm.AccessSet { return tx.Access }
