package report

import (
	"fmt"
	"io"

	"github.com/gpuevm/gpuevm/statedb"
	"github.com/gpuevm/gpuevm/statedb/store"
)

// Contents are what a data directory has.
type Contents struct {
	DataDir string     `json:"datadir"`
	Bytes   int64      `json:"bytes"` // of its files
	Block   uint64     `json:"block"`
	Hash    string     `json:"hash"`
	Root    string     `json:"state_root"`
	Floor   uint64     `json:"floor"` // block of the oldest state that can be read
	Records []*Records `json:"records"`
	// IndexKeys counts the keys that differ between the states that can be read.
	IndexKeys int               `json:"index_keys"`
	Caches    map[string]*Cache `json:"caches"`
}

// Records are those of one kind.
type Records struct {
	Kind   string `json:"kind"`
	Count  int    `json:"count"`
	Bytes  int64  `json:"bytes"`
	OnDisk int64  `json:"on_disk"` // after compression, about
}

// ContentsOf puts together what is known of a directory.
func ContentsOf(dir string, db *statedb.DB, kinds []store.KindStats, size int64) *Contents {
	head, progress := db.Head(), db.Store().Progress()
	c := &Contents{DataDir: dir, Bytes: size, Block: head.Height, Hash: head.Hash.Hex(), Root: head.Root.Hex(),
		Floor: progress.Floor, IndexKeys: progress.IndexKeys, Caches: CachesOf(db.Store())}
	for _, k := range kinds {
		c.Records = append(c.Records, &Records{Kind: k.Name, Count: k.Records, Bytes: k.Bytes, OnDisk: k.OnDisk})
	}
	return c
}

// Print prints a table.
func (c *Contents) Print(w io.Writer) {
	fmt.Fprintf(w, "%s: block %d %s\n  state root %s\n  states that can be read: of blocks %d to %d\n  files: %s bytes\n\n",
		c.DataDir, c.Block, c.Hash, c.Root, c.Floor, c.Block, count(uint64(c.Bytes)))
	tab := table{indent: "  ", left: 1}
	tab.row("records", "count", "bytes", "on disk, about")
	for _, r := range c.Records {
		tab.row(r.Kind, count(r.Count), count(uint64(r.Bytes)), count(uint64(r.OnDisk)))
	}
	tab.print(w)
	fmt.Fprintf(w, "\n  keys that differ between these states: %s\n", count(c.IndexKeys))
}

// Count writes a number with its thousands apart.
func Count(n uint64) string { return count(n) }

// Verified is what db verify recomputed and found right.
type Verified struct {
	DataDir  string `json:"datadir"`
	Block    uint64 `json:"block"`
	Root     string `json:"state_root"`
	Accounts int    `json:"accounts"`
	Slots    int    `json:"slots"`
	Codes    int    `json:"codes,omitempty"` // an import does not count them
	Nodes    int    `json:"nodes"`
	States   int    `json:"states"` // roots compared
	// Wrong is what is not right: of each kind how much, and the first. Where it is not empty,
	// roots of older states were not compared.
	Wrong []Wrong `json:"wrong,omitempty"`
	Error string  `json:"error,omitempty"` // what ended it
}

// Wrong is something that is wrong with a store.
type Wrong struct {
	Kind  string `json:"kind"`
	Count int    `json:"count"`
	First string `json:"first"`
}

// Print prints a table.
func (v *Verified) Print(w io.Writer) {
	tab := table{indent: "  ", left: 1}
	tab.row("accounts", count(v.Accounts))
	tab.row("slots", count(v.Slots))
	tab.row("codes", count(v.Codes))
	tab.row("trie nodes recomputed and equal", count(v.Nodes))
	tab.row("states whose root is right", count(v.States))
	tab.print(w)
	fmt.Fprintf(w, "\n  %s: block %d, state root %s: all right\n", v.DataDir, v.Block, v.Root)
}
