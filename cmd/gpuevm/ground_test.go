package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/gpuevm/gpuevm/bench/workload"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/gpuevm/enginetest/shareddata"
	"github.com/gpuevm/gpuevm/statedb"
	"github.com/gpuevm/gpuevm/statedb/forest"
)

// Every run of a block starts from the same state, warm: what the first run had to load the
// later ones find, and what they find is what was there before the first.
func TestMemoryRounds(t *testing.T) {
	w, err := workload.Generate("mixed", workload.Options{Txs: 100, Blocks: 2})
	if err != nil {
		t.Fatal(err)
	}
	begin, err := inMemory(w, forest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m := begin.ground.(*memory)
	c := newContest(onCPU(2), false, 1)
	for i := range w.Blocks {
		before, first := m.root, common.Hash{}
		for round := range 3 {
			loaded := m.stats().Loaded
			out, err := c.run(t.Context(), &trial{Job: generatedJob(w, i, "mixed", m.cells), ground: m})
			if err != nil {
				t.Fatal(err)
			}
			if root := *out.result.Root; round == 0 {
				first = root
			} else if root != first || root == before {
				t.Errorf("block %d, run %d: root %s, the first run's is %s", i, round, root, first)
			}
			if round > 0 && m.stats().Loaded != loaded {
				t.Errorf("block %d, run %d: %d nodes were loaded again", i, round, m.stats().Loaded-loaded)
			}
			if round < 2 {
				if err := out.discard(&trial{ground: m}); err != nil {
					t.Fatal(err)
				}
			} else if _, err := out.commit(t.Context(), &trial{Job: generatedJob(w, i, "mixed", m.cells), ground: m}, first); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A diff that wipes an account can't be led back from; the state comes back all the same, and
// a wrong root is refused.
func TestMemoryWipe(t *testing.T) {
	begin, err := inMemory(&workload.Workload{Alloc: history(1, 1, -1).spec.Alloc}, forest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m := begin.ground.(*memory)
	before := m.root
	wipe := &gpuevm.StateDiff{Wiped: []common.Address{notebook}}
	for kind := gpuevm.Exists; kind < gpuevm.Slot; kind++ {
		wipe.Cells = append(wipe.Cells, gpuevm.Cell{Key: gpuevm.Key{Addr: notebook, Kind: kind}})
	}
	for _, diff := range []*gpuevm.StateDiff{wipe, nil} {
		roots, _ := m.begin()
		if err := roots.Apply(wipe); err != nil {
			t.Fatal(err)
		}
		if root, err := roots.Root(); err != nil || root == before {
			t.Fatal(root, err)
		}
		if err := m.discard(diff); err != nil {
			t.Fatal(err)
		}
		if root, err := m.forest.Root(); root != before || err != nil {
			t.Errorf("root %s, want %s, %v", root, before, err)
		}
	}
	roots, _ := m.begin()
	if err := roots.Apply(wipe); err != nil {
		t.Fatal(err)
	}
	if _, err := m.commit(t.Context(), history(1, 1, -1).blocks[0], common.Hash{1}, wipe); !errors.Is(err, statedb.ErrRoot) {
		t.Errorf("a wrong root: %v", err)
	}
}

// Without a node of its witness a block either needs none of it or is refused, with what is
// missing and whose it is.
func TestWitnessLacksNode(t *testing.T) {
	block, witness := hoodi(3).witness(t)
	lacks := regexp.MustCompile(`hoodi-3.*(the witness lacks a node that the state root needs \(for 0x[0-9a-fA-F]{40} \w+|account 0x[0-9a-fA-F]{40}.*missing trie node|state root 0x[0-9a-f]{64}: missing trie node)`)
	state := slices.Clone(witness.State)
	refused := 0
	for i := range state {
		witness.State = slices.Delete(slices.Clone(state), i, i+1)
		raw, err := rlp.EncodeToBytes([]any{params.HoodiChainConfig.ChainID, block, witness})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "hoodi-3_payload.rlp")
		if err := os.WriteFile(path, raw, 0o644); err != nil {
			t.Fatal(err)
		}
		if code, out, errs := invoke(t.Context(), replay(path)...); code != 0 {
			if refused++; code != exitFailed || !lacks.MatchString(out+errs) {
				t.Errorf("without node %d: exit code %d\n%s%s", i, code, out, errs)
			}
		}
	}
	if refused < 5 {
		t.Errorf("of %d nodes only %d are needed", len(state), refused)
	}
}

// A real block reads flat cells, so that only its state root can miss a node.
func TestWitnessLacksNodeReal(t *testing.T) {
	dir := shareddata.Folder(t, "blocks")
	const name = "holesky-2971846.json.gz"
	lacks := regexp.MustCompile(`holesky-2971846.*the witness lacks a node that the state root needs \(for 0x[0-9a-fA-F]{40} (\w+|slot 0x[0-9a-f]{64})\): .*lacks the node at path`)
	refused := 0
	for i := 1; i < 60; i += 6 { // the first is the root
		b := readBlock(t, filepath.Join(dir, name))
		w := b.Fields["witness"].(map[string]any)
		state := w["state"].([]any)
		if len(hexutil.MustDecode(state[i].(string))) < 32 {
			continue
		}
		w["state"] = slices.Delete(slices.Clone(state), i, i+1)
		folder := t.TempDir()
		path, err := filepath.Abs(filepath.Join(dir, "codes.bin.gz"))
		if err == nil {
			err = os.Symlink(path, filepath.Join(folder, "codes.bin.gz"))
		}
		if err != nil {
			t.Fatal(err)
		}
		b.write(t, filepath.Join(folder, name))
		if code, out, errs := invoke(t.Context(), replay(folder)...); code != 0 {
			if refused++; code != exitFailed || !lacks.MatchString(out+errs) {
				t.Errorf("without node %d: exit code %d\n%s%s", i, code, out, errs)
			}
		}
	}
	if refused == 0 {
		t.Error("no node was needed")
	}
}
