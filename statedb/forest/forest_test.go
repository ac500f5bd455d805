package forest_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethdb/memorydb"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/trie"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/statedb"
	"github.com/gpuevm/gpuevm/statedb/forest"
	"github.com/gpuevm/gpuevm/statedb/keccak"
	"github.com/gpuevm/gpuevm/statedb/mpt"
	"github.com/holiman/uint256"
)

// disk has nodes by owner and path, as the store does, and one node a path.
type disk map[string][]byte

func (d disk) Node(owner common.Hash, path []byte, hash common.Hash) ([]byte, error) {
	blob := d[string(owner[:])+string(path)]
	if blob != nil && crypto.Keccak256Hash(blob) != hash {
		return nil, fmt.Errorf("node %x %x is another one", owner, path)
	}
	return blob, nil
}

func (d disk) put(c *mpt.Change) error {
	key := string(c.Owner[:]) + string(c.Path)
	switch {
	case c.All:
		for k := range d {
			if strings.HasPrefix(k, string(c.Owner[:])) {
				delete(d, k)
			}
		}
	case c.Blob == nil:
		delete(d, key)
	default:
		d[key] = bytes.Clone(c.Blob)
	}
	return nil
}

// world makes diffs that are right for a state, and knows the state.
type world struct {
	*rand.Rand
	state *statedb.Mem
	addrs []common.Address
}

func newWorld(seed int64) *world {
	w := &world{Rand: rand.New(rand.NewSource(seed)), state: statedb.NewMem(nil)}
	for range 300 {
		var a common.Address
		w.Read(a[:])
		w.addrs = append(w.addrs, a)
	}
	return w
}

func word(n uint64) (h common.Hash) {
	binary.BigEndian.PutUint64(h[24:], n)
	return h
}

func (w *world) read(addr common.Address, kind gpuevm.Kind) common.Hash {
	v, _ := w.state.Read(gpuevm.Key{Addr: addr, Kind: kind})
	return v
}

// diff changes some accounts: new ones, old ones, destroyed ones.
func (w *world) diff(accounts, slots int) *gpuevm.StateDiff {
	d := new(gpuevm.StateDiff)
	for _, i := range w.Perm(len(w.addrs))[:accounts] {
		w.change(d, w.addrs[i], slots)
	}
	return d
}

func (w *world) change(d *gpuevm.StateDiff, addr common.Address, slots int) {
	set := func(kind gpuevm.Kind, v common.Hash) {
		d.Cells = append(d.Cells, gpuevm.Cell{Key: gpuevm.Key{Addr: addr, Kind: kind}, Value: v})
	}
	exists := w.read(addr, gpuevm.Exists) == word(1)
	wiped := exists && w.Intn(8) == 0
	if wiped {
		if w.Intn(3) > 0 { // else it is its end that says so
			d.Wiped = append(d.Wiped, addr)
		}
		for kind := gpuevm.Exists; kind < gpuevm.Slot; kind++ {
			set(kind, common.Hash{})
		}
		if w.Intn(2) == 0 || !slices.Contains(d.Wiped, addr) {
			return
		}
		d.Cells = d.Cells[:len(d.Cells)-int(gpuevm.Slot)] // made again in the same diff
		for kind := gpuevm.Nonce; kind < gpuevm.Slot; kind++ {
			set(kind, common.Hash{})
		}
	}
	if !exists || wiped {
		set(gpuevm.Exists, word(1))
	}
	switch w.Intn(4) {
	case 0:
		d.Adds = append(d.Adds, gpuevm.Cell{Key: gpuevm.Key{Addr: addr, Kind: gpuevm.Balance}, Value: word(w.Uint64())})
	case 1:
		if !wiped {
			set(gpuevm.Nonce, word(w.Uint64()>>w.Intn(64)))
		}
	case 2:
		if !wiped {
			set(gpuevm.CodeHash, crypto.Keccak256Hash(addr[:]))
		}
	}
	for range w.Intn(slots + 1) {
		v := word(w.Uint64() >> w.Intn(64))
		if w.Intn(3) == 0 {
			v = common.Hash{}
		}
		d.Cells = append(d.Cells, gpuevm.Cell{Key: gpuevm.Key{Addr: addr, Kind: gpuevm.Slot, Slot: word(uint64(w.Intn(40)))}, Value: v})
	}
	d.Cells = once(d.Cells)
}

// once keeps the last value of each key.
func once(cells []gpuevm.Cell) (out []gpuevm.Cell) {
	last := make(map[gpuevm.Key]int)
	for i := range cells {
		last[cells[i].Key] = i
	}
	for i := range cells {
		if last[cells[i].Key] == i {
			out = append(out, cells[i])
		}
	}
	return out
}

