package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/bench/report"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/statedb"
	"github.com/gpuevm/gpuevm/statedb/store"
)

func TestDBVerify(t *testing.T) {
	g := history(60, 3, -1)
	dir := stored(t, g)
	stdout, _ := expect(t, 0, []string{"2/2 going back"}, "db", "verify", "--json", "--datadir", dir)
	var v struct {
		Block, Accounts, Slots, Nodes, States int
		Root                                  string `json:"state_root"`
	}
	if err := json.Unmarshal([]byte(stdout), &v); err != nil || v.Block != 60 || v.States != 61 || v.Accounts < 30 || v.Slots < 10 || v.Nodes < 30 ||
		v.Root != g.blocks[59].Root().Hex() {
		t.Errorf("%+v %v", v, err)
	}
	expect(t, 0, []string{"states whose root is right", "all right"}, "db", "verify", "--datadir", dir)
}

// A step that stores cells and not the nodes that follow from them, or nodes that follow from
// nothing, or another root.
func TestDBVerifyFinds(t *testing.T) {
	g := history(10, 3, -1)
	node := store.Node{Path: []byte{1, 2, 3, 4, 5, 6, 7, 8}, Hash: common.Hash{1}, Blob: make([]byte, 40)}
	poke := &gpuevm.StateDiff{Cells: []gpuevm.Cell{{Key: gpuevm.Key{Addr: notebook, Kind: gpuevm.Balance}, Value: common.Hash{31: 77}}}}
	for _, c := range []struct {
		diff  *gpuevm.StateDiff
		nodes []store.Node
		root  common.Hash
		says  string
	}{
		{poke, nil, g.blocks[9].Root(), "different trie node: account trie path"},
		{nil, []store.Node{node}, g.blocks[9].Root(), "extra trie node: account trie path 12345678"},
		{nil, nil, common.Hash{9}, "wrong state root: block 11: computed " + g.blocks[9].Root().Hex() + ", the head has 0x0900"},
	} {
		dir := stored(t, g)
		db, err := openStore(dir, statedb.Options{})
		if err != nil {
			t.Fatal(err)
		}
		from, to := db.Head().Hash, common.Hash{0xb}
		if err = db.Store().Add(store.Block{Height: 11, Hash: to, Parent: from, Diff: c.diff}); err == nil {
			_, err = db.Store().Advance(context.Background(), store.Step{From: from, To: to, Root: c.root, Nodes: c.nodes})
		}
		if err == nil {
			err = db.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		expect(t, exitFailed, []string{dir, "corrupt", c.says}, "db", "verify", "--datadir", dir)
		code, stdout, _ := invoke(t.Context(), "db", "verify", "--json", "--datadir", dir)
		var told report.Verified
		if err := json.Unmarshal([]byte(stdout), &told); err != nil || code != exitFailed || len(told.Wrong) == 0 || !strings.Contains(c.says, told.Wrong[0].Kind) || !strings.Contains(told.Error, "corrupt") {
			t.Errorf("exit code %d, %v: %s", code, err, stdout)
		}
	}
}

// Wherever a byte of what holds the state is flipped, verify says so, and whether it is in
// the log or in which table.
func TestDBVerifyDamage(t *testing.T) {
	g := history(60, 3, -1)
	for _, pruned := range []bool{false, true} { // in the log, in tables
		dir := stored(t, g)
		pattern := "*.log"
		if pruned {
			expect(t, 0, nil, "db", "prune", "--datadir", dir)
			pattern = "*.sst"
		}
		flipped := 0
		files, _ := filepath.Glob(filepath.Join(dir, pattern))
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, at := range []int{len(content) / 5, len(content) / 2, len(content) - 300} {
				if at < 0 {
					continue
				}
				damaged := copyOf(t, dir)
				changed := bytes.Clone(content)
				changed[at] ^= 0x10
				if err := os.WriteFile(filepath.Join(damaged, filepath.Base(file)), changed, 0o644); err != nil {
					t.Fatal(err)
				}
				flipped++
				code, stdout, stderr := invoke(t.Context(), "db", "verify", "--datadir", damaged)
				number := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
				named := strings.Contains(stderr, "file "+number) || !pruned && (strings.Contains(stderr, "replaying WAL") || strings.Contains(stderr, "a log or table is damaged"))
				if code != exitFailed || !named {
					t.Errorf("%s, byte %d of %d: exit code %d\n%s%s", filepath.Base(file), at, len(content), code, stdout, stderr)
				}
			}
		}
		if flipped == 0 {
			t.Errorf("no %s in %s", pattern, dir)
		}
		expect(t, 0, []string{"all right"}, "db", "verify", "--datadir", dir)
	}
}

func copyOf(t *testing.T, dir string) string {
	copied := filepath.Join(t.TempDir(), "D")
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return copied
}
