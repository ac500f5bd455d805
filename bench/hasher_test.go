package bench

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/gpuevm/gpuevm/fallback"
	"github.com/gpuevm/gpuevm/gpuevm/cuda"
	"github.com/gpuevm/gpuevm/gpuevm/device"
	"github.com/gpuevm/gpuevm/statedb/keccak"
)

// broken fails after some batches.
type broken struct{ left int }

func (b *broken) Keccak256(bytes []byte, offsets []uint64, hashes []common.Hash) error {
	if b.left--; b.left < 0 {
		return errors.New("device lost")
	}
	for i := range hashes {
		hashes[i] = crypto.Keccak256Hash(bytes[offsets[i]:offsets[i+1]])
	}
	return nil
}

func sameAsGeth(t *testing.T, h keccak.Hasher, rounds int) {
	t.Helper()
	var b keccak.Batch
	for round := range rounds {
		b.Reset()
		var want []common.Hash
		for i := range 700 {
			m := make([]byte, rand.N(600)*(i%4)/3)
			for k := range m {
				m[k] = byte(rand.Uint32())
			}
			b.Add(m)
			want = append(want, crypto.Keccak256Hash(m))
		}
		h.Hash(&b)
		for i := range want {
			if got := *b.Digest(i); got != want[i] {
				t.Fatalf("round %d: message %d of %d bytes: %x, want %x", round, i, len(b.Message(i)), got, want[i])
			}
		}
	}
}

// TestDeviceHasher has the kernels hash, and a device that is lost half way.
func TestDeviceHasher(t *testing.T) {
	dev, err := cuda.OpenHost()
	if err != nil {
		t.Skipf("no host device: %v", err)
	}
	engine, err := device.New(dev, device.Options{CPU: fallback.New(1)})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	h := NewOnDevice(engine, keccak.Best())
	sameAsGeth(t, h, 3)
	if all, did := h.Done(); did == 0 || all != did {
		t.Fatalf("the device has done %d of %d permutations", did, all)
	}

	h = NewOnDevice(&broken{left: 2}, keccak.Best())
	sameAsGeth(t, h, 5)
	if all, did := h.Done(); !h.failed.Load() || did == 0 || all <= 2*did {
		t.Fatalf("a device that is lost after two of five batches has done %d of %d permutations", did, all)
	}
	if least, ok := NewDeviceHasher(new(broken), keccak.Best()).Least(); ok {
		t.Fatalf("a device that fails at once is used from %d permutations on", least)
	}
}
