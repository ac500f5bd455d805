package report

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/gpuevm/gpuevm/statedb"
	"github.com/gpuevm/gpuevm/statedb/forest"
	"github.com/gpuevm/gpuevm/statedb/store"
)

// Trie is what our tries did for a block.
type Trie struct {
	Load    *Millis `json:"load_ms"`   // reading accounts, resolving nodes
	Update  *Millis `json:"update_ms"` // of the nodes in memory
	Hash    *Millis `json:"hash_ms"`
	Collect *Millis `json:"collect_ms,omitempty"` // of what changed, for the store; after the block
	// Early is how much of load, update and hash was done while the block executed.
	Early *Millis `json:"early_ms"`

	Accounts int   `json:"accounts"` // updated
	Settled  int   `json:"settled"`  // of these, early
	Slots    int   `json:"slots"`    // updated
	Loaded   int64 `json:"loaded"`   // nodes that were not in memory
	Known    int64 `json:"known"`    // leaves that were not, either, but whose content was known
}

// TrieOf is what tries did from one moment to a later one.
func TrieOf(from, to *forest.Stats) *Trie {
	return &Trie{
		Load: Of(to.Load - from.Load), Update: Of(to.Update - from.Update), Hash: Of(to.Hash - from.Hash), Early: Of(to.Early - from.Early),
		Accounts: to.Accounts - from.Accounts, Settled: to.Settled - from.Settled, Slots: to.Slots - from.Slots, Loaded: to.Loaded - from.Loaded,
		Known: to.Guessed - from.Guessed,
	}
}

// plus is a sum that is known only if both are.
func (t *Trie) plus(x *Trie, first bool) *Trie {
	switch {
	case x == nil || t == nil && !first:
		return nil
	case first:
		return new(*x)
	}
	return &Trie{
		Load: plus(t.Load, x.Load, false), Update: plus(t.Update, x.Update, false), Hash: plus(t.Hash, x.Hash, false),
		Collect: plus(t.Collect, x.Collect, false), Early: plus(t.Early, x.Early, false),
		Accounts: t.Accounts + x.Accounts, Settled: t.Settled + x.Settled, Slots: t.Slots + x.Slots, Loaded: t.Loaded + x.Loaded,
		Known: t.Known + x.Known,
	}
}

func (t *Trie) print(w io.Writer) {
	if t == nil {
		return
	}
	tab := table{indent: "  ", left: 1}
	tab.row("trie", "ms")
	tab.row("load", t.Load.String())
	tab.row("update", t.Update.String())
	tab.row("hash", t.Hash.String())
	tab.row("of these, while the block executed", t.Early.String())
	if t.Collect != nil {
		tab.row("collect, after it", t.Collect.String())
	}
	tab.print(w)
	fmt.Fprintf(w, "  %s accounts (%s of them early) and %s slots updated, %s nodes loaded, %s leaves known\n\n",
		count(t.Accounts), count(t.Settled), count(t.Slots), count(uint64(t.Loaded)), count(uint64(t.Known)))
}

// Store is where the blocks are on their way to the disk, by height, and what waits.
type Store struct {
	Executed uint64 `json:"executed"`
	Hashed   uint64 `json:"hashed"`  // root known
	Stored   uint64 `json:"stored"`  // in the store's log
	Durable  uint64 `json:"durable"` // would survive a crash
	Floor    uint64 `json:"floor"`   // oldest state that can be read

	Rooting      int    `json:"rooting"`       // blocks that wait for their root
	Steps        int    `json:"steps"`         // blocks that wait for the disk
	StepBytes    int    `json:"step_bytes"`    // of them
	PendingNodes int    `json:"pending_nodes"` // in them
	Waiting      int    `json:"waiting"`       // keys handed over ahead whose nodes are not looked for yet
	Written      uint64 `json:"written_bytes"` // of batches, by this run
}

// StoreOf is where a store stands.
func StoreOf(p store.Progress, rooting, waiting int) *Store {
	return &Store{
		Executed: p.Executed, Hashed: p.Hashed, Stored: p.Stored, Durable: p.Durable, Floor: p.Floor, Rooting: rooting,
		Steps: p.Steps, StepBytes: p.StepBytes, PendingNodes: p.PendingNodes,
		Waiting: waiting, Written: p.Written,
	}
}

// Ending is what a run left in a data directory. As JSON it is a line after those of
// the blocks.
type Ending struct {
	DataDir string `json:"datadir"`
	Block   uint64 `json:"durable_block"`
	Hash    string `json:"hash"`
	Root    string `json:"state_root"`
	// Trie is the sum over the run.
	Trie *Trie `json:"trie,omitempty"`
	*Store
	// The most that waited when a block's line was written.
	MostRooting   int               `json:"most_rooting"`
	MostSteps     int               `json:"most_steps"`
	MostStepBytes int               `json:"most_step_bytes"`
	Caches        map[string]*Cache `json:"caches"`

	shown bool // Summary has shown the sum of the tries
}

// Cache is how a cache is doing.
type Cache struct {
	Hits    uint64 `json:"hits"`
	Misses  uint64 `json:"misses"`
	Entries int    `json:"entries"`
	Bytes   int64  `json:"bytes"`
}

// EndingOf is what a database is left like. lines are those of the run.
func EndingOf(dir string, db *statedb.DB, since *forest.Stats, lines []*Line) *Ending {
	head, stats := db.Head(), db.Stats()
	e := &Ending{DataDir: dir, Block: head.Height, Hash: head.Hash.Hex(), Root: head.Root.Hex(), Trie: TrieOf(since, &stats.Forest),
		Store: StoreOf(stats.Store, stats.Blocks, stats.Forest.Waiting), Caches: CachesOf(db.Store()), shown: Sum(lines).Trie != nil}
	e.Trie.Collect = Of(stats.Forest.Collect - since.Collect)
	for _, l := range lines {
		if l.Store != nil {
			e.MostRooting = max(e.MostRooting, l.Store.Rooting)
			e.MostSteps = max(e.MostSteps, l.Store.Steps)
			e.MostStepBytes = max(e.MostStepBytes, l.Store.StepBytes)
		}
	}
	return e
}

// CachesOf says how a store's caches are doing.
func CachesOf(s *store.Store) map[string]*Cache {
	out := make(map[string]*Cache)
	for name, c := range s.Caches() {
		out[name] = &Cache{Hits: c.Hits, Misses: c.Misses, Entries: c.Entries, Bytes: int64(c.Bytes)}
	}
	return out
}

// WriteJSON writes it as one line.
func (e *Ending) WriteJSON(w io.Writer) error { return writeJSON(w, e) }

// Print says what was done and what is safe.
func (e *Ending) Print(w io.Writer) {
	if !e.shown && e.Trie.Accounts > 0 {
		e.Trie.print(w)
	}
	tab := table{indent: "  ", left: 1}
	tab.row("written to disk, bytes", count(e.Written))
	tab.row("most blocks that waited for their root", count(e.MostRooting))
	tab.row("most blocks that waited for the disk", count(e.MostSteps))
	tab.row("most bytes that waited for the disk", count(e.MostStepBytes))
	for _, name := range slices.Sorted(maps.Keys(e.Caches)) {
		c := e.Caches[name]
		tab.row("cache of "+name+", hits", share(int(c.Hits), int(c.Hits+c.Misses)))
	}
	tab.print(w)
	fmt.Fprintf(w, "\n  durable in %s: block %d %s, state root %s\n", e.DataDir, e.Block, e.Hash, e.Root)
}
