package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/ethereum/go-ethereum/common"
)

// image is a disk as a crash left it, and what had been promised by then.
type image struct {
	fs    *vfs.MemFS
	acked uint64
	op    int64
}

// camera takes an image before each operation on the disk that chance picks.
type camera struct {
	mem    *vfs.MemFS
	acked  atomic.Uint64
	ops    atomic.Int64
	mu     sync.Mutex
	rng    *rand.Rand
	every  int
	max    int
	images []image

	cloning sync.Mutex
}

// still is the camera's disk. MemFS.ReuseForWrite takes a lock twice that CrashClone wants in
// between, which is a deadlock; so one waits for the other here.
type still struct {
	vfs.FS
	c *camera
}

func (s still) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	s.c.cloning.Lock()
	defer s.c.cloning.Unlock()
	return s.FS.ReuseForWrite(oldname, newname, category)
}

func (c *camera) MaybeError(op errorfs.Op) error {
	if op.Kind.ReadOrWrite() != errorfs.OpIsWrite {
		return nil
	}
	n := c.ops.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.images) >= c.max || c.rng.IntN(c.every) != 0 {
		return nil
	}
	// What was acknowledged is read before the image is taken: it may be less than what
	// the image must have, never more.
	acked := c.acked.Load()
	percent := []int{0, 20, 50, 80, 100}[c.rng.IntN(5)]
	c.cloning.Lock()
	defer c.cloning.Unlock()
	c.images = append(c.images, image{c.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: c.rng}), acked, n})
	return nil
}

func (c *camera) String() string { return "camera" }

// rounds is a number from the environment, for long runs.
func rounds(t testing.TB, name string, def int) int {
	if v := os.Getenv(name); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return n
	}
	return def
}

// film runs a world on a disk with a camera.
func film(seed uint64, turns, every int, seams seams) (*world, *camera, error) {
	mem := vfs.NewCrashableMem()
	c := &camera{mem: mem, rng: rand.New(rand.NewPCG(seed, 2)), every: every, max: turns * 2}
	w := newWorld(seed, smallOptions(errorfs.Wrap(still{mem, c}, c)))
	w.opt.seams = seams
	w.opt.MemTable = 16 << 10
	w.opt.Sync.Blocks = 1 + int(seed%4)
	w.opt.OnDurable = func(uint64, common.Hash) { c.acked.Store(w.s.queue.durableSeq()) }
	if err := w.open(); err != nil {
		return w, c, err
	}
	for range turns {
		if err := w.turn(); err != nil {
			return w, c, err
		}
	}
	return w, c, w.s.Close()
}

func (q *queue) durableSeq() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.durable
}

// survives opens an image and says what is wrong with it.
func (w *world) survives(im image) error {
	after := &world{rng: w.rng, opt: w.opt, states: w.states, blocks: w.blocks, last: w.last}
	after.opt.FS, after.opt.OnDurable = im.fs, nil
	if err := after.open(); err != nil {
		return err
	}
	err := after.recovered(im.acked, w.seqs)
	return errors.Join(err, after.s.Close())
}

// recovered compares a store that was just opened with what it may hold.
func (w *world) recovered(acked uint64, seqs []stepped) error {
	seq := w.s.queue.seq
	if seq < acked {
		return fmt.Errorf("step %d was acknowledged as durable, the store is at step %d", acked, seq)
	}
	r := w.s.Recovery()
	if r.Empty {
		return nil
	}
	for _, st := range seqs {
		if st.seq != seq {
			continue
		}
		if st.block != r.Hash || r.Root != rootOf(st.block) || r.Height != w.blocks[st.block].Height {
			return fmt.Errorf("step %d went to block %s, recovered %+v", seq, st.block.Hex(), r)
		}
	}
	for _, hash := range sortedLive(w.s.tree) {
		if err := w.check(hash); err != nil {
			return err
		}
	}
	if _, err := w.s.Stats(context.Background()); err != nil {
		return err
	}
	return w.nodesAre(r.Hash)
}

// nodesAre checks that the nodes on disk are those of a block.
func (w *world) nodesAre(block common.Hash) error {
	for _, path := range [][]byte{{}, {1}, {2, 3}} {
		blob, err := w.s.Node(common.Hash{}, path, common.Hash{})
		if err != nil {
			return err
		}
		if want := append(append([]byte{0xc0}, block[:]...), path...); string(blob) != string(want) {
			return fmt.Errorf("node %x is %x, the head is block %s", path, blob, block.Hex())
		}
	}
	return nil
}

func TestCrash(t *testing.T) {
	def := 1500
	if raced {
		def = 200
	}
	want := rounds(t, "GPUEVM_CRASH_IMAGES", def)
	images := 0
	for seed := uint64(0); images < want; seed++ {
		w, c, err := film(seed, 120, 4, seams{})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for _, im := range c.images {
			if err := w.survives(im); err != nil {
				t.Fatalf("seed %d, crash before operation %d: %v", seed, im.op, err)
			}
		}
		images += len(c.images)
	}
	t.Logf("%d images", images)
}

