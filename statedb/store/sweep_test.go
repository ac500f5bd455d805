package store

import (
	"errors"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// sweptNode is node i as block n has it; odd ones are deep.
func sweptNode(i, n byte) Node {
	blob := crypto.Keccak256([]byte{i, n})
	path := []byte{1, i}
	if i&1 == 1 {
		path = []byte{1, 0, 0, 0, i}
	}
	return Node{Owner: common.Hash{i % 3}, Path: path, Blob: blob, Hash: crypto.Keccak256Hash(blob)}
}

func advanceNodes(t *testing.T, s *Store, n byte, nodes ...Node) {
	t.Helper()
	b := Block{Height: uint64(n), Hash: common.Hash{n}, Diff: counting(uint64(n))}
	if n > 1 {
		b.Parent = common.Hash{n - 1}
	}
	if err := s.Add(b); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Advance(t.Context(), Step{From: b.Parent, To: b.Hash, Root: rootOf(b.Hash), Nodes: nodes}); err != nil {
		t.Fatal(err)
	}
	if err := s.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestSweep: a sweep answers as Node does, in whatever order, also when the disk goes on.
func TestSweep(t *testing.T) {
	s, err := Open(worldDir, smallOptions(vfs.NewMem()))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const n = 60
	var first []Node
	for i := range byte(n) {
		first = append(first, sweptNode(i, 1))
	}
	advanceNodes(t, s, 1, first...)
	w := s.Sweep()
	wants := func(x Node, want error) {
		t.Helper()
		got, err := w.Node(x.Owner, x.Path, x.Hash)
		if !errors.Is(err, want) || want == nil && string(got) != string(x.Blob) {
			t.Fatalf("node %x of %x: %x, %v", x.Path, x.Owner, got, err)
		}
	}
	for i := range byte(n) {
		wants(sweptNode(i, 1), nil)
		wants(sweptNode(n-1-i, 1), nil)
	}
	if w.upper.iter == nil || w.lower.iter == nil {
		t.Fatal("the sweep looks every node up")
	}
	absent := sweptNode(7, 1)
	absent.Path = []byte{1, 7, 0}
	wants(absent, ErrNode)
	advanceNodes(t, s, 2, sweptNode(3, 2), Node{Owner: common.Hash{1}, Path: []byte{1, 4}})
	wants(sweptNode(3, 2), nil)
	wants(sweptNode(5, 1), nil)
	wants(sweptNode(5, 2), ErrNode)

	damaged := sweptNode(6, 1)
	if err := s.db.Set(nodeKey(nil, damaged.Owner, damaged.Path), []byte("no record"), pebble.Sync); err != nil {
		t.Fatal(err)
	}
	w.Close()
	w = s.Sweep()
	for i := range byte(sweepAfter) {
		wants(sweptNode(20+2*i, 1), nil)
	}
	wants(damaged, ErrCorrupt)

	closed := make(chan error)
	go func() { closed <- s.Close() }()
	for !s.gate.closed.Load() {
		time.Sleep(time.Millisecond)
	}
	wants(sweptNode(30, 1), nil) // it is inside
	w.Close()
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	wants(sweptNode(31, 1), ErrClosed)
	w.Close()
}
