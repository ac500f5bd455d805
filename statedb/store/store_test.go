package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/gpuevm/gpuevm/gpuevm"
)

// TestReaders reads all live states while the chain grows, forks and is written.
func TestReaders(t *testing.T) {
	w := newWorld(7, smallOptions(vfs.NewMem()))
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex // the twin's maps
	var stop atomic.Bool
	var wg sync.WaitGroup
	for i := range 3 {
		rng := rand.New(rand.NewPCG(uint64(i), 9))
		wg.Go(func() {
			for !stop.Load() {
				if err := readSomething(w, rng, &mu); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 600 {
		mu.Lock()
		err := w.turn()
		mu.Unlock()
		if err != nil {
			t.Fatalf("turn %d: %v", i, err)
		}
	}
	stop.Store(true)
	wg.Wait()
	if err := w.s.Close(); err != nil {
		t.Fatal(err)
	}
}

func readSomething(w *world, rng *rand.Rand, mu *sync.Mutex) error {
	w.s.tree.mu.RLock()
	all := sortedLive(w.s.tree)
	w.s.tree.mu.RUnlock()
	hash := all[rng.IntN(len(all))]
	mu.Lock()
	state := w.states[hash]
	mu.Unlock()
	v, err := w.s.ViewBlock(hash)
	if errors.Is(err, ErrUnknown) || state == nil {
		return nil
	}
	for range 40 {
		k := key(someone(rng.IntN(people)), gpuevm.Kind(rng.IntN(4)))
		if rng.IntN(2) == 0 {
			k.Kind, k.Slot = gpuevm.Slot, someplace(rng.IntN(places))
		}
		if err := compare(v, state, k); err != nil {
			return err
		}
	}
	return nil
}

// chain adds and writes blocks one after another, each with a diff of its own.
func chain(t testing.TB, s *Store, from common.Hash, height uint64, n int, diff func(uint64) *gpuevm.StateDiff) common.Hash {
	t.Helper()
	for i := range uint64(n) {
		hash := common.Hash{31: 1}
		binary.BigEndian.PutUint64(hash[:], height+i)
		if err := s.Add(Block{Height: height + i, Hash: hash, Parent: from, Diff: diff(height + i)}); err != nil {
			t.Fatal(err)
		}
		seq, err := s.Advance(t.Context(), Step{From: from, To: hash, Root: rootOf(hash)})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.WaitDurable(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
		from = hash
	}
	return from
}

// one account, its nonce the height.
func counting(height uint64) *gpuevm.StateDiff {
	return &gpuevm.StateDiff{Cells: []gpuevm.Cell{
		{Key: key(someone(1), gpuevm.Exists), Value: number(1)},
		{Key: key(someone(1), gpuevm.Nonce), Value: number(height)},
	}}
}

func TestWindow(t *testing.T) {
	opt := smallOptions(vfs.NewMem())
	opt.Depth = 128
	s, err := Open(worldDir, opt)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	first := chain(t, s, common.Hash{}, 1, 1, counting)
	old, err := s.View(rootOf(first))
	if err != nil {
		t.Fatal(err)
	}
	last := chain(t, s, first, 2, 127, counting)
	for h := uint64(1); h <= 128; h++ {
		root := common.Hash{30: 0xaa, 31: 1}
		binary.BigEndian.PutUint64(root[:], h)
		v, err := s.View(root)
		if err != nil {
			t.Fatalf("state %d of 128: %v", h, err)
		}
		if n, err := v.Read(key(someone(1), gpuevm.Nonce)); err != nil || n != number(h) {
			t.Fatalf("block %d: nonce %s, %v", h, n.Hex(), err)
		}
		v.Close()
		if _, err := v.Read(key(someone(1), gpuevm.Nonce)); !errors.Is(err, ErrClosed) {
			t.Fatalf("a closed view answers: %v", err)
		}
	}
	chain(t, s, last, 129, 1, counting)
	if _, err := old.Read(key(someone(1), gpuevm.Nonce)); !errors.Is(err, ErrStale) {
		t.Fatalf("a view that left the window: %v", err)
	}
	if p := s.Progress(); p.Durable != 129 || p.Stored != 129 || p.Executed != 129 || p.Floor != 2 || p.IndexKeys != 1 {
		t.Fatalf("%+v", p)
	}
}

func TestSince(t *testing.T) {
	s, err := Open(worldDir, smallOptions(vfs.NewMem()))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	a := chain(t, s, common.Hash{}, 1, 1, counting)
	va, _ := s.ViewBlock(a)
	_, mark, ok := va.Since(nil)
	if ok {
		t.Fatal("nothing is known since nothing")
	}
	b := chain(t, s, a, 2, 2, counting)
	vb, _ := s.ViewBlock(b)
	changed, _, ok := vb.Since(mark)
	if !ok || len(changed) != 8 {
		t.Fatalf("changed %v, %v", changed, ok)
	}
	chain(t, s, b, 4, 8, counting)
	if _, _, ok = vb.Since(mark); ok {
		t.Fatal("a mark that left the window is still good")
	}

	// Another store of the same make has layers of the same numbers.
	other, err := Open(worldDir, smallOptions(vfs.NewMem()))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	vo, err := other.ViewBlock(chain(t, other, common.Hash{}, 1, 8, counting))
	if err != nil {
		t.Fatal(err)
	}
	if _, mark, _ = vb.Since(nil); mark == nil {
		t.Fatal("no mark")
	}
	if changed, _, ok := vo.Since(mark); ok {
		t.Fatalf("the mark of another store is good for %v", changed)
	}
}

func TestNodes(t *testing.T) {
	s, err := Open(worldDir, smallOptions(vfs.NewMem()))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	owner := common.Hash{1}
	var nodes []Node
	for i := range byte(40) {
		blob := []byte(strings.Repeat(string([]byte{'a' + i}), 100))
		nodes = append(nodes, Node{Owner: owner, Path: []byte{1, i}, Blob: blob, Hash: crypto.Keccak256Hash(blob)})
	}
	block := Block{Height: 1, Hash: common.Hash{9}, Diff: counting(1)}
	if err := s.Add(block); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Advance(t.Context(), Step{To: block.Hash, Root: common.Hash{8}, Nodes: nodes}); err != nil {
		t.Fatal(err)
	}
	for range 2 { // on their way, and there
		for i := range nodes {
			got, err := s.Node(owner, nodes[i].Path, nodes[i].Hash)
			if err != nil || string(got) != string(nodes[i].Blob) {
				t.Fatalf("node %d: %q, %v", i, got, err)
			}
		}
		if err := s.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Node(owner, []byte{1, 3}, common.Hash{7}); !errors.Is(err, ErrNode) {
		t.Fatalf("a node with another hash: %v", err)
	}
}

// TestMemory reads a state of more than ten times the caches.
func TestMemory(t *testing.T) {
	opt := smallOptions(vfs.NewMem())
	opt.SlotCache, opt.AccountCache, opt.Sync = 1<<20, 1<<20, OnDemand
	s, err := Open(worldDir, opt)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	n := 80_000
	if raced {
		n = 30_000
	}
	err = s.Load(0, common.Hash{1}, common.Hash{2}, func(l *Loader) error {
		for i := range uint64(n) {
			addr := common.BytesToAddress(crypto.Keccak256(binary.BigEndian.AppendUint64(nil, i)))
			_ = l.Account(addr, Account{Nonce: i})
			if err := l.Slot(addr, number(i), number(i+1)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.View(common.Hash{2})
	if err != nil {
		t.Fatal(err)
	}
	before := int64(0)
	for i := range uint64(n) {
		if i == uint64(n)/4 { // all is full by now, Pebble's caches too
			before = heap()
		}
		addr := common.BytesToAddress(crypto.Keccak256(binary.BigEndian.AppendUint64(nil, i)))
		if got, err := v.Read(key(addr, gpuevm.Nonce)); err != nil || got != number(i) {
			t.Fatal(i, got, err)
		}
		if got, err := v.Read(gpuevm.Key{Addr: addr, Kind: gpuevm.Slot, Slot: number(i)}); err != nil || got != number(i+1) {
			t.Fatal(i, got, err)
		}
	}
	grown := heap() - before
	st := s.Caches()
	t.Logf("%d entries of %d, heap grew by %d KiB", st["slots"].Entries+st["accounts"].Entries, 2*n, grown>>10)
	if st["slots"].Bytes > 1<<20 || st["accounts"].Bytes > 1<<20 || grown > 1<<20 && !raced { // the race detector has a heap of its own making
		t.Fatalf("two caches of 1 MiB hold %+v, and the heap grew by %d", st, grown)
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestUnfinishedLoad(t *testing.T) {
	fs := vfs.NewMem()
	s, err := Open(worldDir, smallOptions(fs))
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("the dump ends here")
	err = s.Load(0, common.Hash{1}, common.Hash{2}, func(l *Loader) error {
		_ = l.Account(someone(1), Account{Nonce: 1})
		return broken
	})
	if !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if err := s.Close(); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if _, err = Open(worldDir, smallOptions(fs)); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("half a load opens: %v", err)
	}
}

// TestPrune: what no state needs goes, states stay.
func TestPrune(t *testing.T) {
	w := newWorld(3, smallOptions(vfs.NewMem()))
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	defer func() { w.s.Close() }()
	for i := range 200 {
		if err := w.turn(); err != nil {
			t.Fatal(err)
		}
		if i%50 == 49 {
			if _, err := w.s.Prune(context.Background()); err != nil {
				t.Fatal(err)
			}
			w.reopen(t)
		}
	}
}

func TestReadOnlyAndChain(t *testing.T) {
	opt := smallOptions(vfs.NewMem())
	opt.Genesis = common.Hash{5}
	s, err := Open(worldDir, opt)
	if err != nil {
		t.Fatal(err)
	}
	chain(t, s, common.Hash{}, 1, 3, counting)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	opt.ReadOnly = true
	if s, err = Open(worldDir, opt); err != nil {
		t.Fatal(err)
	}
	if s.Recovery().Height != 3 || s.Add(Block{}) == nil {
		t.Fatal("reading only")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	opt.Genesis = common.Hash{6}
	if _, err := Open(worldDir, opt); err == nil || !strings.Contains(err.Error(), "genesis") {
		t.Fatalf("another chain: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	u := undo{changes: changes{
		accounts: []accountChange{{addr: someone(1), after: account{nonce: 3, exists: true}}},
		slots:    []slotChange{{key: slotKey{someone(2), number(4)}, after: number(5)}},
	}}
	f.Add(u.append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if u, err := decodeUndo(b); err == nil {
			if again, err := decodeUndo(u.append(nil)); err != nil || fmt.Sprint(again) != fmt.Sprint(u) {
				t.Fatalf("%v: %+v, %+v", err, u, again)
			}
		}
		_, _ = decodeAccount(b)
		_, _, _ = open([]byte{kindSlot}, b)
	})
}
