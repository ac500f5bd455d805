package mpt

import (
	"bytes"
	"errors"
	"math/rand"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
)

// witness has nodes by hash.
type witness map[common.Hash][]byte

func (s witness) Node(_ common.Hash, _ []byte, hash common.Hash) ([]byte, error) { return s[hash], nil }

var errDisk = errors.New("disk is gone")

type broken struct{}

func (broken) Node(common.Hash, []byte, common.Hash) ([]byte, error) { return nil, errDisk }

// A witness cut to the proofs of the keys is enough to update them, and no more.
func TestWitness(t *testing.T) {
	for i := range styles {
		s := &styles[i]
		for seed := range int64(20) {
			r := rand.New(rand.NewSource(seed))
			w := newWorld(t, Config{})
			w.update(s.batch(r, 300))
			w.hash()
			w.collect()
			root, _ := w.trie.Root()
			nodes := make(witness)
			batch := s.batch(r, 8)
			for i := range batch {
				batch[i].Value = []byte{1, 2, 3} // deletions may need more than the proofs
				proof, err := w.trie.Prove(batch[i].Key)
				if err != nil {
					t.Fatal(err)
				}
				for _, blob := range proof {
					nodes[crypto.Keccak256Hash(blob)] = blob
				}
			}
			part := NewArena(Config{}).New(common.Hash{1}, root, nodes)
			if err := part.Update(batch); err != nil {
				t.Fatal(err)
			}
			w.update(batch)
			w.hash()
			want, _ := w.trie.Root()
			if got, err := part.Hash(); err != nil || got != want {
				t.Fatalf("root %s, want %s (%v)", got, want, err)
			}
		}
	}
}

// A deletion that leaves one child needs that child's node; not so when the batch sets
// another key there, or when the child is a new one.
func TestMissingSibling(t *testing.T) {
	long := bytes.Repeat([]byte{7}, 40)
	a, b, c := common.Hash{0x11}, common.Hash{0x12}, common.Hash{0x13}
	open := func() *world {
		w := newWorld(t, Config{})
		w.update([]Item{{a, long}, {b, long}, {common.Hash{0x20}, long}})
		w.hash()
		w.collect()
		w.reopen()
		w.store.hidden = map[string]bool{"\x01\x02": true}
		return w
	}
	w := open()
	root, _ := w.trie.Root()
	batch := []Item{{Key: a}}
	if err := w.trie.Resolve(batch); err != nil {
		t.Fatalf("what may be needed is not there: %v", err)
	}
	err := w.trie.Update(batch)
	var missing *MissingNodeError
	if !errors.As(err, &missing) || missing.Owner != (common.Hash{1}) || string(missing.Path) != "\x01\x02" ||
		missing.Hash != crypto.Keccak256Hash(w.store.nodes["\x01\x02"]) {
		t.Fatalf("error is %v", err)
	}
	w.poisoned()
	w.store.hidden = nil
	w.trie.Reset(root)
	w.audit()
	w.update(batch)
	w.hash()
	w.collect()

	w = open()
	w.update([]Item{{Key: a}, {c, long}})
	w.hash()
	w.store.hidden = nil
	w.collect()
}

// The nodes on the way to a key that is deleted may be in memory without the one next to
// it, which Resolve loads too then.
func TestSiblingOfNodesInMemory(t *testing.T) {
	long := bytes.Repeat([]byte{7}, 40)
	a, b, c := common.Hash{0x11}, common.Hash{0x12}, common.Hash{0x20}
	for _, test := range []struct {
		batch []Item
		loads int
	}{
		{[]Item{{Key: a}}, 2}, // also c, should nothing stay below its neighbour
		{[]Item{{Key: a}, {Key: c}}, 1},
		{[]Item{{Key: b}, {c, []byte{1}}}, 1},
		{[]Item{{Key: a}, {b, []byte{1}}}, 0},
	} {
		w := newWorld(t, Config{})
		w.update([]Item{{a, long}, {b, long}, {c, long}})
		w.hash()
		w.collect()
		w.reopen()
		for _, it := range test.batch {
			if _, err := w.trie.Get(it.Key); err != nil {
				t.Fatal(err)
			}
		}
		reads := w.store.reads
		if err := w.trie.Resolve(test.batch); err != nil {
			t.Fatal(err)
		}
		if w.store.reads != reads+test.loads {
			t.Errorf("%d nodes loaded, want %d", w.store.reads-reads, test.loads)
		}
		reads = w.store.reads
		w.update(test.batch)
		if w.store.reads != reads {
			t.Errorf("%d nodes loaded after Resolve", w.store.reads-reads)
		}
		w.hash()
		w.collect()
	}
}

// poisoned checks that every call says so.
func (w *world) poisoned() {
	w.t.Helper()
	_, hash := w.trie.Hash()
	_, root := w.trie.Root()
	_, get := w.trie.Get(common.Hash{})
	_, prove := w.trie.Prove(common.Hash{})
	for i, err := range []error{
		hash, root, get, prove, w.trie.HashEarly(nil, 0), w.trie.GetBatch(nil, nil), w.trie.Err(), w.trie.Update(nil), w.trie.Resolve(nil), w.trie.Clear(), w.trie.Collect(nil),
	} {
		if err == nil {
			w.t.Errorf("call %d on a trie after an error is answered", i)
		}
	}
}

