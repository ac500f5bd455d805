package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/holiman/uint256"
)

// twin is a state as a plain map: what the store must agree with.
type twin map[gpuevm.Key]common.Hash

func (t twin) set(k gpuevm.Key, v common.Hash) {
	if v == (common.Hash{}) {
		delete(t, k)
	} else {
		t[k] = v
	}
}

func (t twin) wipe(addr common.Address) {
	for k := range t {
		if k.Addr == addr && k.Kind == gpuevm.Slot {
			delete(t, k)
		}
	}
}

// apply is the meaning of a diff, word for word.
func (t twin) apply(d *gpuevm.StateDiff) twin {
	n := maps.Clone(t)
	for _, addr := range d.Wiped {
		n.wipe(addr)
	}
	for _, c := range d.Cells {
		n.set(c.Key, c.Value)
	}
	for _, c := range d.Adds {
		old, add := n[c.Key], c.Value
		sum := new(uint256.Int).Add(new(uint256.Int).SetBytes32(old[:]), new(uint256.Int).SetBytes32(add[:]))
		n.set(c.Key, sum.Bytes32())
	}
	for k := range n {
		if _, exists := n[key(k.Addr, gpuevm.Exists)]; !exists {
			delete(n, k)
		}
	}
	return n
}

func key(addr common.Address, kind gpuevm.Kind) gpuevm.Key {
	return gpuevm.Key{Addr: addr, Kind: kind}
}

const (
	people = 10
	places = 8
)

func someone(i int) common.Address { return common.Address{0: byte(i * 37), 19: byte(i)} }
func someplace(i int) common.Hash  { return common.Hash{0: byte(i % 3), 31: byte(i)} }

func number(x uint64) (h common.Hash) {
	binary.BigEndian.PutUint64(h[24:], x)
	return h
}

// randomDiff changes a few accounts: balances, slots, destruction and rebirth.
func randomDiff(rng *rand.Rand, t twin) *gpuevm.StateDiff {
	d := new(gpuevm.StateDiff)
	for _, i := range rng.Perm(people)[:1+rng.IntN(4)] {
		addr := someone(i)
		if _, exists := t[key(addr, gpuevm.Exists)]; exists && rng.IntN(5) == 0 {
			if rng.IntN(2) == 0 {
				d.Wiped = append(d.Wiped, addr)
			}
			for kind := gpuevm.Exists; kind < gpuevm.Slot; kind++ {
				d.Cells = append(d.Cells, gpuevm.Cell{Key: key(addr, kind)})
			}
			continue
		}
		randomAccount(rng, d, addr)
	}
	return d
}

func randomAccount(rng *rand.Rand, d *gpuevm.StateDiff, addr common.Address) {
	if rng.IntN(6) == 0 {
		d.Wiped = append(d.Wiped, addr)
	}
	d.Cells = append(d.Cells,
		gpuevm.Cell{Key: key(addr, gpuevm.Exists), Value: number(1)},
		gpuevm.Cell{Key: key(addr, gpuevm.Nonce), Value: number(rng.Uint64N(3))})
	if rng.IntN(2) == 0 {
		d.Adds = append(d.Adds, gpuevm.Cell{Key: key(addr, gpuevm.Balance), Value: number(rng.Uint64N(5))})
	}
	if rng.IntN(4) == 0 {
		blob := []byte{byte(rng.IntN(4)), 0x5b}
		code := gpuevm.Code{Hash: crypto.Keccak256Hash(blob), Blob: blob}
		d.Codes = append(d.Codes, code)
		d.Cells = append(d.Cells, gpuevm.Cell{Key: key(addr, gpuevm.CodeHash), Value: code.Hash})
	}
	for _, j := range rng.Perm(places)[:rng.IntN(places)] {
		k := gpuevm.Key{Addr: addr, Kind: gpuevm.Slot, Slot: someplace(j)}
		d.Cells = append(d.Cells, gpuevm.Cell{Key: k, Value: number(rng.Uint64N(4))})
	}
}

// world is a store and, by block, what must be in it.
type world struct {
	rng    *rand.Rand
	opt    Options
	s      *Store
	states map[common.Hash]twin
	blocks map[common.Hash]Block
	last   common.Hash // the last step's block
	seqs   []stepped
	count  uint64
}

type stepped struct {
	seq   uint64
	block common.Hash
}

const worldDir = "db"

func newWorld(seed uint64, opt Options) *world {
	w := &world{
		rng: rand.New(rand.NewPCG(seed, 1)), opt: opt,
		states: map[common.Hash]twin{{}: {}}, blocks: map[common.Hash]Block{},
	}
	return w
}

func (w *world) open() (err error) {
	w.s, err = Open(worldDir, w.opt)
	return err
}

func smallOptions(fs vfs.FS) Options {
	return Options{
		FS: fs, Depth: 6, AccountCache: 64 << 10, SlotCache: 64 << 10, CodeCache: 64 << 10,
		BlockCache: 1 << 20, MemTable: 256 << 10, Readers: 2,
	}
}

// grow adds a block after another.
func (w *world) grow(parent common.Hash) (common.Hash, error) {
	w.count++
	height := w.blocks[parent].Height + 1
	var hash common.Hash
	binary.BigEndian.PutUint64(hash[:], height)
	binary.BigEndian.PutUint64(hash[8:], w.count)
	hash[31] = 1
	d := randomDiff(w.rng, w.states[parent])
	b := Block{Height: height, Hash: hash, Parent: parent, Diff: d}
	if err := w.s.Add(b); err != nil {
		return hash, err
	}
	w.blocks[hash], w.states[hash] = b, w.states[parent].apply(d)
	return hash, nil
}

