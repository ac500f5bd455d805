package mpt

import (
	"encoding/binary"
	"flag"
	"fmt"
	"maps"
	"math/rand"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/trie"
	"github.com/ethereum/go-ethereum/triedb/database"
	"github.com/gpuevm/gpuevm/statedb/keccak"
	"github.com/holiman/uint256"
)

var (
	accounts = flag.Int("accounts", 1_000_000, "accounts in the benchmarks' trie")
	workers  = flag.Int("workers", 2, "cores for the benchmarks")
	best     = flag.Bool("best", false, "report the best times instead of the medians")
	checked  = flag.Bool("verify", false, "check the hashes of loaded nodes")
	hasher   = flag.String("hasher", "", "hasher of the benchmarks (default: fastest)")
)

// blobs are all nodes of the trie by path: both sides' database.
type blobs map[string][]byte

func (b blobs) Node(_ common.Hash, path []byte, _ common.Hash) ([]byte, error) {
	return b[string(path)], nil
}

func (b blobs) NodeReader(common.Hash) (database.NodeReader, error) { return b, nil }

type ground struct {
	keys   []common.Hash
	values map[common.Hash][]byte
	db     blobs
}

func account(seed uint64) []byte {
	h := crypto.Keccak256Hash(binary.BigEndian.AppendUint64(nil, seed))
	a := types.StateAccount{
		Nonce: seed % 1000, Balance: new(uint256.Int).SetBytes(h[:9]),
		Root: types.EmptyRootHash, CodeHash: types.EmptyCodeHash[:],
	}
	enc, _ := rlp.EncodeToBytes(&a)
	return enc
}

// world of the benchmarks: made once.
var theGround = sync.OnceValue(func() *ground {
	g := &ground{values: make(map[common.Hash][]byte), db: make(blobs)}
	for i := range uint64(*accounts) {
		g.values[crypto.Keccak256Hash(binary.BigEndian.AppendUint64(nil, i))] = account(i)
	}
	g.keys = slices.SortedFunc(maps.Keys(g.values), common.Hash.Cmp)
	return g
})

// dirty is a block: updates, and one in twenty each of inserts and deletes.
func (g *ground) dirty(r *rand.Rand, n int) []Item {
	items := make([]Item, n)
	for i := range items {
		it := &items[i]
		it.Key = g.keys[r.Intn(len(g.keys))]
		switch r.Intn(20) {
		case 0:
			r.Read(it.Key[:])
			it.Value = account(r.Uint64())
		case 1:
		default:
			it.Value = account(r.Uint64())
		}
	}
	return sorted(items)
}

func (g *ground) items() []Item {
	items := make([]Item, len(g.keys))
	for i, key := range g.keys {
		items[i] = Item{key, g.values[key]}
	}
	return items
}

func config(b *testing.B) Config {
	h := keccak.Best()
	if *hasher != "" {
		var err error
		if h, err = keccak.ByName(*hasher); err != nil {
			b.Fatal(err)
		}
	}
	return Config{Hasher: h, Workers: *workers, Readers: *workers, Verify: *checked}
}

// split is an update as go-ethereum takes it.
func split(items []Item) (keys, values [][]byte) {
	for i := range items {
		keys, values = append(keys, items[i].Key[:]), append(values, items[i].Value)
	}
	return keys, values
}

type stages struct {
	names []string
	times map[string][]float64
}

func (s *stages) time(name string, f func()) {
	start := time.Now()
	f()
	if s.times == nil {
		s.times = make(map[string][]float64)
	}
	if s.times[name] == nil {
		s.names = append(s.names, name)
	}
	s.times[name] = append(s.times[name], time.Since(start).Seconds()*1e3)
}

func (s *stages) median(names ...string) (sum float64) {
	for _, n := range names {
		t := slices.Sorted(slices.Values(s.times[n]))
		if *best {
			sum += t[0]
			continue
		}
		sum += t[len(t)/2]
	}
	return sum
}

func (s *stages) report(b *testing.B) {
	b.ReportMetric(0, "ns/op")
	for _, n := range s.names {
		b.ReportMetric(s.median(n), n+"-ms")
	}
}