// settledOf is what Settled is told of a diff: the accounts' cells with absolute values,
// some of them too early.
func (w *world) settledOf(before *statedb.Mem, d *gpuevm.StateDiff) *gpuevm.StateDiff {
	out := new(gpuevm.StateDiff)
	skip := make(map[common.Address]bool)
	take := func(addr common.Address) bool {
		if _, known := skip[addr]; !known {
			skip[addr] = w.Intn(3) == 0
		}
		return !skip[addr]
	}
	for _, addr := range d.Wiped {
		if take(addr) && w.Intn(2) == 0 { // or it is wiped later, and has the same slots again
			out.Wiped = append(out.Wiped, addr)
		}
	}
	for _, c := range d.Cells {
		if take(c.Key.Addr) {
			if c.Key.Kind == gpuevm.Slot && w.Intn(20) == 0 {
				c.Value = word(w.Uint64()) // a later transaction will change it after all
			}
			out.Cells = append(out.Cells, c)
		}
	}
	for _, c := range d.Adds {
		if !take(c.Key.Addr) {
			continue
		}
		old, _ := before.Read(c.Key)
		sum := new(uint256.Int).SetBytes32(old[:])
		c.Value = sum.Add(sum, new(uint256.Int).SetBytes32(c.Value[:])).Bytes32()
		out.Cells = append(out.Cells, c)
	}
	return out
}

// absolute is a diff without Adds.
func absolute(before *statedb.Mem, d *gpuevm.StateDiff) *gpuevm.StateDiff {
	out := &gpuevm.StateDiff{Wiped: d.Wiped, Cells: append([]gpuevm.Cell(nil), d.Cells...)}
	for _, c := range d.Adds {
		old, _ := before.Read(c.Key)
		for _, set := range d.Cells {
			if set.Key == c.Key {
				old = set.Value
			}
		}
		sum := new(uint256.Int).SetBytes32(old[:])
		c.Value = sum.Add(sum, new(uint256.Int).SetBytes32(c.Value[:])).Bytes32()
		out.Cells = append(out.Cells, c)
	}
	out.Cells = once(out.Cells)
	return out
}

func keysOf(d *gpuevm.StateDiff) (keys []gpuevm.Key) {
	for _, list := range [2][]gpuevm.Cell{d.Cells, d.Adds} {
		for i := range list {
			keys = append(keys, list[i].Key)
		}
	}
	return keys
}

