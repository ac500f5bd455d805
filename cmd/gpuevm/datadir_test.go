package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/gpuevm/gpuevm/statedb"
	"github.com/gpuevm/gpuevm/statedb/store"
)

// part is the first blocks of the chain.
func (g *generated) part(n int) *generated {
	return &generated{spec: g.spec, engine: g.engine, blocks: g.blocks[:n]}
}

// headOf is where a directory is; its lock must be free.
func headOf(t *testing.T, dir string) store.Head {
	t.Helper()
	db, err := openStore(dir, statedb.Options{Store: store.Options{ReadOnly: true}})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	return db.Head()
}

func (g *generated) checkHead(t *testing.T, dir string, height int) {
	t.Helper()
	head, want := headOf(t, dir), g.blocks[height-1]
	if head.Height != uint64(height) || head.Hash != want.Hash() || head.Root != want.Root() {
		t.Errorf("the directory is at %+v, want block %d %s with root %s", head, height, want.Hash(), want.Root())
	}
}

// checkLines checks that the lines are of the blocks from one on, and the line after them
// of the directory.
func (g *generated) checkLines(t *testing.T, stdout string, from, to int) {
	t.Helper()
	lines := decodeLines(t, stdout)
	if len(lines) != to-from+2 || lines[len(lines)-1]["durable_block"] != float64(to) {
		t.Fatalf("%d lines for the blocks %d to %d, the last %v", len(lines), from, to, lines[len(lines)-1])
	}
	for i, l := range lines[:len(lines)-1] {
		if l["number"] != float64(from+i) || l["state_root"] != g.blocks[from+i-1].Root().Hex() || l["equal"] != true ||
			!slices.Contains(l["checked"].([]any), any("state_root")) {
			t.Errorf("block %d: %v", from+i, l)
		}
	}
}

// In two halves or as a whole, now or later: the roots are the headers'.
func TestReplayDatadir(t *testing.T) {
	g := history(60, 1, -1)
	for _, how := range []string{"", "--root async", "--root async --sync-every 10,1s,1MiB", "--compare", "--policy serial --sync-every 1000"} {
		dir := filepath.Join(t.TempDir(), "new", "dir")
		args := append([]string{"--datadir", dir}, strings.Fields(how)...)
		stdout, _ := expect(t, 0, []string{"equal: 25 of 25 blocks", "durable in " + dir + ": block 25 "}, replay(append(g.part(25).export(t), args...)...)...)
		g.checkLines(t, stdout, 1, 25)
		g.checkHead(t, dir, 25)
		stdout, _ = expect(t, 0, []string{"has the blocks up to 25", "equal: 35 of 35 blocks", "block 60 "}, replay(append(g.export(t), args...)...)...)
		g.checkLines(t, stdout, 26, 60)
		g.checkHead(t, dir, 60)
		stdout, _ = expect(t, 0, []string{"is at block 60; the chain has no block after it"}, replay(append(g.export(t), args...)...)...)
		g.checkLines(t, stdout, 61, 60)
	}
}

// A fork within the window is followed, one below it refused, another chain too.
func TestReplayDatadirForks(t *testing.T) {
	dir := t.TempDir()
	all := func(g *generated, code int, says ...string) string { // go-ethereum's side goes back too
		stdout, _ := expect(t, code, says, replay(append(g.export(t), "--datadir", dir, "--compare")...)...)
		return stdout
	}
	long, fork, early := history(150, 1, -1), history(150, 1, 130), history(150, 1, 5)
	all(long.part(145), 0)
	stdout := all(fork.part(140), 0, dir+" is at block 145 of another fork; going back to block 130")
	fork.checkLines(t, stdout, 131, 140)
	fork.checkHead(t, dir, 140)
	long.checkLines(t, all(long, 0, "going back to block 130"), 131, 150)
	long.checkHead(t, dir, 150)
	all(early, exitFailed, "blocks after the genesis: not run: "+dir+" is at block 150", "of another fork: the chain's block 6 comes after",
		"whose state is not there (the oldest is that of block 23)")
	all(merged(2), exitFailed, "holds the state of another chain", dir)
	long.checkHead(t, dir, 150)
}

// A root that is wrong names its block, and what was right before it stays. Where roots come
// later, a few blocks more have run by then, and are refused with it.
func TestReplayDatadirBroken(t *testing.T) {
	for _, root := range []string{"sync", "async"} {
		g, dir := merged(24), t.TempDir()
		broken, wrong := g.withRoot(4, common.Hash{1})
		args := append(broken.export(t), "--datadir", dir, "--root", root)
		stdout, _ := expect(t, exitFailed, []string{"chain1-5: ", "want " + wrong.Hex(), "blocks after chain1-5"}, replay(args...)...)
		lines := decodeLines(t, stdout)
		for i, l := range lines[:len(lines)-2] {
			if l["equal"] != (i < 4) || i > 4 && !strings.Contains(l["error"].(string), "its parent was refused") {
				t.Errorf("%s: line %d: %v", root, i, l)
			}
		}
		if last := lines[len(lines)-1]; last["durable_block"] != 4. || len(lines) > 16 {
			t.Errorf("%s: %d lines, %v", root, len(lines), last)
		}
		g.checkHead(t, dir, 4)
		expect(t, 0, []string{"equal: 20 of 20"}, replay(append(g.export(t), "--datadir", dir)...)...)
		g.checkHead(t, dir, 24)
	}
}

