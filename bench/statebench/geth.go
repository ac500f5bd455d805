package statebench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/rawdb"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethdb"
	"github.com/ethereum/go-ethereum/ethdb/pebble"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/trie"
	"github.com/ethereum/go-ethereum/triedb"
	"github.com/ethereum/go-ethereum/triedb/pathdb"
)

// geth is go-ethereum's state as its node has it: path scheme on Pebble, flat state, the
// caches of its default configuration.
type geth struct {
	w       *World
	dir     string
	history bool // state histories, in a freezer

	kv   *countingStore
	disk ethdb.Database
	trie *triedb.Database
	root common.Hash
}

func newGeth(w *World, dir string, history bool) *geth {
	return &geth{w: w, dir: filepath.Join(dir, "go-ethereum"), history: history}
}

func (g *geth) name() string { return "go-ethereum" }

const handles = 2048

func (g *geth) openDisk() error {
	kv, err := pebble.New(filepath.Join(g.dir, "chaindata"), databaseCache, handles, "", false)
	if err != nil {
		return err
	}
	g.kv = &countingStore{KeyValueStore: kv}
	var o rawdb.OpenOptions
	if g.history {
		o.Ancient = filepath.Join(g.dir, "chaindata", "ancient")
	}
	if g.disk, err = rawdb.Open(g.kv, o); err != nil {
		return errors.Join(err, kv.Close())
	}
	return nil
}

// The default configuration of go-ethereum's node, in MiB (eth/ethconfig, which brings all of
// the node along and is not imported), with the bound that pathdb puts on the buffer.
const (
	databaseCache  = 2048
	trieCleanCache = 614
	trieDirtyCache = 256
	snapshotCache  = 409
)

// config is what core.BlockChainConfig makes of that; but for the flush, which is waited for:
// it is what is measured.
func config() *pathdb.Config {
	return &pathdb.Config{
		TrieCleanSize:       trieCleanCache << 20,
		StateCleanSize:      snapshotCache << 20,
		WriteBufferSize:     trieDirtyCache << 20,
		StateHistory:        params.FullImmutabilityThreshold,
		TrienodeHistory:     -1,
		FullValueCheckpoint: pathdb.Defaults.FullValueCheckpoint,
		NoAsyncFlush:        true,
	}
}

func (g *geth) open() error {
	if err := g.openDisk(); err != nil {
		return err
	}
	g.trie = triedb.NewDatabase(g.disk, &triedb.Config{PathDB: config()})
	if !g.trie.SnapshotCompleted() {
		return errors.Join(errors.New("go-ethereum's flat state is not complete"), g.close())
	}
	g.root = crypto.Keccak256Hash(rawdb.ReadAccountTrieNode(g.disk, nil))
	return nil
}

func (g *geth) close() error { return errors.Join(g.trie.Close(), g.disk.Close()) }

// height follows from the state transitions that were flushed.
func (g *geth) height() uint64 { return 1 + rawdb.ReadPersistentStateID(g.disk) }

func (g *geth) flush() error {
	if err := g.trie.Commit(g.root, false); err != nil {
		return err
	}
	return g.disk.SyncKeyValue()
}

// make writes flat state and nodes as they come, and has go-ethereum adopt them as it does
// what a sync has downloaded.
func (g *geth) make(ctx context.Context, _ common.Hash, progress func(int)) (root common.Hash, err error) {
	if err := g.openDisk(); err != nil {
		return root, err
	}
	defer func() { err = errors.Join(err, g.disk.Close()) }()
	rawdb.WriteCode(g.disk, theCodeHash, theCode)
	s := &gethSink{g.disk.NewBatch()}
	if root, err = g.w.stream(ctx, s, progress); err != nil {
		return root, err
	}
	if err := errors.Join(s.batch.Write(), g.disk.SyncKeyValue()); err != nil {
		return root, err
	}
	c := config()
	c.SnapshotNoBuild = true
	t := triedb.NewDatabase(g.disk, &triedb.Config{PathDB: c})
	err = t.AdoptSyncedState(root)
	return root, errors.Join(err, t.Close(), g.disk.SyncKeyValue())
}

type gethSink struct{ batch ethdb.Batch }

func (s *gethSink) full() error {
	if s.batch.ValueSize() < 8<<20 {
		return nil
	}
	err := s.batch.Write()
	s.batch.Reset()
	return err
}

func (s *gethSink) account(_ common.Address, hash common.Hash, a *types.StateAccount) error {
	rawdb.WriteAccountSnapshot(s.batch, hash, types.SlimAccountRLP(*a))
	return s.full()
}

func (s *gethSink) slot(_ common.Address, owner, _, hash, value common.Hash) error {
	rawdb.WriteStorageSnapshot(s.batch, owner, hash, slotLeaf(value))
	return s.full()
}

func (s *gethSink) node(owner common.Hash, path []byte, _ common.Hash, blob []byte) error {
	if owner == (common.Hash{}) {
		rawdb.WriteAccountTrieNode(s.batch, path, blob)
	} else {
		rawdb.WriteStorageTrieNode(s.batch, owner, path, blob)
	}
	return s.full()
}

// check reads some of the first state through StateDB: what was written is what it opens.
func (g *geth) check() error {
	s, err := state.New(g.root, state.NewMPTDatabase(g.trie, nil))
	if err != nil {
		return err
	}
	for k := range 64 {
		i := int(g.w.mix(ofBlock, 0, uint64(k)) % uint64(g.w.Accounts))
		addr, want := g.w.address(i), g.w.account(i)
		if !s.GetBalance(addr).Eq(want.Balance) || s.GetNonce(addr) != want.Nonce {
			return fmt.Errorf("go-ethereum reads account %s as nonce %d, balance %s, want %d, %s",
				addr.Hex(), s.GetNonce(addr), s.GetBalance(addr), want.Nonce, want.Balance)
		}
		for j := range g.w.slotsOf(i) {
			if got, want := s.GetState(addr, g.w.slot(i, j)), g.w.value(ofValue, uint64(i), uint64(j)); got != want {
				return fmt.Errorf("go-ethereum reads slot %d of account %s as %s, want %s", j, addr.Hex(), got.Hex(), want.Hex())
			}
		}
	}
	return s.Error()
}

// walk visits all nodes in the order of the tries.
func (g *geth) walk(ctx context.Context) error {
	top, err := trie.NewStateTrie(trie.StateTrieID(g.root), g.trie)
	if err != nil {
		return err
	}
	return walkTrie(ctx, top, func(it *trie.Iterator) error {
		var a types.StateAccount
		if err := decode(it.Value, &a); err != nil || a.Root == types.EmptyRootHash {
			return err
		}
		t, err := trie.NewStateTrie(trie.StorageTrieID(g.root, common.BytesToHash(it.Key), a.Root), g.trie)
		if err != nil {
			return err
		}
		return walkTrie(ctx, t, func(*trie.Iterator) error { return nil })
	})
}

func walkTrie(ctx context.Context, t *trie.StateTrie, visit func(*trie.Iterator) error) error {
	nodes, err := t.NodeIterator(nil)
	if err != nil {
		return err
	}
	it := trie.NewIterator(nodes)
	for it.Next() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := visit(it); err != nil {
			return err
		}
	}
	return it.Err
}
