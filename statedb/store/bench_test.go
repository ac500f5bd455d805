package store

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/rawdb"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/trie"
	"github.com/ethereum/go-ethereum/triedb"
	"github.com/ethereum/go-ethereum/triedb/hashdb"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/statedb/keccak"
	"github.com/holiman/uint256"
)

// benchAccounts is how many accounts there are, each with one slot.
func benchAccounts(b *testing.B) int { return rounds(b, "GPUEVM_ACCOUNTS", 1_000_000) }

func person(i uint64) common.Address {
	var h [8]byte
	binary.BigEndian.PutUint64(h[:], i*0x9e3779b97f4a7c15)
	return common.Address{0: h[0], 1: h[1], 2: h[2], 3: h[3], 4: h[4], 5: h[5], 6: h[6], 7: h[7], 12: byte(i), 13: byte(i >> 8), 14: byte(i >> 16)}
}

func benchStore(b *testing.B, opt Options) *Store {
	b.Helper()
	opt.Sync = Sync{Blocks: 1}
	s, err := Open(b.TempDir(), opt)
	if err != nil {
		b.Fatal(err)
	}
	n := benchAccounts(b)
	start := time.Now()
	err = s.Load(0, common.Hash{1}, common.Hash{2}, func(l *Loader) error {
		for i := range uint64(n) {
			_ = l.Account(person(i), Account{Nonce: i, Balance: number(i << 20)})
			if err := l.Slot(person(i), number(i%16), number(i+1)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	loaded := time.Since(start)
	if err := s.compact(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Logf("%d accounts and slots loaded in %v, compacted after %v", n, loaded, time.Since(start))
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

// BenchmarkRead reads accounts and slots at random: from the caches; from Pebble with its
// blocks in memory; from files (the kernel's page cache, not a device).
func BenchmarkRead(b *testing.B) {
	s := benchStore(b, Options{})
	v, err := s.View(common.Hash{2})
	if err != nil {
		b.Fatal(err)
	}
	n := uint64(benchAccounts(b))
	read := func(b *testing.B, space uint64, slot, empty bool) {
		rng := rand.New(rand.NewPCG(1, 1))
		if empty {
			s.accounts, s.slots = newCache[common.Address, account](1<<16, nil), newCache[slotKey, common.Hash](1<<16, nil)
		}
		for b.Loop() {
			i := rng.Uint64N(space)
			k := key(person(i), gpuevm.Nonce)
			if slot {
				k = gpuevm.Key{Addr: k.Addr, Kind: gpuevm.Slot, Slot: number(i % 16)}
			}
			if got, err := v.Read(k); err != nil || got == (common.Hash{}) && i > 0 {
				b.Fatal(i, got, err)
			}
		}
	}
	b.Run("account/pebble", func(b *testing.B) { read(b, n, false, true) })
	b.Run("slot/pebble", func(b *testing.B) { read(b, n, true, true) })
	s.accounts, s.slots = newCache[common.Address, account](128<<20, nil), newCache[slotKey, common.Hash](256<<20, nil)
	for i := range n / 5 {
		_, _ = v.Read(key(person(i), gpuevm.Nonce))
		_, _ = v.Read(gpuevm.Key{Addr: person(i), Kind: gpuevm.Slot, Slot: number(i % 16)})
	}
	b.Run("account/cached", func(b *testing.B) { read(b, n/5, false, false) })
	b.Run("slot/cached", func(b *testing.B) { read(b, n/5, true, false) })
	b.Run("account/absent", func(b *testing.B) {
		i := n
		for b.Loop() {
			i++
			_, _ = v.Read(key(person(i), gpuevm.Nonce))
		}
	})
	b.Run("account/layers=1", func(b *testing.B) { readLayers(b, s, 1) })
	b.Run("account/layers=128", func(b *testing.B) { readLayers(b, s, 128) })
}

// readLayers reads cached accounts at the head, with so many blocks in the window.
func readLayers(b *testing.B, s *Store, layers int) {
	for s.disk.depth-s.tree.floor.depth < uint64(layers-1) {
		h := s.queue.last.block
		hash := common.Hash{31: 7}
		binary.BigEndian.PutUint64(hash[:], h.height+1)
		rng := rand.New(rand.NewPCG(h.height, 1))
		blocks(b, s, h.hash, hash, h.height+1, 1000, rng)
	}
	v, err := s.ViewBlock(s.queue.last.block.hash)
	if err != nil {
		b.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for b.Loop() {
		if _, err := v.Read(key(person(rng.Uint64N(50_000)), gpuevm.Nonce)); err != nil {
			b.Fatal(err)
		}
	}
}

// blocks makes one block that dirties so many accounts, and as many nodes as a trie would.
func blocks(b *testing.B, s *Store, parent, hash common.Hash, height uint64, dirty int, rng *rand.Rand) (add, durable time.Duration) {
	d := new(gpuevm.StateDiff)
	n := uint64(benchAccounts(b))
	seen := map[uint64]bool{}
	for len(seen) < dirty {
		i := rng.Uint64N(n)
		if seen[i] {
			continue
		}
		seen[i] = true
		d.Cells = append(d.Cells,
			gpuevm.Cell{Key: key(person(i), gpuevm.Nonce), Value: number(i + height)},
			gpuevm.Cell{Key: key(person(i), gpuevm.Balance), Value: number(height)})
	}
	var nodes []Node
	for i := range dirty * 3 { // ANCHORS: 61.5k permutations for 10k accounts, about three nodes each
		blob := make([]byte, 80+i%3*200)
		binary.BigEndian.PutUint64(blob, uint64(i)+height<<32)
		path := []byte{byte(i & 15), byte(i >> 4 & 15), byte(i >> 8 & 15), byte(i >> 12 & 15), byte(i % 3)}
		hash := common.Hash(blob[:32])
		hash[31] = 1
		nodes = append(nodes, Node{Path: path, Blob: blob, Hash: hash})
	}
	start := time.Now()
	if err := s.Add(Block{Height: height, Hash: hash, Parent: parent, Diff: d}); err != nil {
		b.Fatal(err)
	}
	add = time.Since(start)
	seq, err := s.Advance(b.Context(), Step{From: parent, To: hash, Root: hash, Nodes: nodes})
	if err == nil {
		err = s.WaitDurable(b.Context(), seq)
	}
	if err != nil {
		b.Fatal(err)
	}
	return add, time.Since(start)
}

// BenchmarkBlock is a block of dirty accounts, from its diff to durable.
func BenchmarkBlock(b *testing.B) {
	s := benchStore(b, Options{})
	for _, dirty := range []int{1000, 10_000} {
		b.Run("dirty="+number(uint64(dirty)).Big().String(), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(uint64(dirty), 1))
			var add, durable time.Duration
			written := s.Progress().Written
			for b.Loop() {
				h := s.queue.last.block
				hash := common.Hash{31: 9}
				binary.BigEndian.PutUint64(hash[:], h.height+1)
				x, y := blocks(b, s, h.hash, hash, h.height+1, dirty, rng)
				add, durable = add+x, durable+y
			}
			b.ReportMetric(float64(add.Microseconds())/1000/float64(b.N), "ms/add")
			b.ReportMetric(float64(durable.Microseconds())/1000/float64(b.N), "ms/durable")
			b.ReportMetric(float64(s.Progress().Written-written)/float64(b.N)/1e6, "MB/block")
		})
	}
}

// BenchmarkGethTrieRead is what reading an account costs go-ethereum where it walks the
// trie: at least, for here its nodes are in a map in memory. (Its own Pebble is another major
// version of ours, and one in a program is enough.)
func BenchmarkGethTrieRead(b *testing.B) {
	db := rawdb.NewMemoryDatabase()
	tdb := triedb.NewDatabase(db, &triedb.Config{HashDB: &hashdb.Config{CleanCacheSize: 64 << 20}})
	n := uint64(benchAccounts(b))
	st := trie.NewStackTrie(func(path []byte, hash common.Hash, blob []byte) { rawdb.WriteLegacyTrieNode(db, hash, blob) })
	type leaf struct {
		hash common.Hash
		i    uint64
	}
	leaves := make([]leaf, n)
	for i := range n {
		addr := person(i)
		leaves[i] = leaf{crypto.Keccak256Hash(addr[:]), i}
	}
	slices.SortFunc(leaves, func(x, y leaf) int { return x.hash.Cmp(y.hash) })
	for _, l := range leaves {
		v, _ := rlp.EncodeToBytes(&types.StateAccount{Nonce: l.i, Balance: uint256.NewInt(l.i << 20), Root: types.EmptyRootHash, CodeHash: types.EmptyCodeHash[:]})
		if err := st.Update(l.hash[:], v); err != nil {
			b.Fatal(err)
		}
	}
	root := st.Hash()
	rng := rand.New(rand.NewPCG(1, 1))
	var tr *trie.StateTrie
	var err error
	reads := 0
	b.ResetTimer()
	for b.Loop() {
		if reads%1000 == 0 { // a block's worth: then the decoded nodes are thrown away
			if tr, err = trie.NewStateTrie(trie.StateTrieID(root), tdb); err != nil {
				b.Fatal(err)
			}
		}
		reads++
		if a, err := tr.GetAccount(person(rng.Uint64N(n))); err != nil || a == nil {
			b.Fatal(a, err)
		}
	}
}

// BenchmarkLoadNode is what a node costs that is in no cache of ours, and its hash of that.
func BenchmarkLoadNode(b *testing.B) {
	s, err := Open(b.TempDir(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	const n = 200_000
	blob := make([]byte, 532)
	path := func(i uint64) []byte {
		return []byte{byte(i & 15), byte(i >> 4 & 15), byte(i >> 8 & 15), byte(i >> 12 & 15), byte(i >> 16)}
	}
	err = s.Load(0, common.Hash{1}, common.Hash{2}, func(l *Loader) error {
		rng := rand.NewChaCha8([32]byte{1})
		for i := range uint64(n) {
			_, _ = rng.Read(blob)
			if err := l.Node(Node{Path: path(i), Blob: blob}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Node(common.Hash{}, path(rng.Uint64N(n)), common.Hash{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("hash", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = hashOf(blob)
		}
	})
	b.Run("hash/go-ethereum", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = crypto.Keccak256Hash(blob)
		}
	})
	b.Run("hash/8 at once", func(b *testing.B) {
		var batch keccak.Batch
		for i := 0; b.Loop(); i++ {
			if i%8 == 0 {
				batch.Reset()
				for range 8 {
					batch.Add(blob)
				}
				keccak.Best().Hash(&batch)
			}
		}
	})
}
