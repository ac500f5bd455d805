package keccak

import (
	"encoding/binary"
	"fmt"
	"sort"
	"sync"

	"github.com/ethereum/go-ethereum/crypto"
)

// Hasher fills in the digests of a batch. It keeps nothing between calls and may be used
// by any number of goroutines, each with its own batch.
type Hasher interface {
	Hash(b *Batch)
}

// hashers are those this processor can run, fastest last.
var hashers = []named{{"x1", oneLane{}}}

type named struct {
	name   string
	hasher Hasher
}

// Best is the fastest hasher of this processor.
func Best() Hasher { return hashers[len(hashers)-1].hasher }

// Names lists the hashers that this processor can run: x1, x4 (AVX2), x8 (AVX-512).
func Names() []string {
	names := make([]string, len(hashers))
	for i, h := range hashers {
		names[i] = h.name
	}
	sort.Strings(names)
	return names
}

// ByName is the hasher of that name, for tests and measurements.
func ByName(name string) (Hasher, error) {
	for _, h := range hashers {
		if h.name == name {
			return h.hasher, nil
		}
	}
	return nil, fmt.Errorf("no Keccak hasher %q on this processor, which has %v", name, Names())
}

// oneLane hashes one message after the other.
type oneLane struct{}

var states = sync.Pool{New: func() any { return crypto.NewKeccakState() }}

func (oneLane) Hash(b *Batch) {
	b.open()
	state := states.Get().(crypto.KeccakState)
	for i := range b.spans {
		hashOne(state, b, i)
	}
	states.Put(state)
}

func hashOne(state crypto.KeccakState, b *Batch, i int) {
	state.Reset()
	state.Write(b.Message(i))
	state.Read(b.digests[i][:])
}

// putDigest stores the first four words of a state.
func putDigest(out *[32]byte, a, b, c, d uint64) {
	binary.LittleEndian.PutUint64(out[0:], a)
	binary.LittleEndian.PutUint64(out[8:], b)
	binary.LittleEndian.PutUint64(out[16:], c)
	binary.LittleEndian.PutUint64(out[24:], d)
}