// TestCrashAgain crashes while the store is being opened after a crash.
func TestCrashAgain(t *testing.T) {
	again := 0
	for seed := uint64(100); again < 150; seed++ {
		w, c, err := film(seed, 60, 20, seams{})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for _, im := range c.images {
			c2 := &camera{mem: im.fs, rng: c.rng, every: 3, max: 4}
			// A block that the first opening found may be lost in no later one.
			wrapped := &world{rng: w.rng, opt: w.opt, states: w.states, blocks: w.blocks}
			wrapped.opt.FS, wrapped.opt.OnDurable = errorfs.Wrap(still{im.fs, c2}, c2), nil
			if err := wrapped.open(); err != nil {
				t.Fatal(err)
			}
			if err := wrapped.s.Close(); err != nil {
				t.Fatal(err)
			}
			for _, im2 := range c2.images {
				im2.acked = im.acked
				if err := w.survives(im2); err != nil {
					t.Fatalf("seed %d, crash before operation %d, again before %d: %v", seed, im.op, im2.op, err)
				}
				again++
			}
		}
	}
}

// TestPlantedFaults: the crash test finds a store that is wrong.
func TestPlantedFaults(t *testing.T) {
	faults := map[string]seams{
		"batch split in two": {apply: func(s *Store, batch *pebble.Batch, sync bool) error {
			if batch.Count() < 2 {
				return s.apply(batch, sync)
			}
			first, second := halves(s.db, batch)
			if err := s.apply(first, sync); err != nil {
				return err
			}
			return s.apply(second, sync)
		}},
		"acknowledged without a sync": {apply: func(s *Store, batch *pebble.Batch, _ bool) error {
			return s.apply(batch, false)
		}},
	}
	for name, seams := range faults {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(30) {
				w, c, err := film(seed, 60, 3, seams)
				if err != nil {
					t.Logf("seed %d: found while running: %v", seed, err)
					return
				}
				for _, im := range c.images {
					if err := w.survives(im); err != nil {
						t.Logf("seed %d, crash before operation %d: found: %v", seed, im.op, err)
						return
					}
				}
			}
			t.Fatal("not found")
		})
	}
}

// halves is a batch as two.
func halves(db *pebble.DB, batch *pebble.Batch) (first, second *pebble.Batch) {
	first, second = db.NewBatch(), db.NewBatch()
	n := batch.Count()
	r := batch.Reader()
	for i := uint32(0); ; i++ {
		kind, k, v, ok, err := r.Next()
		if !ok || err != nil {
			return first, second
		}
		to := first
		if i >= n/2 {
			to = second
		}
		switch kind {
		case pebble.InternalKeyKindSet:
			_ = to.Set(k, v, nil)
		case pebble.InternalKeyKindDelete:
			_ = to.Delete(k, nil)
		case pebble.InternalKeyKindRangeDelete:
			_ = to.DeleteRange(k, v, nil)
		}
	}
}

// breaker fails writes from the n-th on, a number of them.
type breaker struct {
	from, count int64
	err         error
	ops         atomic.Int64
}

func (b *breaker) MaybeError(op errorfs.Op) error {
	if op.Kind.ReadOrWrite() != errorfs.OpIsWrite || op.Kind == errorfs.OpFileClose {
		return nil
	}
	if n := b.ops.Add(1); n >= b.from && n < b.from+b.count {
		return b.err
	}
	return nil
}

func (b *breaker) String() string { return "breaker" }

// TestWriteErrors: the disk fails at some write. The store says so, goes on being read,
// and after it is opened on a good disk has everything that was acknowledged.
func TestWriteErrors(t *testing.T) {
	runs := rounds(t, "GPUEVM_WRITE_ERRORS", 120)
	failed := 0
	for seed := range uint64(runs) {
		if brokenRun(t, seed, errors.New("planted write error"), 1) {
			failed++
		}
	}
	t.Logf("%d of %d runs failed", failed, runs)
	if failed < runs/4 {
		t.Fatal("the errors hardly reach the store")
	}
}

// TestDiskFull: the disk is full for good.
func TestDiskFull(t *testing.T) {
	for seed := range uint64(20) {
		brokenRun(t, seed, syscall.ENOSPC, 1<<40)
	}
}

func brokenRun(t *testing.T, seed uint64, broken error, count int64) (failed bool) {
	mem := vfs.NewCrashableMem()
	rng := rand.New(rand.NewPCG(seed, 3))
	b := &breaker{from: 1 + rng.Int64N(300), count: count, err: broken}
	w := newWorld(seed, smallOptions(errorfs.Wrap(mem, b)))
	w.opt.MemTable = 16 << 10
	err := w.open()
	for i := 0; i < 150 && err == nil; i++ {
		err = w.turn()
	}
	acked := uint64(0)
	if w.s != nil {
		acked = w.s.queue.durableSeq()
		if e := w.check(w.last); e != nil {
			t.Fatalf("seed %d: reading after a failure: %v", seed, e)
		}
		if e := w.s.Close(); err == nil {
			err = e
		}
	}
	if err != nil && !errors.Is(err, broken) {
		t.Fatalf("seed %d: the error does not say what broke: %v", seed, err)
	}
	im := image{mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rng}), acked, b.from}
	if e := w.survives(im); e != nil {
		t.Fatalf("seed %d, write %d failed: %v", seed, b.from, e)
	}
	return err != nil
}

// TestBallast: a full disk is waited out where the file system says how (vfs.OnDiskFull).
func TestBallast(t *testing.T) {
	mem := vfs.NewCrashableMem()
	b := &breaker{from: 50, count: 1 << 40, err: syscall.ENOSPC}
	freed := 0
	fs := vfs.OnDiskFull(errorfs.Wrap(mem, b), func() {
		freed++
		b.ops.Store(-1 << 40)
	})
	w := newWorld(1, smallOptions(fs))
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if err := w.turn(); err != nil {
			t.Fatalf("turn %d: %v", i, err)
		}
	}
	if err := w.s.Close(); err != nil || freed == 0 {
		t.Fatalf("%v, freed %d times", err, freed)
	}
}