func must(b *testing.B, err error) {
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkWarm changes a trie whose nodes are all in memory, on both sides, block after
// block.
func BenchmarkWarm(b *testing.B) {
	g := theGround()
	arena := NewArena(config(b))
	ours := arena.New(common.Hash{}, common.Hash{}, nil)
	must(b, ours.Update(g.items()))
	_, err := ours.Hash()
	must(b, err)
	must(b, ours.Collect(func(*Change) error { return nil }))
	theirs := trie.NewEmpty(nil)
	must(b, theirs.UpdateBatch(split(g.items())))
	theirs.Hash()
	b.Logf("arena: %d MB in nodes, %d MB in all", arena.Size()>>20, arena.Footprint()>>20)
	r := rand.New(rand.NewSource(1))
	for _, n := range []int{100, 1000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("%d", n), func(b *testing.B) {
			var s stages
			for b.Loop() {
				batch := g.dirty(r, n)
				keys, values := split(batch)
				s.time("update", func() { must(b, ours.Update(batch)) })
				s.time("hash", func() { _, err = ours.Hash() })
				must(b, err)
				s.time("collect", func() { must(b, ours.Collect(func(*Change) error { return nil })) })
				s.time("geth-update", func() { must(b, theirs.UpdateBatch(keys, values)) })
				var want common.Hash
				s.time("geth-hash", func() { want = theirs.Hash() })
				if got, _ := ours.Root(); got != want {
					b.Fatalf("root %s, go-ethereum has %s", got, want)
				}
			}
			s.report(b)
			b.ReportMetric(s.median("geth-update", "geth-hash")/s.median("update", "hash"), "ratio")
		})
	}
}

// BenchmarkRead reads accounts of a trie in memory: one by one, and as a batch.
func BenchmarkRead(b *testing.B) {
	g := theGround()
	ours := NewArena(config(b)).New(common.Hash{}, common.Hash{}, nil)
	must(b, ours.Update(g.items()))
	_, err := ours.Hash()
	must(b, err)
	r := rand.New(rand.NewSource(1))
	for _, n := range []int{1, 10, 100, 1000, 10_000} {
		b.Run(fmt.Sprintf("%d", n), func(b *testing.B) {
			var s stages
			sum := 0
			visit := func(_ int, value []byte) { sum += int(value[len(value)-1]) }
			for b.Loop() {
				var batches [3][]Item
				for i := range batches {
					for range n {
						batches[i] = append(batches[i], Item{g.keys[r.Intn(len(g.keys))], []byte{1}})
					}
					batches[i] = sorted(batches[i])
				}
				keys := [][]common.Hash{keysOf(batches[0]), keysOf(batches[1])}
				s.time("get", func() {
					for _, key := range keys[0] {
						value, err := ours.Get(key)
						must(b, err)
						visit(0, value)
					}
				})
				s.time("batch", func() { must(b, ours.GetBatch(keys[1], visit)) })
				s.time("resolve", func() { must(b, ours.Resolve(batches[2])) })
			}
			s.report(b)
			b.ReportMetric(s.median("get")/s.median("batch"), "ratio")
		})
	}
}

// BenchmarkCold begins every block with nothing but the root, and nodes in a map.
func BenchmarkCold(b *testing.B) {
	g := theGround()
	arena := NewArena(config(b))
	ours := arena.New(common.Hash{}, common.Hash{}, g.db)
	must(b, ours.Update(g.items()))
	root, err := ours.Hash()
	must(b, err)
	must(b, ours.Collect(func(c *Change) error {
		g.db[string(c.Path)] = slices.Clone(c.Blob)
		return nil
	}))
	r := rand.New(rand.NewSource(1))
	for _, n := range []int{1000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("%d", n), func(b *testing.B) {
			var s stages
			for b.Loop() {
				batch := g.dirty(r, n)
				keys, values := split(batch)
				ours.Reset(root)
				s.time("resolve", func() { must(b, ours.Resolve(batch)) })
				s.time("update", func() { must(b, ours.Update(batch)) })
				s.time("hash", func() { _, err = ours.Hash() })
				must(b, err)
				s.time("collect", func() { must(b, ours.Collect(func(*Change) error { return nil })) })
				theirs, err := trie.New(trie.StateTrieID(root), g.db)
				must(b, err)
				s.time("geth-update", func() { must(b, theirs.UpdateBatch(keys, values)) })
				var want common.Hash
				s.time("geth-hash", func() { want = theirs.Hash() })
				s.time("geth-collect", func() { theirs.Commit(false) })
				if got, _ := ours.Root(); got != want {
					b.Fatalf("root %s, go-ethereum has %s", got, want)
				}
			}
			s.report(b)
			b.ReportMetric(s.median("geth-update", "geth-hash", "geth-collect")/s.median("resolve", "update", "hash", "collect"), "ratio")
		})
	}
}
