package mpt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand"
	"slices"
	"sync"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/trie"
	"github.com/gpuevm/gpuevm/statedb/keccak"
)

// records is a store of nodes by path, checked as a store would.
type records struct {
	mu     sync.Mutex
	nodes  map[string][]byte
	hidden map[string]bool // asked for, it is not there
	reads  int
}

func newRecords() *records { return &records{nodes: make(map[string][]byte)} }

func (s *records) Node(owner common.Hash, path []byte, hash common.Hash) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	blob := s.nodes[string(path)]
	if s.hidden[string(path)] {
		return nil, nil
	}
	if blob != nil && crypto.Keccak256Hash(blob) != hash {
		return nil, fmt.Errorf("another node is at path %x", path)
	}
	return blob, nil
}

// scratch computes the root and the records of a content with go-ethereum's StackTrie.
func scratch(t testing.TB, content map[common.Hash][]byte) (common.Hash, map[string][]byte) {
	nodes := make(map[string][]byte)
	st := trie.NewStackTrie(func(path []byte, hash common.Hash, blob []byte) {
		nodes[string(path)] = bytes.Clone(blob)
	})
	for _, key := range slices.SortedFunc(maps.Keys(content), common.Hash.Cmp) {
		if err := st.Update(key[:], content[key]); err != nil {
			t.Fatal(err)
		}
	}
	return st.Hash(), nodes
}

// world is a trie, what it should contain, and where it is stored.
type world struct {
	t       testing.TB
	arena   *Arena
	trie    *Trie
	store   *records
	content map[common.Hash][]byte
	block   uint32
}

func newWorld(t testing.TB, c Config) *world {
	w := &world{t: t, arena: NewArena(c), store: newRecords(), content: make(map[common.Hash][]byte)}
	w.trie = w.arena.New(common.Hash{1}, types.EmptyRootHash, w.store)
	return w
}

func (w *world) update(batch []Item) {
	w.t.Helper()
	if err := w.trie.Update(batch); err != nil {
		w.t.Fatal(err)
	}
	for _, it := range batch {
		if len(it.Value) == 0 {
			delete(w.content, it.Key)
		} else {
			w.content[it.Key] = it.Value
		}
	}
}

// hash checks the root, and that the arena's books are right.
func (w *world) hash() {
	w.t.Helper()
	got, err := w.trie.Hash()
	if err != nil {
		w.t.Fatal(err)
	}
	if want, _ := scratch(w.t, w.content); got != want {
		w.t.Fatalf("root %s, want %s (%d keys)", got, want, len(w.content))
	}
	w.audit()
}

func (w *world) audit() {
	w.t.Helper()
	size := int64(0)
	seen := make(map[ref]bool)
	w.arena.audit(w.t, w.trie.root, 0, &size, seen)
	if size != w.trie.Size() || size != w.arena.Size() {
		w.t.Fatalf("nodes have %d bytes, the trie says %d, the arena %d", size, w.trie.Size(), w.arena.Size())
	}
}

func (a *Arena) audit(t testing.TB, r ref, depth int, size *int64, seen map[ref]bool) {
	if r == 0 {
		return
	}
	if seen[r] {
		t.Fatalf("node %d is in the trie twice", r)
	}
	seen[r] = true
	*size += int64(classUnits(classOf(a.sizeOf(r)))) * unit
	switch h := a.head(r); h.kind {
	case extNode:
		a.audit(t, a.ext(r).child, int(h.end), size, seen)
	case branchNode:
		b := a.branch(r)
		if len(b.refs) < 2 {
			t.Fatalf("branch with %d children", len(b.refs))
		}
		for _, c := range b.refs {
			a.audit(t, c, depth+1, size, seen)
		}
	case leafNode:
	default:
		t.Fatalf("node of kind %d", h.kind)
	}
}

