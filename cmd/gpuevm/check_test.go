package main

import (
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/gpuevm/gpuevm/bench/workload"
	"github.com/gpuevm/gpuevm/hostsched"
	"github.com/gpuevm/gpuevm/statedb/forest"
)

// Whatever serial go-ethereum makes of a block that we do not is named.
func TestAgainstSerial(t *testing.T) {
	w, err := workload.Generate("erc20", workload.Options{Txs: 5, Blocks: 1})
	if err != nil {
		t.Fatal(err)
	}
	begin, err := inMemory(w, forest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := onCPU(2)
	pre, _ := begin.ground.view()
	job := &trial{Job: generatedJob(w, 0, "erc20-1", pre), ground: begin.ground, tries: begin.tries}
	txs := w.Blocks[0].Transactions()
	for _, c := range []struct {
		what   string
		change func(*hostsched.BlockResult, *serialRun)
		says   string
	}{
		{"nothing", func(*hostsched.BlockResult, *serialRun) {}, ""},
		{"gas", func(r *hostsched.BlockResult, _ *serialRun) { r.GasUsed++ }, "gas is "},
		{"bloom", func(r *hostsched.BlockResult, _ *serialRun) { r.Bloom[0] ^= 1 }, "logs_bloom differs"},
		{"requests", func(r *hostsched.BlockResult, _ *serialRun) { r.Requests = [][]byte{{1, 2}} }, "requests_hash is "},
		{"state root", func(_ *hostsched.BlockResult, s *serialRun) { s.root = &common.Hash{5} }, "state_root is "},
		{"receipts root", func(r *hostsched.BlockResult, _ *serialRun) { r.ReceiptsRoot = common.Hash{5} }, "receipts_root is "},
		{"receipt", func(r *hostsched.BlockResult, _ *serialRun) {
			r.ReceiptsRoot = common.Hash{5}
			r.Receipts[2].GasUsed++
		}, "tx 2 (" + txs[2].Hash().Hex() + "): gas used is "},
		{"logs", func(r *hostsched.BlockResult, _ *serialRun) {
			r.ReceiptsRoot = common.Hash{5}
			r.Receipts[3].Logs = []*types.Log{{Data: []byte{1}}}
		}, "tx 3 (" + txs[3].Hash().Hex() + "): hash of its logs"},
		{"number of receipts", func(r *hostsched.BlockResult, _ *serialRun) {
			r.ReceiptsRoot = common.Hash{5}
			r.Receipts = r.Receipts[:4]
		}, "4 receipts, want 5"},
	} {
		out, err := newContest(s, true, 2).run(t.Context(), job)
		if err == nil {
			err = out.discard(job)
		}
		if err != nil {
			t.Fatal(err)
		}
		c.change(out.result, out.serial)
		check := againstSerial(txs, out.result, out.serial)
		if got := check.message(); check.equal() != (c.says == "") || !strings.Contains(got, c.says) {
			t.Errorf("%s: %q does not say %q", c.what, got, c.says)
		}
	}
}

// go-ethereum's side reads the flat state, and yet knows the root of every account's
// storage.
func TestRootedReader(t *testing.T) {
	w, err := workload.Generate("swap", workload.Options{Txs: 3, Blocks: 1})
	if err != nil {
		t.Fatal(err)
	}
	begin, err := inMemory(w, forest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	pre, _ := begin.ground.view()
	ground, tries := begin.ground, begin.tries
	s := onCPU(2)
	out, err := newContest(s, false, 1).run(t.Context(), &trial{Job: generatedJob(w, 0, "swap-1", pre), ground: ground, tries: tries})
	if err != nil {
		t.Fatal(err)
	}
	reader, err := newRootedReader(pre, tries.Database(), tries.ViewRoot(), out.result.Diff())
	if err != nil {
		t.Fatal(err)
	}
	want, err := tries.Database().Reader(tries.ViewRoot())
	if err != nil {
		t.Fatal(err)
	}
	for addr := range w.Alloc {
		got, err := reader.Account(addr)
		if err != nil {
			t.Fatal(err)
		}
		if a, _ := want.Account(addr); got.Root != a.Root || got.Nonce != a.Nonce || !got.Balance.Eq(a.Balance) {
			t.Errorf("%s: %+v, want %+v", addr, got, a)
		}
	}
}
