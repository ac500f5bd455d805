package main

import (
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethdb/memorydb"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/trie"
)

// stored is a directory with a chain in it.
func stored(t *testing.T, g *generated) string {
	dir := filepath.Join(t.TempDir(), "D")
	expect(t, 0, nil, replay(append(g.export(t), "--datadir", dir)...)...)
	return dir
}

func TestDBStatsPrune(t *testing.T) {
	g := history(140, 3, -1)
	dir := stored(t, g)
	var s struct {
		Block   uint64
		Root    string `json:"state_root"`
		Floor   uint64
		Records []struct {
			Kind  string
			Count int
		}
	}
	counts := func() map[string]int {
		stdout, _ := expect(t, 0, nil, "db", "stats", "--json", "--datadir", dir)
		if err := json.Unmarshal([]byte(stdout), &s); err != nil {
			t.Fatal(err)
		}
		c := map[string]int{}
		for _, r := range s.Records {
			c[r.Kind] = r.Count
		}
		return c
	}
	before := counts()
	if s.Block != 140 || s.Root != g.blocks[139].Root().Hex() || s.Floor != 13 || before["blocks"] != 141 || before["accounts"] < 100 || before["slots"] < 20 {
		t.Errorf("%+v", s)
	}
	expect(t, 0, []string{dir + ": block 140 0x", "states that can be read: of blocks 13 to 140", "storage trie nodes"}, "db", "stats", "--datadir", dir)
	stdout, _ := expect(t, 0, nil, "db", "prune", "--json", "--datadir", dir)
	after := counts()
	if after["undo"] != 127 || !strings.Contains(stdout, fmt.Sprintf(`"removed": %d`, before["undo"]+before["codes"]-after["undo"]-after["codes"])) {
		t.Errorf("%v, then %v: %s", before, after, stdout)
	}
	expect(t, 0, []string{"removed 0 records"}, "db", "prune", "--datadir", dir)
	g.checkHead(t, dir, 140)
}

// Proofs are go-ethereum's, of the newest state and of an older one.
func TestDBProve(t *testing.T) {
	g := history(40, 3, -1)
	dir := stored(t, g)
	for _, block := range []int{39, 20} {
		root := g.blocks[block].Root()
		for _, addr := range []common.Address{notebook, chainSender, {0xab}} {
			stdout, _ := expect(t, 0, nil, "db", "prove", "--datadir", dir, "--root", root.Hex(), addr.Hex(), "0x0", "7", common.Hash{1}.Hex())
			checkProof(t, root, addr, stdout)
		}
	}
	newest, _ := expect(t, 0, nil, "db", "prove", "--datadir", dir, notebook.Hex())
	named, _ := expect(t, 0, nil, "db", "prove", "--datadir", dir, "--root", g.blocks[39].Root().Hex(), notebook.Hex())
	if newest != named {
		t.Error("without --root it is not the newest state")
	}
	expect(t, exitFailed, []string{"state root 0x0100", "state is not known"}, "db", "prove", "--datadir", dir, "--root", common.Hash{1}.Hex(), notebook.Hex())
}

