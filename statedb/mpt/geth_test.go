package mpt

import (
	"encoding/binary"
	"maps"
	"math/rand"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/rawdb"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/trie"
	"github.com/ethereum/go-ethereum/trie/trienode"
	"github.com/ethereum/go-ethereum/triedb"
)

// geth runs the same changes on go-ethereum's trie, committed and opened again.
type geth struct {
	t    testing.TB
	db   *triedb.Database
	trie *trie.Trie
	root common.Hash
}

func newGeth(t testing.TB) *geth {
	g := &geth{t: t, db: triedb.NewDatabase(rawdb.NewMemoryDatabase(), triedb.HashDefaults), root: types.EmptyRootHash}
	g.open()
	return g
}

func (g *geth) open() {
	var err error
	if g.trie, err = trie.New(trie.TrieID(g.root), g.db); err != nil {
		g.t.Fatal(err)
	}
}

func (g *geth) update(batch []Item) {
	for _, it := range batch {
		if err := g.trie.Update(it.Key[:], it.Value); err != nil {
			g.t.Fatal(err)
		}
	}
}

func (g *geth) commit() common.Hash {
	root, nodes := g.trie.Commit(false)
	if nodes != nil {
		if err := g.db.Update(root, g.root, 0, trienode.NewWithNodeSet(nodes), triedb.NewStateSet()); err != nil {
			g.t.Fatal(err)
		}
	}
	g.root = root
	g.open()
	return root
}

// FuzzAgainstGeth runs a sequence of blocks that the input spells out on both tries.
func FuzzAgainstGeth(f *testing.F) {
	for seed := range 12 {
		data := make([]byte, 8*(seed+1))
		rand.New(rand.NewSource(int64(seed))).Read(data)
		f.Add(byte(seed), data)
	}
	var all []Config
	configs(f, func(_ string, c Config) { all = append(all, c) })
	f.Fuzz(func(t *testing.T, how byte, data []byte) {
		w := newWorld(t, all[int(how)%len(all)])
		g := newGeth(t)
		for block := 0; len(data) >= 4 && block < 12; block++ {
			seed, n, after := int64(binary.BigEndian.Uint16(data)), int(data[2]), data[3]
			data = data[4:]
			batch := drawn(seed, n, &data)
			if after&1 != 0 {
				if err := w.trie.Resolve(batch); err != nil {
					t.Fatal(err)
				}
			}
			w.tick()
			old := maps.Clone(w.content)
			w.inParts(seed, batch)
			if after&0x80 != 0 && n%2 == 0 { // a block that is not taken, before one that is
				w.hash()
				w.update(restoring(old, keySetOf(batch)))
				if n%4 == 0 {
					w.hash()
				}
				w.inParts(seed+1, batch)
			}
			g.update(batch)
			w.hash()
			if want := g.commit(); w.trie.hash != want {
				t.Fatalf("root %s, go-ethereum has %s", w.trie.hash, want)
			}
			after >>= 1
			if after&1 == 0 {
				w.collect()
				w.between(after >> 1)
			}
			w.getBatch(keysOf(batch))
			w.check(keysOf(batch[:min(3, len(batch))]))
		}
	})
}

// drawn is a batch of a style, with some keys out of the input itself.
func drawn(seed int64, n int, data *[]byte) []Item {
	r := rand.New(rand.NewSource(seed))
	s := &styles[n%len(styles)]
	batch := s.batch(r, 1+n/8+n/250*300)
	for range min(n%4, len(*data)/3) {
		var k common.Hash
		d := *data
		k[0], k[d[0]%32], k[31] = d[1], d[2], d[1]
		batch = append(batch, Item{k, d[:n%2*3]})
		*data = d[3:]
	}
	return sorted(batch)
}

// inParts updates the trie with some items first, hashes early with promises that hold or
// not, and goes on with the rest.
func (w *world) inParts(seed int64, batch []Item) {
	if seed&7 == 0 {
		w.update(batch)
		return
	}
	r := rand.New(rand.NewSource(seed))
	for len(batch) > 0 {
		var now, rest []Item
		for _, it := range batch {
			if r.Intn(2) == 0 {
				now = append(now, it)
			} else {
				rest = append(rest, it)
			}
		}
		w.update(now)
		known := keysOf(rest)
		if seed&8 != 0 {
			known = known[:r.Intn(len(known)+1)]
		}
		w.early(known, int(seed>>4&15)*r.Intn(100))
		batch = rest
	}
}

func keySetOf(batch []Item) map[common.Hash]bool {
	keys := make(map[common.Hash]bool)
	for i := range batch {
		keys[batch[i].Key] = true
	}
	return keys
}

// between is what may happen to a trie from one block to the next.
func (w *world) between(what byte) {
	switch tries := []*Trie{w.trie}; what & 3 {
	case 1:
		w.reopen()
	case 2:
		w.arena.Prune(tries, uint32(what>>2&3), 0)
	case 3:
		w.arena.Prune(tries, 9, int64(what>>2)*1000+1)
	}
	w.audit()
}