// Wherever a node is missing, the trie can be freed and reset, and nothing leaks.
func TestMissingAnywhere(t *testing.T) {
	configs(t, func(name string, c Config) {
		r := rand.New(rand.NewSource(7))
		for i := range styles {
			s := &styles[i]
			w := newWorld(t, c)
			w.update(s.batch(r, 600))
			w.hash()
			w.collect()
			root, _ := w.trie.Root()
			failed := 0
			for path := range w.store.nodes {
				w.store.hidden = map[string]bool{path: true}
				batch := s.batch(r, 1+r.Intn(400))
				w.trie.Reset(root)
				if r.Intn(2) == 0 {
					_ = w.trie.Resolve(batch[:len(batch)/2])
				}
				if err := w.trie.Update(batch); err != nil {
					failed++
					w.poisoned()
				}
				w.trie.Reset(root)
				w.audit()
			}
			if failed == 0 && len(w.store.nodes) > 5 {
				t.Errorf("%s %s: nothing was missing", name, s.name)
			}
			w.store.hidden = nil
			w.check(keysOf(s.batch(r, 10)))
		}
	})
}

func TestSourceFails(t *testing.T) {
	tr := NewArena(Config{}).New(common.Hash{}, common.Hash{1}, broken{})
	if _, err := tr.Get(common.Hash{}); !errors.Is(err, errDisk) {
		t.Errorf("error is %v", err)
	}
	if err := tr.Resolve([]Item{{Key: common.Hash{}}}); !errors.Is(err, errDisk) {
		t.Errorf("error is %v", err)
	}
	if tr.Err() != nil {
		t.Error("a read poisons")
	}
	if err := tr.Update([]Item{{Key: common.Hash{}}}); !errors.Is(err, errDisk) {
		t.Errorf("error is %v", err)
	}
	if _, err := tr.Root(); !errors.Is(err, errDisk) {
		t.Errorf("error is %v", err)
	}
}

func TestCollectFails(t *testing.T) {
	w := newWorld(t, Config{})
	w.update(styles[0].batch(rand.New(rand.NewSource(1)), 100))
	w.hash()
	if err := w.trie.Collect(func(*Change) error { return errDisk }); err != errDisk {
		t.Errorf("error is %v", err)
	}
	w.poisoned()
}

// single is a source of one blob, whatever is asked for.
type single []byte

func (s single) Node(common.Hash, []byte, common.Hash) ([]byte, error) { return s, nil }

// FuzzBadNodes opens tries whose nodes are anything at all.
func FuzzBadNodes(f *testing.F) {
	r := rand.New(rand.NewSource(1))
	for i := range styles {
		w := newWorld(f, Config{})
		w.update(styles[i].batch(r, 40))
		w.hash()
		w.collect()
		for _, blob := range w.store.nodes {
			f.Add(blob, byte(i))
		}
	}
	f.Fuzz(func(t *testing.T, blob []byte, how byte) {
		a := NewArena(Config{})
		tr := a.New(common.Hash{}, common.Hash{1}, single(blob))
		batch := styles[int(how)%len(styles)].batch(rand.New(rand.NewSource(int64(how))), 20)
		if how&16 != 0 {
			_ = tr.Resolve(batch)
		}
		if how&32 != 0 {
			_, _ = tr.Prove(batch[0].Key)
		}
		if err := tr.Update(batch); err == nil {
			if _, err := tr.Hash(); err != nil {
				t.Fatal(err)
			}
			if err := tr.Collect(func(*Change) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
		tr.Reset(types.EmptyRootHash)
		if a.Size() != 0 {
			t.Fatalf("%d bytes leak", a.Size())
		}
	})
}

// A record of another node is found and named by whichever call loads it, and nothing
// that was computed with it is given out.
func TestWrongNode(t *testing.T) {
	calls := map[string]func(tr *Trie, batch []Item) error{
		"update":  func(tr *Trie, batch []Item) error { return tr.Update(batch) },
		"resolve": func(tr *Trie, batch []Item) error { return tr.Resolve(batch) },
		"get":     func(tr *Trie, batch []Item) error { _, err := tr.Get(batch[0].Key); return err },
		"batch":   func(tr *Trie, batch []Item) error { return tr.GetBatch(keysOf(batch), func(int, []byte) {}) },
		"prove":   func(tr *Trie, batch []Item) error { _, err := tr.Prove(batch[0].Key); return err },
	}
	for _, workers := range []int{1, 8} {
		w := newWorld(t, Config{Workers: workers, Readers: workers, Verify: true})
		batch := styles[0].batch(rand.New(rand.NewSource(1)), 900)
		w.update(batch)
		w.hash()
		w.collect()
		root, _ := w.trie.Root()
		proof, err := w.trie.Prove(batch[0].Key)
		if err != nil {
			t.Fatal(err)
		}
		for name, call := range calls {
			for depth := range proof {
				path := string(appendPath(nil, &batch[0].Key, depth))
				nodes := make(anyNodes)
				for p, blob := range w.store.nodes {
					nodes[p] = blob
				}
				nodes[path] = bytes.Clone(nodes[path])
				nodes[path][len(nodes[path])-2] ^= 1
				bad := w.arena.New(common.Hash{1}, root, nodes)
				var wrong *WrongNodeError
				// The flipped bit may be in the hash of a child, which is found wrong too.
				if err := call(bad, batch); !errors.As(err, &wrong) || !strings.HasPrefix(string(wrong.Path), path) || bad.Err() == nil {
					t.Errorf("%s with a bit flipped at depth %d: %v", name, depth, err)
				}
				bad.Reset(common.Hash{})
			}
		}
		w.reopen()
		w.update(styles[0].batch(rand.New(rand.NewSource(2)), 900))
		w.hash()
	}
}

// anyNodes has nodes by path and checks nothing.
type anyNodes map[string][]byte

func (s anyNodes) Node(_ common.Hash, path []byte, _ common.Hash) ([]byte, error) {
	return s[string(path)], nil
}
