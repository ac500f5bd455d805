package mpt

import (
	"errors"
	"fmt"
	"math/bits"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/rlp"
)

var (
	errElements  = errors.New("a node has 2 or 17 elements")
	errCompact   = errors.New("bad hex prefix")
	errDepth     = errors.New("path does not fit keys of 32 bytes")
	errChild     = errors.New("child is neither a hash nor a short node")
	errChildren  = errors.New("a branch needs two children")
	errHasValue  = errors.New("a branch has a value")
	errLeafValue = errors.New("value of a leaf is empty or too long")
	errTrailing  = errors.New("bytes after the node")
)

// decode makes a node out of its RLP and the path it is at. Nothing is left in the arena
// after an error.
func (w *worker) decode(blob []byte, key *common.Hash, depth int) (ref, error) {
	elems, rest, err := rlp.SplitList(blob)
	if err != nil {
		return 0, err
	}
	if len(rest) > 0 {
		return 0, errTrailing
	}
	if mask, ok := hashesOnly(elems); ok {
		return w.fullBranch(elems, mask, depth)
	}
	n, err := rlp.CountValues(elems)
	switch {
	case err != nil:
		return 0, err
	case n == 2:
		return w.decodeShort(elems, key, depth)
	case n == 17:
		return w.decodeBranch(elems, key, depth)
	}
	return 0, errElements
}

// hashesOnly says which children a branch has, if all of them are hashes. Nearly all
// nodes that are read are such branches, or leaves.
func hashesOnly(elems []byte) (mask uint16, ok bool) {
	for n := range 16 {
		switch {
		case len(elems) > 33 && elems[0] == 0xa0:
			mask |= 1 << n
			elems = elems[33:]
		case len(elems) > 1 && elems[0] == 0x80:
			elems = elems[1:]
		default:
			return 0, false
		}
	}
	return mask, len(elems) == 1 && elems[0] == 0x80
}

func (w *worker) fullBranch(elems []byte, mask uint16, depth int) (ref, error) {
	switch {
	case depth >= 64:
		return 0, errDepth
	case mask&(mask-1) == 0:
		return 0, errChildren
	}
	r := w.newBranch(mask)
	b := w.branch(r)
	for i := range b.slots {
		for elems[0] != 0xa0 {
			elems = elems[1:]
		}
		b.slots[i] = slot(elems[1:33])
		elems = elems[33:]
	}
	return r, nil
}

func (w *worker) decodeShort(elems []byte, key *common.Hash, depth int) (ref, error) {
	compact, rest, err := rlp.SplitString(elems)
	if err != nil {
		return 0, err
	}
	k := *key
	end, isLeaf, err := decodeCompact(compact, &k, depth)
	if err != nil {
		return 0, err
	}
	if !isLeaf {
		return w.decodeExt(rest, &k, depth, end)
	}
	value, _, err := rlp.SplitString(rest)
	if err != nil {
		return 0, err
	}
	if end != 64 {
		return 0, errDepth
	}
	if len(value) == 0 || len(value) > maxValue {
		return 0, errLeafValue
	}
	return w.newLeaf(&k, value), nil
}

// decodeCompact writes the nibbles of a hex-prefixed path into the key, from depth on.
func decodeCompact(compact []byte, key *common.Hash, depth int) (end int, isLeaf bool, err error) {
	if len(compact) == 0 || compact[0] >= 0x40 || compact[0]&0x1f == compact[0]&0x0f && compact[0]&0x0f != 0 {
		return 0, false, errCompact
	}
	odd := int(compact[0] >> 4 & 1)
	end = depth + 2*(len(compact)-1) + odd
	if end > 64 {
		return 0, false, errDepth
	}
	for i := depth; i < end; i++ {
		at := i - depth + 2 - odd
		setNibble(key, i, int(compact[at/2]>>(4-at%2*4))&15)
	}
	return end, compact[0]&0x20 != 0, nil
}