// withRoot is the chain with another state root in the header of the block at i, and what
// follows from that for the hashes of those after it.
func (g *generated) withRoot(i int, root common.Hash) (*generated, common.Hash) {
	changed := g.part(len(g.blocks))
	changed.blocks = slices.Clone(g.blocks)
	for k := i; k < len(g.blocks); k++ {
		h := g.blocks[k].Header()
		h.ParentHash = changed.blocks[k-1].Hash()
		if k == i {
			h.Root = root
		}
		changed.blocks[k] = types.NewBlockWithHeader(h).WithBody(*g.blocks[k].Body())
	}
	return changed, root
}

func TestRunDatadir(t *testing.T) {
	args := func(dir string, more ...string) []string {
		return append([]string{"run", "--txs", "150", "--workload", "erc20", "--datadir", dir, "--json", "-"}, more...)
	}
	whole, halves := t.TempDir(), t.TempDir()
	stdout, _ := expect(t, 0, []string{"state root equal: yes"}, args(whole, "--blocks", "4")...)
	want := decodeLines(t, stdout)
	var got []map[string]any
	for _, more := range [][]string{{"--blocks", "1"}, {"--blocks", "3", "--root", "async"}} {
		stdout, _ := expect(t, 0, []string{"state root equal: yes", "durable in " + halves}, args(halves, more...)...)
		lines := decodeLines(t, stdout)
		got = append(got, lines[:len(lines)-1]...)
	}
	for i, l := range got {
		if l["block"] != want[i]["block"] || l["state_root"] != want[i]["state_root"] || l["gas"] != want[i]["gas"] {
			t.Errorf("block %d: %v, want %v", i+1, l, want[i])
		}
	}
	if headOf(t, whole) != headOf(t, halves) {
		t.Errorf("%+v and %+v", headOf(t, whole), headOf(t, halves))
	}
	expect(t, exitFailed, []string{whole + ": holds the state of another chain", "another --workload, --txs or --seed"}, args(whole, "--seed", "2")...)
}

// What run did not make it does not go on with, however high its blocks.
func TestRunDatadirImported(t *testing.T) {
	g := history(10, 3, -1)
	for _, number := range []string{"0", "7", "18446744073709551615"} {
		dir := filepath.Join(t.TempDir(), "D")
		expect(t, 0, nil, "db", "import", "--datadir", dir, "--dump", dumped(t, stored(t, g)), "--number", number, "--hash", common.Hash{1}.Hex())
		expect(t, exitFailed, []string{dir + ": holds the state of another chain"}, "run", "--txs", "150", "--workload", "erc20", "--datadir", dir)
	}
}

// What a first open leaves that was killed, or found the disk full, is no obstacle.
func TestDatadirUnborn(t *testing.T) {
	g, dir := merged(1), t.TempDir()
	for _, name := range []string{"LOCK", "MANIFEST-000001"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, 0, nil, replay(append(g.export(t), "--datadir", dir)...)...)
	g.checkHead(t, dir, 1)
}

// What is not a store, or is somebody's, is left alone.
func TestDatadirRefused(t *testing.T) {
	g, dir := merged(1), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	expect(t, exitFailed, []string{dir + ": not a store of gpuevm: it has notes.txt"}, replay(append(g.export(t), "--datadir", dir)...)...)
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("the directory has %d entries now", len(left))
	}
	expect(t, exitFailed, []string{"--datadir: "}, replay(append(g.export(t), "--datadir", filepath.Join(dir, "notes.txt"))...)...)

	dir = t.TempDir()
	expect(t, 0, nil, replay(append(g.export(t), "--datadir", dir)...)...)
	db, err := openStore(dir, statedb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	expect(t, exitFailed, []string{dir + " is in use by another process"}, replay(append(g.export(t), "--datadir", dir)...)...)
}

// stopper cancels after so many writes: lines of JSON, where that is what is written.
type stopper struct {
	bytes.Buffer
	left   int
	cancel context.CancelFunc
}

func (s *stopper) Write(p []byte) (int, error) {
	if s.left--; s.left == 0 {
		s.cancel()
	}
	return s.Buffer.Write(p)
}

// Ctrl-C leaves a directory that is at the last block of which there is a line.
func TestReplayDatadirInterrupted(t *testing.T) {
	g, dir := history(80, 5, -1), t.TempDir()
	done := 0
	for _, root := range []string{"sync", "async"} {
		ctx, cancel := context.WithCancel(t.Context())
		out, errs := &stopper{left: 20, cancel: cancel}, new(bytes.Buffer)
		args := append([]string{"gpuevm"}, replay(append(g.export(t), "--datadir", dir, "--root", root, "--sync-every", "1000")...)...)
		if code := execute(ctx, args, out, errs); code != exitInterrupted {
			t.Fatalf("exit code %d\n%s", code, errs)
		}
		lines := decodeLines(t, out.String())
		g.checkLines(t, out.String(), done+1, done+len(lines)-1)
		done += len(lines) - 1
		g.checkHead(t, dir, done)
		if !strings.Contains(errs.String(), fmt.Sprintf("durable in %s: block %d ", dir, done)) || len(lines) < 20 || len(lines) > 20+mostDue+1 { // those due, and the ending
			t.Errorf("%s: %d lines: %s", root, len(lines), errs)
		}
	}
	expect(t, 0, []string{fmt.Sprintf("has the blocks up to %d", done)}, replay(append(g.export(t), "--datadir", dir)...)...)
	g.checkHead(t, dir, 80)
}
