package mpt

import (
	"math/bits"
	"unsafe"

	"github.com/ethereum/go-ethereum/common"
)

const (
	leafNode   = 1
	extNode    = 2
	branchNode = 3
)

// head begins every node. A node's own hash, and whether it is up to date, stands with
// the parent: in its slot for this child and in the masks, whose bit n is the child at
// nibble n (an extension's only child has bit 0).
type head struct {
	kind   uint8
	end    uint8  // extension: the depth of its child
	stored bool   // the store has a record at this node's path (perhaps of another node)
	waits  bool   // all that is stale below it is above Trie.floor: see HashEarly
	epoch  uint32 // when last touched
	mask   uint16 // branch: which children there are. Leaf: length of the value
	embed  uint16 // children whose slot has their encoding, of less than 32 bytes
	stale  uint16 // children that changed since the slot was filled
	unsent uint16 // children that changed since they were last collected
}

const (
	headSize = int(unsafe.Sizeof(head{}))
	leafSize = int(unsafe.Sizeof(leaf{}))
	extSize  = int(unsafe.Sizeof(ext{}))
)

// leaf is followed by the value.
type leaf struct {
	head
	key common.Hash
}

type ext struct {
	head
	key   common.Hash // the first end nibbles count
	slot  slot
	child ref
	_     [12]byte
}

// slot is a child's hash, or its encoding when that is shorter; a list says how long it is.
type slot [32]byte

func (s *slot) embedded() []byte { return s[:s[0]-0xc0+1] }

// branch is a view of a node: children lie packed, in the order of their nibbles.
type branch struct {
	*head
	refs  []ref
	slots []slot
}

func branchSize(n int) int { return headSize + n*(4+32) }

func (a *Arena) head(r ref) *head { return (*head)(a.at(r)) }
func (a *Arena) leaf(r ref) *leaf { return (*leaf)(a.at(r)) }
func (a *Arena) ext(r ref) *ext   { return (*ext)(a.at(r)) }

func (l *leaf) value() []byte {
	return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(l), leafSize)), int(l.mask))
}

func (a *Arena) branch(r ref) branch {
	p := a.at(r)
	h := (*head)(p)
	n := bits.OnesCount16(h.mask)
	return branch{
		head:  h,
		refs:  unsafe.Slice((*ref)(unsafe.Add(p, headSize)), n),
		slots: unsafe.Slice((*slot)(unsafe.Add(p, headSize+4*n)), n),
	}
}

// rank is where the child at nibble n lies.
func (h *head) rank(n int) int { return bits.OnesCount16(h.mask & (1<<n - 1)) }

func (h *head) has(n int) bool { return h.mask>>n&1 != 0 }

func (a *Arena) sizeOf(r ref) int {
	switch h := a.head(r); h.kind {
	case leafNode:
		return leafSize + int(h.mask)
	case extNode:
		return extSize
	default:
		return branchSize(bits.OnesCount16(h.mask))
	}
}

func (w *worker) drop(r ref) { w.release(r, w.sizeOf(r)) }

// dropTree frees a node and everything below it that is in the arena.
func (w *worker) dropTree(r ref) {
	if r == 0 {
		return
	}
	switch w.head(r).kind {
	case extNode:
		w.dropTree(w.ext(r).child)
	case branchNode:
		for _, c := range w.branch(r).refs {
			w.dropTree(c)
		}
	}
	w.drop(r)
}

func (w *worker) newLeaf(key *common.Hash, value []byte) ref {
	r := w.alloc(leafSize + len(value))
	l := w.leaf(r)
	l.kind, l.epoch, l.mask = leafNode, w.now, uint16(len(value))
	l.key = *key
	copy(l.value(), value)
	return r
}

func (w *worker) newExt(key *common.Hash, end int) ref {
	r := w.alloc(extSize)
	e := w.ext(r)
	e.kind, e.epoch, e.end = extNode, w.now, uint8(end)
	e.key = *key
	return r
}

func (w *worker) newBranch(mask uint16) ref {
	r := w.alloc(branchSize(bits.OnesCount16(mask)))
	h := w.head(r)
	h.kind, h.epoch, h.mask = branchNode, w.now, mask
	return r
}

// reshape gives a branch other children. Those it keeps stay as they are; new ones have
// no ref and no hash yet.
func (w *worker) reshape(r ref, mask uint16) ref {
	old := w.branch(r)
	if old.mask == mask {
		return r
	}
	to := w.newBranch(mask)
	b := w.branch(to)
	b.stored = old.stored
	both := old.mask & mask
	b.embed, b.stale, b.unsent = old.embed&both, old.stale&both, old.unsent&both
	for m := both; m != 0; m &= m - 1 {
		n := bits.TrailingZeros16(m)
		i, j := b.rank(n), old.rank(n)
		b.refs[i], b.slots[i] = old.refs[j], old.slots[j]
	}
	w.drop(r)
	return to
}

// nibble i of a key.
func nibble(key *common.Hash, i int) int {
	return int(key[i/2]>>(4-i%2*4)) & 15
}

func setNibble(key *common.Hash, i, n int) {
	shift := 4 - i%2*4
	key[i/2] = key[i/2]&^(15<<shift) | byte(n<<shift)
}

// common prefix of two keys, in nibbles.
func prefix(a, b *common.Hash) int {
	for i := range a {
		if d := a[i] ^ b[i]; d != 0 {
			return 2*i + bits.LeadingZeros8(d)/4
		}
	}
	return 64
}

// place is a path: the first nibbles of a key.
type place struct {
	key   common.Hash
	depth uint8
}

// appendPath appends the first depth nibbles of a key, one a byte.
func appendPath(to []byte, key *common.Hash, depth int) []byte {
	for i := range depth {
		to = append(to, byte(nibble(key, i)))
	}
	return to
}
