package store

import (
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ethereum/go-ethereum/common"
)

// damaged is a store on disk with tables and a log, closed or as a kill would leave it.
func damaged(t *testing.T, killed bool) (*world, *vfs.MemFS) {
	t.Helper()
	mem := vfs.NewCrashableMem()
	w := newWorld(11, smallOptions(mem))
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	for i := range 120 {
		if err := w.turn(); err != nil {
			t.Fatal(err)
		}
		if i == 60 {
			if err := w.s.db.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.s.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	disk := mem
	if killed {
		disk = mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: w.rng})
	}
	if err := w.s.Close(); err != nil {
		t.Fatal(err)
	}
	return w, disk
}

func content(t *testing.T, fs vfs.FS, name string) []byte {
	t.Helper()
	f, err := fs.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func rewrite(t *testing.T, fs vfs.FS, name string, b []byte) {
	t.Helper()
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestDamage flips bits in files and cuts files off. Either that is found and named, by Open
// or by Stats, or everything is as it was: padding and what is no longer needed may be
// damaged without harm. Never a panic, and never another state.
func TestDamage(t *testing.T) {
	found, harmless := map[string]int{}, map[string]int{}
	for _, killed := range []bool{false, true} {
		w, mem := damaged(t, killed)
		names, err := mem.List(worldDir)
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(5, 5))
		for _, name := range names {
			kind := strings.TrimRight(name, "0123456789-.")
			if i := strings.LastIndex(name, "."); i >= 0 && !strings.HasPrefix(name, "marker") {
				kind = name[i:]
			}
			for range rounds(t, "GPUEVM_DAMAGE", 12) {
				if damage(t, w, mem, worldDir+"/"+name, rng) {
					found[kind]++
				} else {
					harmless[kind]++
				}
			}
		}
	}
	t.Logf("found %v, harmless %v", found, harmless)
	for _, kind := range []string{".sst", ".log", "MANIFEST"} {
		if found[kind] == 0 {
			t.Errorf("no damage to %s was found", kind)
		}
	}
}

func damage(t *testing.T, w *world, mem *vfs.MemFS, name string, rng *rand.Rand) (found bool) {
	t.Helper()
	disk := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rng})
	b := append([]byte(nil), content(t, disk, name)...)
	what := "cut off"
	if len(b) == 0 {
		return false
	}
	if at := rng.IntN(len(b)); rng.IntN(3) > 0 {
		b[at] ^= 1 << rng.IntN(8)
		what = "bit flipped in byte " + strconv.Itoa(at)
	} else {
		b = b[:at]
	}
	rewrite(t, disk, name, b)
	err := w.survives(image{fs: disk, acked: w.seqs[len(w.seqs)-1].seq})
	if err == nil {
		return false
	}
	if !errors.Is(err, ErrCorrupt) {
		t.Errorf("%s, %s: not called corrupt: %v", name, what, err)
	}
	if strings.Contains(err.Error(), "want") || strings.Contains(err.Error(), "acknowledged as durable, the store is") {
		t.Errorf("%s, %s: not noticed: %v", name, what, err)
	}
	return true
}

const childEnv = "GPUEVM_STORE_CHILD"

// TestKill kills a process that writes, again and again, and looks at what is left.
func TestKill(t *testing.T) {
	if dir := os.Getenv(childEnv); dir != "" {
		child(t, dir)
		return
	}
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	for range rounds(t, "GPUEVM_KILLS", 4) {
		acked := runChild(t, dir, time.Duration(100+rng.IntN(300))*time.Millisecond)
		s, err := Open(dir, smallOptions(nil))
		if err != nil {
			t.Fatal(err)
		}
		r := s.Recovery()
		if r.Height < acked {
			t.Fatalf("block %d was acknowledged, the store ends at block %d", acked, r.Height)
		}
		for h := r.Floor; h <= r.Height && !r.Empty; h++ {
			hash, err := s.BlockHash(h)
			if h > 0 && err != nil {
				t.Fatal(err)
			}
			v, err := s.ViewBlock(hash)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := v.Read(key(someone(1), 1)); err != nil || n != number(h) {
				t.Fatalf("block %d: nonce %s, %v", h, n.Hex(), err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		t.Logf("killed after block %d was acknowledged, recovered block %d", acked, r.Height)
	}
}

// runChild lets a child write for a while, kills it, and returns the last block that it
// said was durable.
func runChild(t *testing.T, dir string, d time.Duration) (acked uint64) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKill$")
	cmd.Env = append(os.Environ(), childEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(d, func() { _ = cmd.Process.Kill() })
	said, _ := io.ReadAll(out)
	_ = cmd.Wait()
	for _, line := range strings.Split(string(said), "\n") {
		rest, ok := strings.CutPrefix(line, "durable ")
		if n, err := strconv.ParseUint(strings.TrimSuffix(rest, "."), 10, 64); ok && err == nil && strings.HasSuffix(rest, ".") {
			acked = n
		}
	}
	return acked
}

func child(t *testing.T, dir string) {
	opt := smallOptions(nil)
	opt.Sync.Blocks = 3
	opt.OnDurable = func(height uint64, _ common.Hash) {
		_, _ = os.Stdout.WriteString("durable " + strconv.FormatUint(height, 10) + ".\n")
	}
	s, err := Open(dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	r := s.Recovery()
	from, height := r.Hash, r.Height+1
	for range 100_000 {
		hash := common.Hash{0: byte(height >> 8), 1: byte(height), 2: 1}
		if err := s.Add(Block{Height: height, Hash: hash, Parent: from, Diff: counting(height)}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Advance(t.Context(), Step{From: from, To: hash, Root: rootOf(hash)}); err != nil {
			t.Fatal(err)
		}
		from, height = hash, height+1
	}
}
