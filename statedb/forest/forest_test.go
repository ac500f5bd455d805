package forest_test

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
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
	"github.com/gpuevm/gpuevm/statedb/internal/world"
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
				follow(t, forest.Options{Hasher: hasher, Workers: workers, Limit: 40_000}, int64(workers), 50)
			})
		}
	}
}

func follow(t *testing.T, o forest.Options, seed int64, blocks int) {
	w, nodes := world.New(seed), make(disk)
	f := forest.New(o, common.Hash{}, nodes)
	for n := range blocks {
		if w.Intn(6) == 0 { // a restart
			f = forest.New(o, w.State.AllocRoot(), nodes)
		}
		if w.Intn(5) == 0 { // a block that is given up
			lost := w.Diff(1+w.Intn(60), 9)
			f.Expect(world.KeysOf(lost))
			f.Settled(w.SettledOf(w.State, lost), nil, w.Intn(100))
			if w.Intn(2) == 0 {
				check(t, f.Apply(lost))
				if w.Intn(2) == 0 {
					_, err := f.Root()
					check(t, err)
				}
			}
			check(t, f.Undo())
			if got, err := f.Root(); err != nil || got != w.State.AllocRoot() {
				t.Fatalf("block %d: root %x after Undo, want %x (%v)", n, got, w.State.AllocRoot(), err)
			}
		}
		if honesty := w.Intn(4); honesty > 0 {
			f.Recall(&memory{state: w.State.Copy(), lies: honesty})
		}
		step(t, w, f)
		want := w.State.AllocRoot()
		if got, err := f.Root(); err != nil || got != want {
			t.Fatalf("block %d: root %x, want %x (%v)", n, got, want, err)
		}
		check(t, f.Collect(nodes.put))
		f.Trim()
		if want, got := fromScratch(t, w.State), len(nodes); got != want {
			t.Fatalf("block %d: %d nodes on disk, the tries have %d", n, got, want)
		}
	}
	if s := f.Stats(); s.Accounts == 0 || s.Slots == 0 || s.Guessed == 0 {
		t.Fatalf("nothing was done: %+v", s)
	}
}

// step is a block of one to three diffs, as before Byzantium, or of one with hints.
func step(t *testing.T, w *world.World, f *forest.Forest) {
	if w.Intn(2) == 0 {
		for range 1 + w.Intn(3) {
			d := w.Diff(1+w.Intn(40), 9)
			check(t, f.Apply(d))
			check(t, w.State.Apply(d))
			if w.Intn(2) == 0 {
				continue
			}
			if got, err := f.Root(); err != nil || got != w.State.AllocRoot() {
				t.Fatalf("intermediate root %x, want %x (%v)", got, w.State.AllocRoot(), err)
			}
		}
		return
	}
	d := world.Absolute(w.State, w.Diff(1+w.Intn(100), 9))
	f.Expect(world.KeysOf(d))
	for range w.Intn(3) {
		f.Settled(w.SettledOf(w.State, d), nil, w.Intn(200))
		for wait := w.Intn(3) > 0; wait && f.Stats().Waiting > 0; { // else Apply comes first
			runtime.Gosched()
		}
	}
	check(t, f.Apply(d))
	check(t, w.State.Apply(d))
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

type failing struct{}

func (f *failing) Node(common.Hash, []byte, common.Hash) ([]byte, error) { return nil, errGone }

// TestSourceFails: an error has its name, and Undo makes the forest good again.
func TestSourceFails(t *testing.T) {
	w := world.New(1)
	check(t, w.State.Apply(w.Diff(100, 9)))
	f := forest.New(forest.Options{}, w.State.AllocRoot(), new(failing))
	check(t, f.Apply(w.Diff(10, 3)))
	for range 2 {
		if _, err := f.Root(); !errors.Is(err, errGone) {
			t.Fatalf("error %v, want that of the disk", err)
		}
	}
	if err := f.Collect(func(*mpt.Change) error { return nil }); !errors.Is(err, errGone) {
		t.Fatalf("Collect after a failed Root: %v", err)
	}
	check(t, f.Undo())
	if got, err := f.Root(); err != nil || got != w.State.AllocRoot() {
		t.Fatalf("root %x after Undo (%v)", got, err)
	}
}

// TestProve has go-ethereum verify proofs of what is there and of what is not.
func TestProve(t *testing.T) {
	w := world.New(2)
	d := w.Diff(200, 30)
	check(t, w.State.Apply(d))
	f := forest.New(forest.Options{}, common.Hash{}, forest.NewNodes())
	check(t, f.Apply(d))
	root, err := f.Root()
	check(t, err)
	present, absent := 0, 0
	for _, addr := range w.Addrs {
		slots := []common.Hash{world.Word(1), world.Word(2), world.Word(39), world.Word(1 << 40)}
		p, err := f.Prove(addr, slots)
		check(t, err)
		leaf, err := trie.VerifyProof(root, crypto.Keccak256(addr[:]), proofDB(t, p.AccountProof))
		check(t, err)
		if leaf == nil {
			absent++
			if w.Field(addr, gpuevm.Exists) != (common.Hash{}) {
				t.Fatalf("proof of absence of %s, which exists", addr)
			}
			continue
		}
		present++
		for i, s := range p.StorageProof {
			want, _ := w.State.Read(gpuevm.Key{Addr: addr, Kind: gpuevm.Slot, Slot: slots[i]})
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