func checkProof(t *testing.T, root common.Hash, addr common.Address, text string) {
	t.Helper()
	var p struct {
		AccountProof []hexutil.Bytes
		Balance      *hexutil.Big
		Nonce        hexutil.Uint64
		CodeHash     common.Hash
		StorageHash  common.Hash
		StorageProof []struct {
			Key   common.Hash
			Value *hexutil.Big
			Proof []hexutil.Bytes
		}
	}
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	verify := func(root common.Hash, key []byte, nodes []hexutil.Bytes) []byte {
		db := memorydb.New()
		for _, n := range nodes {
			_ = db.Put(crypto.Keccak256(n), n)
		}
		leaf, err := trie.VerifyProof(root, crypto.Keccak256(key), db)
		if err != nil {
			t.Fatal(err)
		}
		return leaf
	}
	account := types.NewEmptyStateAccount()
	if leaf := verify(root, addr[:], p.AccountProof); leaf != nil {
		if err := rlp.DecodeBytes(leaf, account); err != nil {
			t.Fatal(err)
		}
	}
	if account.Nonce != uint64(p.Nonce) || account.Balance.ToBig().Cmp(p.Balance.ToInt()) != 0 || account.Root != p.StorageHash || common.Hash(account.CodeHash) != p.CodeHash {
		t.Errorf("%s: %+v, proved %+v", addr, p, account)
	}
	if len(p.StorageProof) != 3 {
		t.Fatalf("%d slots", len(p.StorageProof))
	}
	for _, s := range p.StorageProof {
		if p.StorageHash == types.EmptyRootHash {
			continue
		}
		value := new(big.Int)
		if leaf := verify(p.StorageHash, s.Key[:], s.Proof); leaf != nil {
			if err := rlp.DecodeBytes(leaf, value); err != nil {
				t.Fatal(err)
			}
		}
		if value.Cmp(s.Value.ToInt()) != 0 {
			t.Errorf("%s slot %s: %s, proved %s", addr, s.Key, s.Value, value)
		}
	}
}

func TestDBRefused(t *testing.T) {
	empty, file := t.TempDir(), filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		code int
		args string
		says string
	}{
		{exitUsage, "db nope", `no command "nope" of db`},
		{exitUsage, "db stats", "--datadir is missing"},
		{exitUsage, "db stats --datadir x y", `db stats takes no arguments, only flags: "y"`},
		{exitUsage, "db prune --bogus", "-bogus"},
		{exitUsage, "db prove --datadir x", "which ADDRESS?"},
		{exitUsage, "db prove --datadir x 0x12", `"0x12" is no address`},
		{exitUsage, "db prove --datadir x 0x0000000000000000000000000000000000000001 zz", `"zz": want 1 to 32 bytes in hex`},
		{exitUsage, "db prove --datadir x --root 0x1 0x0000000000000000000000000000000000000001", `--root "0x1": want 32 bytes`},
		{exitUsage, "db prove --datadir x 0x0000000000000000000000000000000000000001 --root 0x1", "flags come before"},
		{exitFailed, "db stats --datadir " + empty, empty + ": there is no store"},
		{exitFailed, "db prune --datadir " + empty + "/none", "there is no store"},
		{exitFailed, "db stats --datadir " + file, "file: not a directory"},
	} {
		expect(t, c.code, []string{c.says}, strings.Fields(c.args)...)
	}
	if left, _ := os.ReadDir(empty); len(left) > 0 {
		t.Errorf("looking at an empty directory left %v in it", left)
	}
}

func TestStateFlags(t *testing.T) {
	for _, c := range []struct{ args, says string }{
		{"run --root later", `--root "later": it is sync or async`},
		{"run --root async", "--root async needs --datadir"},
		{"run --sync-every 3", "--sync-every needs --datadir"},
		{"run --datadir x --rounds 2", "--rounds 2: with --datadir a block is run once"},
		{"replay --datadir x y", "--datadir goes with --genesis and --chain"},
		{"replay --datadir x --rpc http://localhost 1", "--datadir goes with --genesis and --chain"},
		{"run --datadir x --sync-every 0", `--sync-every "0": it is 1 block or more`},
		{"run --datadir x --sync-every 1,often", `--sync-every "often": it is a number of blocks`},
		{"run --datadir x --sync-every -1s", `--sync-every "-1s"`},
		{"run --datadir x --sync-every 0MiB", `--sync-every "0MiB": it is 1B to 1024GiB`},
	} {
		expect(t, exitUsage, []string{c.says}, strings.Fields(c.args)...)
	}
	y, err := parseSync("10, 1.5s,64MiB")
	if err != nil || y.Blocks != 10 || y.Every.Seconds() != 1.5 || y.Bytes != 64<<20 {
		t.Errorf("%+v %v", y, err)
	}
}
