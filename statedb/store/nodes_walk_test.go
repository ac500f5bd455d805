package store

import (
	"bytes"
	"cmp"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ethereum/go-ethereum/common"
)

// TestNodesWalk walks tries whose nodes are of all depths, and compares with a sorted list.
func TestNodesWalk(t *testing.T) {
	s, err := Open(worldDir, smallOptions(vfs.NewMem()))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := rand.New(rand.NewPCG(1, 2))
	owners := []common.Hash{{}, {0: 1, 31: 1}, {0: 1, 31: 2}, {0: 0x1f, 1: 0xff}, {0: 0xff}}
	seen := make(map[string]bool)
	var all []Node
	for range 2000 {
		n := Node{Owner: owners[r.IntN(len(owners))], Path: make([]byte, r.IntN(8))}
		for i := range n.Path {
			n.Path[i] = byte(r.IntN(3) * 7 % 15) // 0, 7, 14
			if r.IntN(8) == 0 {
				n.Path[i] = 15
			}
		}
		if key := string(nodeKey(nil, n.Owner, n.Path)); !seen[key] {
			seen[key] = true
			n.Blob = []byte(key)
			all = append(all, n)
		}
	}
	advanceNodes(t, s, 1, all...)
	slices.SortFunc(all, func(a, b Node) int {
		return cmp.Or(a.Owner.Cmp(b.Owner), bytes.Compare(a.Path, b.Path))
	})
	snap, err := s.Snapshot(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := snap.Close(); err != nil {
			t.Error(err)
		}
	}()
	walk := snap.Nodes()
	if walk.Next() {
		t.Error("a walk that was not sent anywhere has a node")
	}
	check := func(what string, in func(Node) bool) {
		t.Helper()
		for _, n := range all {
			if !in(n) {
				continue
			}
			if !walk.Next() {
				t.Fatalf("%s: the walk ends before %x of %x: %v", what, n.Path, n.Owner, walk.Err())
			}
			if v := walk.Value; v.Owner != n.Owner || !bytes.Equal(v.Path, n.Path) || !bytes.Equal(v.Blob, n.Blob) {
				t.Fatalf("%s: the walk is at %x of %x, want %x of %x", what, v.Path, v.Owner, n.Path, n.Owner)
			}
		}
		if walk.Next() {
			t.Fatalf("%s: after the last, %x of %x", what, walk.Value.Path, walk.Value.Owner)
		}
	}
	for _, owner := range owners {
		for _, prefix := range [][]byte{nil, {0}, {15}, {7, 15}, {14, 0, 7}, {7, 7, 0, 0}, {15, 15, 15, 15, 15}, {0, 0, 0, 0, 0, 7}, {1}} {
			walk.Trie(owner, prefix)
			check("Trie", func(n Node) bool { return n.Owner == owner && bytes.HasPrefix(n.Path, prefix) })
		}
		walk.Top(owner)
		check("Top", func(n Node) bool { return n.Owner == owner && len(n.Path) == 0 })
	}
	for _, from := range []common.Hash{{}, owners[1], owners[2]} {
		walk.Storage(0, from)
		seen := 0
		for walk.Next() {
			if seen++; walk.Value.Owner == (common.Hash{}) || walk.Value.Owner.Cmp(from) < 0 || walk.Value.Owner[0]>>4 != 0 {
				t.Fatalf("Storage(0, %x) comes to %x", from, walk.Value.Owner)
			}
		}
		for _, n := range all {
			if n.Owner != (common.Hash{}) && n.Owner.Cmp(from) >= 0 && n.Owner[0]>>4 == 0 {
				seen--
			}
		}
		if seen != 0 {
			t.Errorf("Storage(0, %x): %d nodes too many", from, seen)
		}
	}
	if err := walk.Close(); err != nil {
		t.Error(err)
	}
}

// TestNodeKeys: a node among those of other levels is an error, for whoever comes across it.
func TestNodeKeys(t *testing.T) {
	s, err := Open(worldDir, smallOptions(vfs.NewMem()))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	owner := append([]byte{kindNode}, make([]byte, 32)...)
	for _, key := range [][]byte{
		{kindTop, 1, 2, 3, 4}, {kindTop, deep, 1, 2, 3}, {kindTop, deep}, owner[:20],
		append(owner[:33:33], 1, 2, 3, 4), append(owner[:33:33], deep, 1, 2, 3),
	} {
		if owner, path, err := splitNodeKey(key); err == nil {
			t.Errorf("key %x is node %x of %x", key, path, owner)
		}
		if err := s.db.Set(key, appendSealed(nil, stamp{}, key, []byte{1}), pebble.NoSync); err != nil {
			t.Fatal(err)
		}
		err := s.EachNode(func(Node) error { return nil })
		if !errors.Is(err, ErrCorrupt) {
			t.Errorf("key %x: %v", key, err)
		}
		if err := s.db.Delete(key, pebble.NoSync); err != nil {
			t.Fatal(err)
		}
	}
}
