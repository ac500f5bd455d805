package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

// As a process of its own the test binary is gpuevm.
const asCommand = "GPUEVM_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		os.Exit(execute(context.Background(), os.Args, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// A replay that is killed at any moment goes on where it was, and has lost no block that it
// called durable. GPUEVM_KILLS and GPUEVM_CHAIN say how often it is killed and how many
// blocks there are.
func TestReplayKilled(t *testing.T) {
	kills, blocks := setting(t, "GPUEVM_KILLS", 5), setting(t, "GPUEVM_CHAIN", 150)
	k := &killed{g: history(blocks, 7, -1), dir: t.TempDir(), rand: rand.New(rand.NewPCG(uint64(kills), uint64(blocks))), roots: make(map[int]bool)}
	k.args = k.g.export(t)
	for n := range kills {
		// On average a run does its share of what is left. One in four ends as it begins.
		left := blocks - k.height
		k.run(t, k.rand.IntN(max(1, 2*left/(kills-n+1))), n%4 == 3)
		if k.height == blocks {
			t.Logf("all blocks were done after %d kills", n+1)
			break
		}
	}
	k.run(t, blocks+2, false)
	k.g.checkHead(t, k.dir, blocks)
	t.Logf("killed %d times; the lines of %d of %d blocks were seen, the others were stored before their line was written", k.kills, len(k.roots), blocks)
}

func setting(t *testing.T, name string, otherwise int) int {
	text, set := os.LookupEnv(name)
	if !set {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q: it is a number", name, text)
	}
	return n
}

type killed struct {
	g     *generated
	dir   string
	args  []string
	rand  *rand.Rand
	roots map[int]bool // of blocks whose line was seen

	height int // of the directory
	kills  int
}

// run runs a replay and kills it some lines on, or at some moment of its start.
func (k *killed) run(t *testing.T, lines int, early bool) {
	how := [][]string{{"--root", "sync"}, {"--root", "async"}, {"--root", "async", "--sync-every", "7"}, {"--root", "sync", "--sync-every", "20ms,64KiB"}}
	args := replay(append(append(k.args, "--datadir", k.dir), how[k.rand.IntN(len(how))]...)...)
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asCommand+"=1")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if early {
		time.Sleep(time.Duration(k.rand.IntN(150)) * time.Millisecond)
		_ = cmd.Process.Kill()
	}
	durable, ended := k.read(t, bufio.NewScanner(out), lines, func() {
		time.Sleep(time.Duration(k.rand.IntN(3000)) * time.Microsecond)
		_ = cmd.Process.Kill()
	})
	if err := cmd.Wait(); ended && err != nil || cmd.ProcessState.Exited() && cmd.ProcessState.ExitCode() != 0 {
		t.Fatalf("%q: %v\n%s", args, err, &errs)
	}
	if !cmd.ProcessState.Exited() {
		k.kills++
	}
	k.check(t, durable)
}

// read reads the lines, calls kill after some of them, and returns the last block that was
// called durable, and whether the replay came to its end.
func (k *killed) read(t *testing.T, out *bufio.Scanner, lines int, kill func()) (durable int, ended bool) {
	out.Buffer(nil, 1<<20)
	for n := 0; out.Scan(); n++ {
		var l struct {
			Number       *int
			Root         string `json:"state_root"`
			Equal        bool
			Error        string
			Store        struct{ Durable int }
			BlockDurable *int `json:"durable_block"`
		}
		if json.Unmarshal(out.Bytes(), &l) != nil {
			continue // cut off
		}
		if n == lines {
			kill()
		}
		if ended = l.BlockDurable != nil; ended {
			durable = max(durable, *l.BlockDurable)
			continue
		}
		if l.Number == nil || !l.Equal || l.Root != k.g.blocks[*l.Number-1].Root().Hex() {
			t.Fatalf("%s", out.Bytes())
		}
		if *l.Number <= k.height && !k.roots[*l.Number] {
			t.Errorf("block %d is run again, the directory had %d", *l.Number, k.height)
		}
		k.roots[*l.Number] = true
		durable = max(durable, l.Store.Durable)
	}
	return durable, ended
}

// check looks at what the kill left.
func (k *killed) check(t *testing.T, durable int) {
	t.Helper()
	there, err := isStore(k.dir)
	if err != nil {
		t.Fatal(err)
	}
	if !there {
		if durable > 0 || k.height > 0 {
			t.Fatalf("block %d was durable, and there is no store", max(durable, k.height))
		}
		return
	}
	head := headOf(t, k.dir)
	if int(head.Height) < max(durable, k.height) {
		t.Fatalf("block %d was durable, and the directory is at block %d", max(durable, k.height), head.Height)
	}
	if k.height = int(head.Height); k.height > 0 {
		k.g.checkHead(t, k.dir, k.height)
	}
}
