package store

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/gpuevm"
)

// layer is the state after one block, as what it changed. What it changed it to is in
// the index.
type layer struct {
	id    uint64
	depth uint64 // distance from the first state, whatever the block is numbered
	block head
	// settled says that the root is known. Guarded by the tree's lock, like what follows.
	settled  bool
	parent   *layer
	children []*layer
	// line is this layer's ancestors by depth, itself last, the first at depth base. By id
	// and not by pointer, so that a layer doesn't keep those before it in memory.
	line []uint64
	base uint64

	accounts []common.Address
	slots    []slotKey
	codes    []common.Hash           // held among the pending codes
	changes  atomic.Pointer[changes] // from when the block is added until it is on disk
	dropped  atomic.Bool             // has left the window
}

// covers says whether the layer with this id and depth is l or before it.
func (l *layer) covers(id, depth uint64) bool {
	return depth >= l.base && depth <= l.depth && l.line[depth-l.base] == id
}

func (l *layer) holds(other *layer) bool { return l.covers(other.id, other.depth) }

func (l *layer) err() error {
	if l.dropped.Load() {
		return fmt.Errorf("block %d %s: %w", l.block.height, l.block.hash.Hex(), ErrStale)
	}
	return nil
}

// tree is the layers in the window. The floor is the oldest state that can be read, and
// all others descend from it.
type tree struct {
	mu     sync.RWMutex
	floor  *layer
	byHash map[common.Hash]*layer
	byRoot map[common.Hash][]*layer
	lastID uint64
}

func newTree(floor head) *tree {
	t := &tree{byHash: make(map[common.Hash]*layer), byRoot: make(map[common.Hash][]*layer)}
	t.floor = &layer{block: floor, settled: floor.root != (common.Hash{}), line: []uint64{0}}
	t.publish(t.floor)
	return t
}

// publish makes a layer known. The caller has the lock.
func (t *tree) publish(l *layer) {
	t.byHash[l.block.hash] = l
	if l.settled {
		t.byRoot[l.block.root] = append(t.byRoot[l.block.root], l)
	}
}

// child makes a layer and does not publish it.
func (t *tree) child(parent *layer, block head) *layer {
	t.lastID++
	skip := t.floor.depth - parent.base
	l := &layer{id: t.lastID, depth: parent.depth + 1, block: block, parent: parent, base: t.floor.depth}
	l.line = append(make([]uint64, 0, len(parent.line)-int(skip)+1), parent.line[skip:]...)
	l.line = append(l.line, l.id)
	return l
}

// link publishes a layer below its parent.
func (t *tree) link(l *layer) {
	l.parent.children = append(l.parent.children, l)
	t.publish(l)
}

// forget takes a layer out of the books.
func (t *tree) forget(l *layer) {
	delete(t.byHash, l.block.hash)
	same := t.byRoot[l.block.root]
	for i := range same {
		if same[i] == l {
			same = append(same[:i:i], same[i+1:]...)
			break
		}
	}
	if t.byRoot[l.block.root] = same; len(same) == 0 {
		delete(t.byRoot, l.block.root)
	}
	l.parent, l.children = nil, nil
}

func (t *tree) find(hash common.Hash) (*layer, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if l := t.byHash[hash]; l != nil {
		return l, nil
	}
	return nil, fmt.Errorf("block %s: %w", hash.Hex(), ErrUnknown)
}

// blocks are a layer's block and its parent's, with their roots where they are known.
func (t *tree) blocks(l *layer) (block, parent head) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return l.block, l.parent.block
}

// path is the way from one layer to another: down to the ancestor they share, up from
// there; both in the order they are walked.
func (t *tree) path(from, to *layer) (down, up []*layer) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for from != nil && !to.holds(from) {
		down = append(down, from)
		from = from.parent
	}
	for l := to; l != nil && l != from; l = l.parent {
		up = append(up, l)
	}
	for i, j := 0, len(up)-1; i < j; i, j = i+1, j-1 {
		up[i], up[j] = up[j], up[i]
	}
	return down, up
}

// Block is an executed block on its way into the store.
type Block struct {
	Height uint64
	// Hash names the block; any unique value does while its real hash is not known.
	// The parent of the first block of an empty store is zero.
	Hash, Parent common.Hash
	Diff         *gpuevm.StateDiff
}

// Add makes the state after a block readable, before its root is known and before it is
// on disk. The diff is not kept.
func (s *Store) Add(b Block) error {
	if err := s.writable(); err != nil {
		return err
	}
	s.adding.Lock()
	defer s.adding.Unlock()
	parent, err := s.tree.find(b.Parent)
	if err != nil {
		return fmt.Errorf("parent of block %d: %w", b.Height, err)
	}
	c, err := s.resolve(parent, b.Diff)
	if err != nil {
		return fmt.Errorf("block %d %s: %w", b.Height, b.Hash.Hex(), err)
	}
	s.tree.mu.Lock()
	defer s.tree.mu.Unlock()
	if err := parent.err(); err != nil {
		return err
	}
	if s.tree.byHash[b.Hash] != nil || b.Hash == (common.Hash{}) {
		return fmt.Errorf("block %d: hash %s is taken", b.Height, b.Hash.Hex())
	}
	if root := parent.parent == nil && parent.block.hash == (common.Hash{}); !root && b.Height <= parent.block.height {
		return fmt.Errorf("block %d comes after block %d", b.Height, parent.block.height)
	}
	l := s.tree.child(parent, head{height: b.Height, hash: b.Hash})
	s.enter(l, c)
	l.changes.Store(c)
	s.executed.Store(b.Height)
	return nil
}

// enter puts a layer and its changes in. The caller has the tree's lock.
func (s *Store) enter(l *layer, c *changes) {
	l.accounts, l.slots = make([]common.Address, len(c.accounts)), make([]slotKey, len(c.slots))
	for i := range c.accounts {
		l.accounts[i] = c.accounts[i].addr
	}
	for i := range c.slots {
		l.slots[i] = c.slots[i].key
	}
	for _, code := range c.codes {
		s.pendingCodes.hold(code.Hash, code.Blob)
		l.codes = append(l.codes, code.Hash)
	}
	s.index.insert(l, c)
	s.tree.link(l)
}

// raise moves the floor up, as long as more than Depth states can be read below the disk's
// block. What is queued for the disk stays above the floor.
func (s *Store) raise(disk *layer, queued []*layer) {
	t := s.tree
	t.mu.Lock()
	defer t.mu.Unlock()
	for disk.depth-t.floor.depth >= uint64(s.opt.Depth) {
		next := s.above(disk)
		if next == nil {
			return
		}
		for _, l := range queued {
			if !l.holds(next) {
				return
			}
		}
		old := t.floor
		old.dropped.Store(true)
		for _, sibling := range old.children {
			if sibling != next {
				s.drop(sibling)
			}
		}
		t.floor = next
		t.forget(old)
		next.parent = nil
		s.index.remove(next, true)
	}
}

// above is the child of the floor that leads to a layer.
func (s *Store) above(l *layer) *layer {
	for _, c := range s.tree.floor.children {
		if l.holds(c) {
			return c
		}
	}
	return nil
}

// drop forgets a layer and all that come after it. They are marked first, so that a
// reader that finds their versions gone finds the mark too.
func (s *Store) drop(l *layer) {
	l.dropped.Store(true)
	for _, c := range l.children {
		s.drop(c)
	}
	s.index.remove(l, false)
	for _, hash := range l.codes {
		s.pendingCodes.release(hash)
	}
	l.codes = nil
	s.tree.forget(l)
}
