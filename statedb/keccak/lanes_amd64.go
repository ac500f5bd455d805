package keccak

import (
	"encoding/binary"
	"sync"

	"github.com/cloudflare/circl/simd/keccakf1600"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/klauspost/cpuid/v2"
)

func init() {
	if cpuid.CPU.Supports(cpuid.AVX2) && keccakf1600.IsEnabledX4() {
		hashers = append(hashers, named{"x4", fourLanes{}})
	}
	if cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512DQ) {
		hashers = append(hashers, named{"x8", eightLanes{}})
	}
}

// rest hashes the last message when it is alone: one lane of a vector is slower than
// the processor's ordinary registers.
func rest(b *Batch, order []uint32) {
	state := states.Get().(crypto.KeccakState)
	for _, i := range order {
		hashOne(state, b, int(i))
	}
	states.Put(state)
}

// fourLanes is AVX2, with CIRCL's permutation.
type fourLanes struct{}

type stateX4 struct {
	keccakf1600.StateX4
	words []uint64 // lane l's word w is words[4*w+l]
}

var statesX4 = sync.Pool{New: func() any {
	s := new(stateX4)
	s.words = s.Initialize(false)
	return s
}}

func (fourLanes) Hash(b *Batch) {
	b.open()
	s := statesX4.Get().(*stateX4)
	order := b.byBlocks()
	for len(order) > 1 {
		n := min(4, len(order))
		s.hash(b, order[:n])
		order = order[n:]
	}
	rest(b, order)
	statesX4.Put(s)
}

// hash does up to four messages.
func (s *stateX4) hash(b *Batch, lanes []uint32) {
	clear(s.words)
	w := s.words[:100]
	for block := range b.longest(lanes) {
		for l, i := range lanes {
			sp := b.spans[i]
			if block >= sp.blocks() {
				continue // this lane has its digest; what it permutes now is of no use
			}
			in := (*[Rate]byte)(b.data[(int(sp.off)+block)*Rate:])
			for k := range Rate / 8 {
				w[4*k+l] ^= binary.LittleEndian.Uint64(in[8*k:])
			}
		}
		s.Permute()
		for l, i := range lanes {
			if block == b.spans[i].blocks()-1 {
				putDigest(&b.digests[i], w[l], w[4+l], w[8+l], w[12+l])
			}
		}
	}
}

//go:generate go run ./gen -out keccak_avx512_amd64.s

// absorb8 XORs one block into each of eight states and permutes them. Lane l's block
// begins at data[offsets[l]]; word w of lane l's state is state[8*w+l].
//
//go:noescape
func absorb8(state *[200]uint64, data *byte, offsets *[8]uint64)

// eightLanes is AVX-512.
type eightLanes struct{}

func (eightLanes) Hash(b *Batch) {
	b.open()
	order := b.byBlocks()
	for len(order) > 1 {
		n := min(8, len(order))
		hash8(b, order[:n])
		order = order[n:]
	}
	rest(b, order)
}

// hash8 does up to eight messages. Lanes without a message, or with a shorter one, absorb a block that was there before, for nothing.
func hash8(b *Batch, lanes []uint32) {
	var (
		state   [200]uint64
		offsets [8]uint64
	)
	for l := range offsets {
		offsets[l] = uint64(b.spans[lanes[min(l, len(lanes)-1)]].off) * Rate
	}
	for block := range b.longest(lanes) {
		absorb8(&state, &b.data[0], &offsets)
		for l, i := range lanes {
			switch last := b.spans[i].blocks() - 1; {
			case block < last:
				offsets[l] += Rate
			case block == last:
				putDigest(&b.digests[i], state[l], state[8+l], state[16+l], state[24+l])
			}
		}
	}
}