// collect writes the changes to the store and checks every record in it.
func (w *world) collect() {
	w.t.Helper()
	var last []byte
	first := true
	err := w.trie.Collect(func(c *Change) error {
		switch {
		case c.All:
			clear(w.store.nodes)
			return nil
		case !first && bytes.Compare(last, c.Path) >= 0:
			w.t.Fatalf("path %x after %x", c.Path, last)
		case c.Blob == nil && w.store.nodes[string(c.Path)] == nil:
			w.t.Fatalf("deletes path %x, where no record is", c.Path)
		case c.Blob == nil:
			delete(w.store.nodes, string(c.Path))
		case crypto.Keccak256Hash(c.Blob) != c.Hash:
			w.t.Fatalf("path %x comes with a wrong hash", c.Path)
		default:
			w.store.nodes[string(c.Path)] = bytes.Clone(c.Blob)
		}
		first, last = false, bytes.Clone(c.Path)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	_, want := scratch(w.t, w.content)
	for path, blob := range want {
		if !bytes.Equal(w.store.nodes[path], blob) {
			w.t.Fatalf("record at %x is %x, want %x", path, w.store.nodes[path], blob)
		}
	}
	if len(want) != len(w.store.nodes) {
		w.t.Fatalf("%d records, want %d", len(w.store.nodes), len(want))
	}
}

// reopen forgets the trie and opens it from its records, in the same arena.
func (w *world) reopen() {
	root, err := w.trie.Root()
	if err != nil {
		w.t.Fatal(err)
	}
	w.trie.Reset(root)
	w.audit()
}

func (w *world) tick() {
	w.block++
	w.arena.SetEpoch(w.block)
}

// check reads keys that are there and some that are not, and verifies their proofs.
func (w *world) check(keys []common.Hash) {
	w.t.Helper()
	root, err := w.trie.Root()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, key := range keys {
		got, err := w.trie.Get(key)
		if err != nil {
			w.t.Fatal(err)
		}
		if !bytes.Equal(got, w.content[key]) {
			w.t.Fatalf("key %s is %x, want %x", key, got, w.content[key])
		}
		proof, err := w.trie.Prove(key)
		if err != nil {
			w.t.Fatal(err)
		}
		verify(w.t, root, key, proof, w.content[key])
	}
}

type proofDB map[string][]byte

func (p proofDB) Has(key []byte) (bool, error)   { return p[string(key)] != nil, nil }
func (p proofDB) Get(key []byte) ([]byte, error) { return p[string(key)], nil }

func verify(t testing.TB, root, key common.Hash, proof [][]byte, want []byte) {
	t.Helper()
	if root == types.EmptyRootHash {
		if len(proof) > 0 {
			t.Fatal("an empty trie has a proof")
		}
		return
	}
	db := make(proofDB)
	for _, blob := range proof {
		db[string(crypto.Keccak256(blob))] = blob
	}
	got, err := trie.VerifyProof(root, key[:], db)
	if err != nil {
		t.Fatalf("proof of %s: %v", key, err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("proof of %s says %x, want %x", key, got, want)
	}
	if len(db) != len(proof) || crypto.Keccak256Hash(proof[0]) != root {
		t.Fatal("the proof is not root first, each node once")
	}
}

// style is how keys and values are drawn.
type style struct {
	name   string
	key    func(r *rand.Rand) common.Hash
	value  func(r *rand.Rand) []byte
	delete int // in 10
}

func bytesOf(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	r.Read(b)
	b[0] |= 1
	return b
}

var styles = []style{
	{"hashed", func(r *rand.Rand) common.Hash {
		return crypto.Keccak256Hash(binary.BigEndian.AppendUint32(nil, uint32(r.Intn(400))))
	}, func(r *rand.Rand) []byte { return bytesOf(r, 70+r.Intn(12)) }, 3},
	// Few bits differ, anywhere: extensions of every length.
	{"sparse", func(r *rand.Rand) (k common.Hash) {
		for range r.Intn(4) {
			k[r.Intn(32)] |= 1 << r.Intn(8)
		}
		return k
	}, func(r *rand.Rand) []byte { return bytesOf(r, 1+r.Intn(40)) }, 5},
	// Keys that differ at their ends only, with short values: nodes within nodes.
	{"embedded", func(r *rand.Rand) (k common.Hash) {
		k[30], k[31] = byte(r.Intn(3)), byte(r.Intn(256))
		if r.Intn(4) == 0 {
			k[r.Intn(31)] = 0x10
		}
		return k
	}, func(r *rand.Rand) []byte { return bytesOf(r, 1+r.Intn(3)) }, 5},
	{"mixed", func(r *rand.Rand) (k common.Hash) {
		k[0], k[28], k[31] = byte(r.Intn(2)), byte(r.Intn(2)*16), byte(r.Intn(40))
		return k
	}, func(r *rand.Rand) []byte {
		if r.Intn(2) == 0 {
			return bytesOf(r, 1+r.Intn(2))
		}
		return bytesOf(r, 1+r.Intn(300))
	}, 6},
}

func (s *style) batch(r *rand.Rand, n int) []Item {
	items := make([]Item, n)
	for i := range items {
		items[i].Key = s.key(r)
		if r.Intn(10) >= s.delete {
			items[i].Value = s.value(r)
		}
	}
	return sorted(items)
}

func sorted(items []Item) []Item {
	slices.SortStableFunc(items, func(a, b Item) int { return a.Key.Cmp(b.Key) })
	return slices.CompactFunc(items, func(a, b Item) bool { return a.Key == b.Key })
}

func keysOf(items []Item) []common.Hash {
	keys := make([]common.Hash, len(items))
	for i := range items {
		keys[i] = items[i].Key
	}
	return keys
}

// configs are all hashers with 1, 2 and 8 workers.
func configs(t testing.TB, f func(name string, c Config)) {
	for _, name := range keccak.Names() {
		h, err := keccak.ByName(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, workers := range []int{1, 2, 8} {
			f(fmt.Sprintf("%s/%d", name, workers), Config{Hasher: h, Workers: workers, Readers: workers, Verify: workers != 2})
		}
	}
}