// TestBlocks follows random blocks, early hints or not, undone blocks, restarts, against the
// root that go-ethereum computes from scratch.
func TestBlocks(t *testing.T) {
	for _, name := range keccak.Names() {
		hasher, err := keccak.ByName(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, workers := range []int{1, 2, 8} {
			t.Run(fmt.Sprintf("%s-%d", name, workers), func(t *testing.T) {
				follow(t, forest.Options{Hasher: hasher, Workers: workers, Limit: 40_000}, int64(workers), 120)
			})
		}
	}
}

func follow(t *testing.T, o forest.Options, seed int64, blocks int) {
	w, nodes := newWorld(seed), make(disk)
	f := forest.New(o, common.Hash{}, nodes)
	for n := range blocks {
		if w.Intn(6) == 0 { // a restart
			f = forest.New(o, w.state.AllocRoot(), nodes)
		}
		if w.Intn(5) == 0 { // a block that is given up
			lost := w.diff(1+w.Intn(60), 9)
			f.Expect(keysOf(lost))
			f.Settled(w.settledOf(w.state, lost), w.Intn(100))
			if w.Intn(2) == 0 {
				check(t, f.Apply(lost))
				if w.Intn(2) == 0 {
					_, err := f.Root()
					check(t, err)
				}
			}
			check(t, f.Undo())
			if got, err := f.Root(); err != nil || got != w.state.AllocRoot() {
				t.Fatalf("block %d: root %x after Undo, want %x (%v)", n, got, w.state.AllocRoot(), err)
			}
		}
		step(t, w, f)
		want := w.state.AllocRoot()
		if got, err := f.Root(); err != nil || got != want {
			t.Fatalf("block %d: root %x, want %x (%v)", n, got, want, err)
		}
		check(t, f.Collect(nodes.put))
		f.Trim()
		if want, got := fromScratch(t, w.state), len(nodes); got != want {
			t.Fatalf("block %d: %d nodes on disk, the tries have %d", n, got, want)
		}
	}
	if s := f.Stats(); s.Accounts == 0 || s.Slots == 0 {
		t.Fatalf("nothing was done: %+v", s)
	}
}

// step is a block of one to three diffs, as before Byzantium, or of one with hints.
func step(t *testing.T, w *world, f *forest.Forest) {
	if w.Intn(2) == 0 {
		for range 1 + w.Intn(3) {
			d := w.diff(1+w.Intn(40), 9)
			check(t, f.Apply(d))
			check(t, w.state.Apply(d))
			if w.Intn(2) == 0 {
				continue
			}
			if got, err := f.Root(); err != nil || got != w.state.AllocRoot() {
				t.Fatalf("intermediate root %x, want %x (%v)", got, w.state.AllocRoot(), err)
			}
		}
		return
	}
	d := absolute(w.state, w.diff(1+w.Intn(100), 9))
	f.Expect(keysOf(d))
	for range w.Intn(3) {
		f.Settled(w.settledOf(w.state, d), w.Intn(200))
		for wait := w.Intn(3) > 0; wait && f.Stats().Waiting > 0; { // else Apply comes first
			runtime.Gosched()
		}
	}
	check(t, f.Apply(d))
	check(t, w.state.Apply(d))
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fromScratch counts the nodes that the tries of a state have.
func fromScratch(t *testing.T, m *statedb.Mem) (n int) {
	t.Helper()
	count := func(leaves map[common.Hash][]byte) common.Hash {
		tr := trie.NewEmpty(nil)
		for k, v := range leaves {
			tr.MustUpdate(k[:], v)
		}
		root, set := tr.Commit(false)
		if set != nil {
			n += len(set.Nodes)
		}
		return root
	}
	accounts := make(map[common.Hash][]byte)
	for addr, a := range m.Alloc() {
		slots := make(map[common.Hash][]byte)
		for k, v := range a.Storage {
			slots[crypto.Keccak256Hash(k[:])] = rlpOf(t, common.TrimLeftZeroes(v[:]))
		}
		acct := types.StateAccount{Nonce: a.Nonce, Balance: uint256.MustFromBig(a.Balance), Root: count(slots), CodeHash: types.EmptyCodeHash[:]}
		accounts[crypto.Keccak256Hash(addr[:])] = rlpOf(t, &acct)
	}
	count(accounts)
	return n
}

var errGone = errors.New("disk is gone")

type failing struct{ after int }

func (f *failing) Node(common.Hash, []byte, common.Hash) ([]byte, error) { return nil, errGone }

// TestSourceFails: an error has its name, and Undo makes the forest good again.
func TestSourceFails(t *testing.T) {
	w := newWorld(1)
	check(t, w.state.Apply(w.diff(100, 9)))
	f := forest.New(forest.Options{}, w.state.AllocRoot(), new(failing))
	check(t, f.Apply(w.diff(10, 3)))
	for range 2 {
		if _, err := f.Root(); !errors.Is(err, errGone) {
			t.Fatalf("error %v, want that of the disk", err)
		}
	}
	if err := f.Collect(func(*mpt.Change) error { return nil }); !errors.Is(err, errGone) {
		t.Fatalf("Collect after a failed Root: %v", err)
	}
	check(t, f.Undo())
	if got, err := f.Root(); err != nil || got != w.state.AllocRoot() {
		t.Fatalf("root %x after Undo (%v)", got, err)
	}
}

// TestProve has go-ethereum verify proofs of what is there and of what is not.
func TestProve(t *testing.T) {
	w := newWorld(2)
	d := w.diff(200, 30)
	check(t, w.state.Apply(d))
	f := forest.New(forest.Options{}, common.Hash{}, forest.NewNodes())
	check(t, f.Apply(d))
	root, err := f.Root()
	check(t, err)
	present, absent := 0, 0
	for _, addr := range w.addrs {
		slots := []common.Hash{word(1), word(2), word(39), word(1 << 40)}
		p, err := f.Prove(addr, slots)
		check(t, err)
		leaf, err := trie.VerifyProof(root, crypto.Keccak256(addr[:]), proofDB(t, p.AccountProof))
		check(t, err)
		if leaf == nil {
			absent++
			if w.read(addr, gpuevm.Exists) != (common.Hash{}) {
				t.Fatalf("proof of absence of %s, which exists", addr)
			}
			continue
		}
		present++
		for i, s := range p.StorageProof {
			want, _ := w.state.Read(gpuevm.Key{Addr: addr, Kind: gpuevm.Slot, Slot: slots[i]})
			if common.BigToHash(s.Value.ToInt()) != want {
				t.Fatalf("%s slot %x: %v, want %x", addr, slots[i], s.Value, want)
			}
			if p.StorageHash == types.EmptyRootHash {
				continue
			}
			leaf, err := trie.VerifyProof(p.StorageHash, crypto.Keccak256(slots[i][:]), proofDB(t, s.Proof))
			check(t, err)
			if (leaf == nil) != (want == common.Hash{}) || leaf != nil && !bytes.Equal(leaf, rlpOf(t, common.TrimLeftZeroes(want[:]))) {
				t.Fatalf("%s slot %x: proof of %x, want %x", addr, slots[i], leaf, want)
			}
		}
	}
	if present == 0 || absent == 0 {
		t.Fatalf("%d present, %d absent: nothing was proved", present, absent)
	}
}

func proofDB[B ~[]byte](t *testing.T, nodes []B) *memorydb.Database {
	db := memorydb.New()
	for _, n := range nodes {
		check(t, db.Put(crypto.Keccak256(n), n))
	}
	return db
}

func rlpOf(t *testing.T, v any) []byte {
	t.Helper()
	b, err := rlp.EncodeToBytes(v)
	check(t, err)
	return b
}
