package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/ethereum/go-ethereum/common"
)

// A dump of a state is imported again, with the same root, and the chain goes on from there.
func TestDBDumpImport(t *testing.T) {
	g := history(40, 3, -1)
	half := g.part(30)
	dir := stored(t, half)
	head := g.blocks[29]
	for _, name := range []string{"dump.jsonl", "dump.jsonl.gz"} {
		file := filepath.Join(t.TempDir(), name)
		expect(t, 0, nil, "db", "dump", "--datadir", dir, "-o", file)
		again := filepath.Join(t.TempDir(), "D")
		args := []string{"db", "import", "--datadir", again, "--dump", file, "--number", "30", "--hash", head.Hash().Hex()}
		expect(t, 0, []string{head.Root().Hex()}, args...)
		expect(t, exitFailed, []string{"there is a store already"}, args...)
		expect(t, 0, []string{"all right"}, "db", "verify", "--datadir", again)
		expect(t, 0, nil, append(append([]string{"replay"}, g.export(t)...), "--datadir", again)...)
		g.checkHead(t, again, 40)
	}
	raw, err := os.ReadFile(dumped(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.jsonl")
	if err := os.WriteFile(cut, raw[:len(raw)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(t.TempDir(), "D")
	expect(t, exitFailed, []string{"import"}, "db", "import", "--datadir", broken, "--dump", cut, "--hash", common.Hash{1}.Hex())
	expect(t, exitFailed, []string{"a load was not finished"}, "db", "verify", "--datadir", broken)
}

func dumped(t *testing.T, dir string) string {
	file := filepath.Join(t.TempDir(), "dump.jsonl")
	expect(t, 0, nil, "db", "dump", "--datadir", dir, "-o", file)
	return file
}

// A genesis is imported as replay would make it.
func TestDBImportGenesis(t *testing.T) {
	g := history(10, 3, -1)
	args := g.export(t)
	genesis := args[1]
	dir := filepath.Join(t.TempDir(), "D")
	expect(t, 0, []string{g.spec.ToBlock().Root().Hex()}, "db", "import", "--datadir", dir, "--genesis", genesis)
	expect(t, 0, nil, append(append([]string{"replay"}, args...), "--datadir", dir)...)
	g.checkHead(t, dir, 10)
}

func TestDBImportUsage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "D")
	expect(t, exitUsage, []string{"one of --genesis and --dump"}, "db", "import", "--datadir", dir)
	expect(t, exitUsage, []string{"--hash"}, "db", "import", "--datadir", dir, "--dump", "x", "--hash", "0x12")
	expect(t, exitUsage, []string{"--datadir is missing"}, "db", "import", "--genesis", "x")
	expect(t, exitUsage, []string{"--hash"}, "db", "import", "--datadir", dir, "--dump", "x", "--hash", common.Hash{}.Hex())
	expect(t, exitFailed, []string{"no such file"}, "db", "import", "--datadir", dir, "--genesis", filepath.Join(dir, "none.json"))
	expect(t, exitFailed, []string{"no such file"}, "db", "import", "--datadir", dir, "--dump", filepath.Join(dir, "none"), "--hash", common.Hash{1}.Hex())
	// What is wrong in a genesis is known before anything is written.
	bad := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(bad, []byte(`{"gasLimit":"0x1","difficulty":"0x1","alloc":{}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	expect(t, exitFailed, []string{"no chain configuration"}, "db", "import", "--datadir", dir, "--genesis", bad)
	expect(t, 0, nil, "db", "import", "--datadir", dir, "--genesis", history(10, 3, -1).export(t)[1])
}