func (w *worker) decodeExt(elem []byte, key *common.Hash, depth, end int) (ref, error) {
	if end == depth || end == 64 {
		return 0, errDepth
	}
	var s slot
	child, kind, _, err := w.decodeChild(elem, &s, key, end)
	if err != nil {
		return 0, err
	}
	if kind == noChild {
		return 0, errChild
	}
	r := w.newExt(key, end)
	e := w.ext(r)
	e.slot, e.child = s, child
	if kind == embeddedChild {
		e.embed = 1
	}
	return r, nil
}

func (w *worker) decodeBranch(elems []byte, key *common.Hash, depth int) (_ ref, err error) {
	if depth >= 64 {
		return 0, errDepth
	}
	var (
		slots       [16]slot
		refs        [16]ref
		mask, embed uint16
		kind        childKind
		k           = *key
	)
	defer func() {
		if err != nil {
			for _, r := range refs {
				w.dropTree(r)
			}
		}
	}()
	for n := range 16 {
		setNibble(&k, depth, n)
		if refs[n], kind, elems, err = w.decodeChild(elems, &slots[n], &k, depth+1); err != nil {
			return 0, err
		}
		if kind == embeddedChild {
			embed |= 1 << n
		}
		if kind != noChild {
			mask |= 1 << n
		}
	}
	if elems[0] != 0x80 {
		return 0, errHasValue
	}
	if mask&(mask-1) == 0 {
		return 0, errChildren
	}
	r := w.newBranch(mask)
	b := w.branch(r)
	b.embed = embed
	for m := mask; m != 0; m &= m - 1 {
		n := bits.TrailingZeros16(m)
		i := b.rank(n)
		b.refs[i], b.slots[i] = refs[n], slots[n]
	}
	return r, nil
}

type childKind int

const (
	noChild childKind = iota
	hashedChild
	embeddedChild
)

// decodeChild reads one element of a branch or extension: nothing, a hash or, within
// the parent, a short node.
func (w *worker) decodeChild(elems []byte, s *slot, key *common.Hash, depth int) (r ref, is childKind, rest []byte, err error) {
	kind, content, rest, err := rlp.Split(elems)
	switch {
	case err != nil:
		return 0, noChild, nil, err
	case kind == rlp.String && len(content) == 0:
		return 0, noChild, rest, nil
	case kind == rlp.String && len(content) == 32:
		copy(s[:], content)
		return 0, hashedChild, rest, nil
	case kind == rlp.List && len(content) < 31:
		n := copy(s[:], elems[:len(elems)-len(rest)])
		r, err = w.decode(s[:n], key, depth)
		return r, embeddedChild, rest, err
	}
	return 0, noChild, nil, errChild
}

// load asks the source for the node at a path.
func (w *worker) load(key *common.Hash, depth int, hash *slot) (ref, error) {
	t := w.t
	path := appendPath(w.path[:0], key, depth)
	var blob []byte
	var err error
	if t.source != nil {
		blob, err = w.from(t.source).Node(t.owner, path, common.Hash(*hash))
	}
	if err != nil || len(blob) == 0 {
		return 0, &MissingNodeError{Owner: t.owner, Path: append([]byte(nil), path...), Hash: common.Hash(*hash), Err: err}
	}
	if err := w.expect(blob, key, depth, common.Hash(*hash)); err != nil {
		return 0, err
	}
	r, err := w.decode(blob, key, depth)
	if err != nil {
		return 0, fmt.Errorf("trie %x, node at path %x, hash %x: %w", t.owner, path, *hash, err)
	}
	w.head(r).stored = true
	t.loads.Add(1)
	return r, nil
}

// MissingNodeError says which node a source does not have.
type MissingNodeError struct {
	Owner common.Hash
	Path  []byte // nibbles
	Hash  common.Hash
	Err   error // the source's, or nil
}

func (e *MissingNodeError) Error() string {
	s := fmt.Sprintf("trie %x lacks the node at path %x, hash %x", e.Owner, e.Path, e.Hash)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *MissingNodeError) Unwrap() error { return e.Err }