func rootOf(block common.Hash) common.Hash { block[30] = 0xaa; return block }

// step moves the disk, with nodes that tell which block wrote them.
func (w *world) step(to common.Hash) error {
	st := Step{From: w.last, To: to, Root: rootOf(to)}
	for _, path := range [][]byte{{}, {1}, {2, 3}} {
		blob := append(append([]byte{0xc0}, to[:]...), path...)
		st.Nodes = append(st.Nodes, Node{Path: path, Blob: blob, Hash: crypto.Keccak256Hash(blob)})
	}
	seq, err := w.s.Advance(context.Background(), st)
	if err != nil {
		return err
	}
	w.last = to
	w.seqs = append(w.seqs, stepped{seq: seq, block: to})
	return nil
}

// check reads a state whole and compares. A block that has left the window must say so.
func (w *world) check(block common.Hash) error {
	v, err := w.s.ViewBlock(block)
	if errors.Is(err, ErrUnknown) {
		return nil
	}
	if err != nil {
		return err
	}
	defer v.Close()
	t := w.states[block]
	for i := range people {
		for kind := gpuevm.Exists; kind < gpuevm.Slot; kind++ {
			if err := compare(v, t, key(someone(i), kind)); err != nil {
				return err
			}
		}
		if hash := t[key(someone(i), gpuevm.CodeHash)]; hash != (common.Hash{}) {
			if blob, err := v.Code(hash); !errors.Is(err, ErrStale) && (err != nil || crypto.Keccak256Hash(blob) != hash) {
				return fmt.Errorf("code %s: %x, %v", hash.Hex(), blob, err)
			}
		}
		for j := range places {
			if err := compare(v, t, gpuevm.Key{Addr: someone(i), Kind: gpuevm.Slot, Slot: someplace(j)}); err != nil {
				return err
			}
		}
	}
	return nil
}

func compare(v *View, t twin, k gpuevm.Key) error {
	got, err := v.Read(k)
	if errors.Is(err, ErrStale) {
		return nil
	}
	if err != nil {
		return err
	}
	if got != t[k] {
		return fmt.Errorf("block %d: %s is %s, want %s", v.Height(), k, got.Hex(), t[k].Hex())
	}
	return nil
}

// live is a block that can still be read, at random.
func (w *world) live() common.Hash {
	w.s.tree.mu.RLock()
	defer w.s.tree.mu.RUnlock()
	all := sortedLive(w.s.tree)
	return all[w.rng.IntN(len(all))]
}

func sortedLive(t *tree) []common.Hash {
	var all []common.Hash
	var walk func(*layer)
	walk = func(l *layer) {
		all = append(all, l.block.hash)
		for _, c := range l.children {
			walk(c)
		}
	}
	walk(t.floor)
	return all
}

// live steps leave the window when others are written; that is an answer, not an error.
func gone(err error) bool { return errors.Is(err, ErrUnknown) || errors.Is(err, ErrStale) }

// turn does one random thing.
func (w *world) turn() error {
	switch n := w.rng.IntN(20); {
	case n < 10: // the chain grows
		hash, err := w.grow(w.last)
		if err != nil {
			return err
		}
		return w.step(hash)
	case n < 13: // a fork grows
		_, err := w.grow(w.live())
		if gone(err) {
			err = nil
		}
		return err
	case n < 15: // a reorganization
		to := w.live()
		if to == w.last || to == (common.Hash{}) {
			return nil
		}
		if err := w.step(to); err != nil && !gone(err) {
			return err
		}
		return nil
	case n < 16:
		return w.delta(w.live(), w.live())
	case n < 17:
		return w.s.Sync(context.Background())
	}
	return w.check(w.live())
}

func (w *world) delta(from, to common.Hash) error {
	d, err := w.s.Delta(from, to)
	if err != nil {
		if gone(err) {
			err = nil
		}
		return err
	}
	got := w.states[from].apply(d)
	if want := w.states[to]; !maps.Equal(got, want) {
		return fmt.Errorf("delta from %s to %s gives %v, want %v", from.Hex(), to.Hex(), got, want)
	}
	return nil
}

func TestTwin(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { runTwin(t, seed, 400) })
	}
}

func runTwin(t *testing.T, seed uint64, turns int) {
	w := newWorld(seed, smallOptions(vfs.NewMem()))
	w.opt.Sync.Blocks = 1 + int(seed%3)
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	for i := range turns {
		if err := w.turn(); err != nil {
			t.Fatalf("turn %d: %v", i, err)
		}
		if i%97 == 96 {
			w.reopen(t)
		}
	}
	w.reopen(t)
	for _, hash := range sortedLive(w.s.tree) {
		if err := w.check(hash); err != nil {
			t.Fatal(err)
		}
	}
	if stats, err := w.s.Stats(context.Background()); err != nil {
		t.Fatal(err, stats)
	}
	if err := w.s.Close(); err != nil {
		t.Fatal(err)
	}
}

// reopen closes and opens: what was queued is on disk, the window is what it was.
func (w *world) reopen(t *testing.T) {
	t.Helper()
	if err := w.s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	if r := w.s.Recovery(); r.Hash != w.last || !r.Empty && r.Root != rootOf(w.last) || len(r.Notes) > 0 {
		t.Fatalf("recovered %+v, want block %s", r, w.last.Hex())
	}
	if err := w.check(w.last); err != nil {
		t.Fatal(err)
	}
}
