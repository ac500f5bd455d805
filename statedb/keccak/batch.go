// Package keccak hashes many messages at once with Keccak-256, the hash of tries.
//
// A Hasher takes a Batch: messages that lie padded, one after the other, in one byte
// arena. Lanes of a vector register (threads of a GPU) each take one message, those of
// equally many blocks together, so that few lanes idle. It is no streaming hash and has
// no other output length; for one message at a time use go-ethereum's crypto.Keccak256.
package keccak

// Rate is how many bytes of a message one permutation absorbs.
const Rate = 136

// Batch is messages to be hashed and, after Hasher.Hash, their digests. It keeps its
// memory when Reset. The zero value is ready; it is for one goroutine.
type Batch struct {
	data    []byte // each message padded to whole blocks: lanes read nothing but blocks
	spans   []span
	digests [][32]byte
	order   []uint32
}

type span struct {
	off uint32 // in blocks: a Batch of 2^32 blocks has 584 GB
	len uint32 // in bytes
}

func (s span) blocks() int { return int(s.len)/Rate + 1 }

// Reset takes all messages out.
func (b *Batch) Reset() {
	b.data, b.spans, b.digests = b.data[:0], b.spans[:0], b.digests[:0]
}

// Len is the number of messages.
func (b *Batch) Len() int { return len(b.spans) }

// Size is the number of bytes that the messages take up, padded.
func (b *Batch) Size() int { return len(b.data) }

// Open returns the arena, to append one message to. Close takes it back with the
// message; without a Close nothing was added.
func (b *Batch) Open() []byte { return b.data }

// Close ends the message that was appended to what Open returned, and returns its
// number. The digest is there after Hash.
func (b *Batch) Close(data []byte) int {
	start := len(b.data)
	n := len(data) - start
	s := span{off: uint32(start / Rate), len: uint32(n)}
	end := start + s.blocks()*Rate
	for len(data) < end {
		data = append(data, zeros[:min(end-len(data), len(zeros))]...)
	}
	data[start+n] ^= 0x01
	data[end-1] ^= 0x80
	b.data = data
	b.spans = append(b.spans, s)
	return len(b.spans) - 1
}

var zeros [Rate]byte

// Add appends a message and returns its number.
func (b *Batch) Add(message []byte) int { return b.Close(append(b.Open(), message...)) }

// Message is message i as it was added. It is valid until the next is added.
func (b *Batch) Message(i int) []byte {
	s := b.spans[i]
	return b.data[int(s.off)*Rate:][:s.len]
}

// Digest is the hash of message i. It is valid until the next Reset.
func (b *Batch) Digest(i int) *[32]byte { return &b.digests[i] }

// Permutations is how many the batch takes.
func (b *Batch) Permutations() int { return len(b.data) / Rate }

// Blocks are all messages, padded: what a Hasher elsewhere (on a device) reads.
func (b *Batch) Blocks() []byte { return b.data }

// Span says which blocks of Rate bytes message i has.
func (b *Batch) Span(i int) (first, n int) { return int(b.spans[i].off), b.spans[i].blocks() }

// Digests has room for the digest of every message, for a Hasher to fill in.
func (b *Batch) Digests() [][32]byte {
	b.open()
	return b.digests
}

// open makes room for the digests.
func (b *Batch) open() {
	if cap(b.digests) < len(b.spans) {
		b.digests = make([][32]byte, len(b.spans), len(b.spans)+len(b.spans)/4)
	}
	b.digests = b.digests[:len(b.spans)]
}

// maxBucket is the largest number of blocks that is told apart; a trie's nodes have at
// most 4, but for values larger than Ethereum's. Longer messages come in any order.
const maxBucket = 15

// byBlocks lists the messages ordered by their number of blocks, largest first, so that
// the lanes of one group end together.
func (b *Batch) byBlocks() []uint32 {
	if cap(b.order) < len(b.spans) {
		b.order = make([]uint32, len(b.spans), len(b.spans)+len(b.spans)/4)
	}
	b.order = b.order[:len(b.spans)]
	var start [maxBucket + 2]uint32
	for _, s := range b.spans {
		start[maxBucket-min(s.blocks(), maxBucket)+1]++
	}
	for i := 1; i < len(start); i++ {
		start[i] += start[i-1]
	}
	for i, s := range b.spans {
		at := &start[maxBucket-min(s.blocks(), maxBucket)]
		b.order[*at] = uint32(i)
		*at++
	}
	return b.order
}

// longest is the largest number of blocks among some messages.
func (b *Batch) longest(lanes []uint32) int {
	n := 0
	for _, i := range lanes {
		n = max(n, b.spans[i].blocks())
	}
	return n
}
