package mpt

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/ethereum/go-ethereum/common"
)

// maxBranch is the longest encoding of a branch: 16 hashes, no value.
const maxBranch = 3 + 16*33 + 1

// encode appends the RLP of a node that is at some depth. What its slots say must be up
// to date.
func (a *Arena) encode(to []byte, r ref, depth int) []byte {
	switch a.head(r).kind {
	case leafNode:
		return a.leaf(r).encode(to, depth)
	case extNode:
		return a.ext(r).encode(to, depth)
	default:
		return a.branch(r).encode(to)
	}
}

func (b branch) encode(to []byte) []byte {
	size := 17 + 32*len(b.slots)
	for m := b.embed; m != 0; m &= m - 1 {
		size += len(b.slots[b.rank(bits.TrailingZeros16(m))].embedded()) - 33
	}
	to = appendList(slices.Grow(to, maxBranch), size)
	if b.embed != 0 {
		return b.encodeMixed(to)
	}
	start := len(to)
	to = to[:start+size]
	out := to[start:]
	i := 0
	for m := uint32(b.mask) | 1<<16; m != 1; m >>= 1 {
		if m&1 == 0 {
			out[0] = 0x80
			out = out[1:]
			continue
		}
		out[0] = 0xa0
		*(*slot)(out[1:]) = b.slots[i]
		out = out[33:]
		i++
	}
	out[0] = 0x80 // no value: keys are all of one length
	return to
}

func (b branch) encodeMixed(to []byte) []byte {
	i := 0
	for n := range 16 {
		if !b.has(n) {
			to = append(to, 0x80)
			continue
		}
		to = b.slots[i].appendTo(to, b.embed>>n&1 != 0)
		i++
	}
	return append(to, 0x80)
}

func (s *slot) appendTo(to []byte, embedded bool) []byte {
	if embedded {
		return append(to, s.embedded()...)
	}
	return append(append(to, 0xa0), s[:]...)
}

// encode is [hex-prefixed rest of the key, value].
func (l *leaf) encode(to []byte, depth int) []byte {
	return encodeLeaf(to, &l.key, depth, l.value())
}

func encodeLeaf(to []byte, key *common.Hash, depth int, value []byte) []byte {
	n := (64-depth)/2 + 1
	size := n + stringSize(value)
	if n > 1 {
		size++
	}
	to = appendList(to, size)
	if n > 1 {
		to = append(to, 0x80+byte(n))
	}
	if depth%2 == 1 {
		to = append(to, 0x30|byte(nibble(key, depth)))
	} else {
		to = append(to, 0x20)
	}
	to = append(to, key[(depth+1)/2:]...)
	return appendString(to, value)
}

// encode is [hex-prefixed nibbles, child].
func (e *ext) encode(to []byte, depth int) []byte {
	nibbles := int(e.end) - depth
	n := nibbles/2 + 1
	child := 33
	if e.embed != 0 {
		child = len(e.slot.embedded())
	}
	if n > 1 {
		to = appendList(to, 1+n+child)
		to = append(to, 0x80+byte(n))
	} else {
		to = appendList(to, n+child)
	}
	if nibbles%2 == 1 {
		to = append(to, 0x10|byte(nibble(&e.key, depth)))
		depth++
	} else {
		to = append(to, 0)
	}
	for ; depth < int(e.end); depth += 2 {
		to = append(to, byte(nibble(&e.key, depth)<<4|nibble(&e.key, depth+1)))
	}
	return e.slot.appendTo(to, e.embed != 0)
}

func appendList(to []byte, size int) []byte { return appendHeader(to, 0xc0, size) }

func appendHeader(to []byte, kind byte, size int) []byte {
	switch {
	case size < 56:
		return append(to, kind+byte(size))
	case size < 1<<8:
		return append(to, kind+56, byte(size))
	case size < 1<<16:
		return append(to, kind+57, byte(size>>8), byte(size))
	default:
		to = append(to, kind+58)
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(size))
		return append(to, b[1:]...)
	}
}

func stringSize(s []byte) int {
	switch {
	case len(s) == 1 && s[0] < 0x80:
		return 1
	case len(s) < 56:
		return 1 + len(s)
	case len(s) < 1<<8:
		return 2 + len(s)
	default:
		return 3 + len(s) // values are shorter than 64 KiB
	}
}

func appendString(to, s []byte) []byte {
	if len(s) == 1 && s[0] < 0x80 {
		return append(to, s[0])
	}
	return append(appendHeader(to, 0x80, len(s)), s...)
}
