package kernels_test

import (
	"crypto/elliptic"
	"encoding/binary"
	"fmt"
	"math/big"
	"math/rand"
	"testing"

	"github.com/ethereum/go-ethereum/crypto"
	"github.com/gpuevm/gpuevm/gpuevm/cuda"
)

func littleEndian(b []byte, x *big.Int) []byte {
	for i := range 4 {
		b = binary.LittleEndian.AppendUint64(b, new(big.Int).Rsh(x, uint(64*i)).Uint64())
	}
	return b
}

// Numbers at the edges, which random signatures never meet: a carry that is lost once in
// 2^190 times is one that an attacker can make.
func TestField(t *testing.T) {
	one := big.NewInt(1)
	full := new(big.Int).Lsh(one, 256)
	k1, r1 := crypto.S256().Params(), elliptic.P256().Params()
	moduli := []*big.Int{k1.P, k1.N, r1.P, r1.N, bnPrime}
	operations := []struct {
		name string
		do   func(a, b, m *big.Int) *big.Int
	}{
		{"add", func(a, b, _ *big.Int) *big.Int { return new(big.Int).Add(a, b) }},
		{"sub", func(a, b, _ *big.Int) *big.Int { return new(big.Int).Sub(a, b) }},
		{"mul", func(a, b, _ *big.Int) *big.Int { return new(big.Int).Mul(a, b) }},
		{"square", func(a, _, _ *big.Int) *big.Int { return new(big.Int).Mul(a, a) }},
		{"inverse", func(a, _, m *big.Int) *big.Int {
			if r := new(big.Int).ModInverse(a, m); r != nil {
				return r
			}
			return new(big.Int)
		}},
		{"half", func(a, _, m *big.Int) *big.Int { return new(big.Int).Mul(a, new(big.Int).ModInverse(big.NewInt(2), m)) }},
		{"equal", func(a, b, m *big.Int) *big.Int {
			d := new(big.Int).Sub(a, b)
			return big.NewInt(1 - int64(min(1, d.Mod(d, m).BitLen())))
		}},
	}
	r := rand.New(rand.NewSource(9))
	for k, m := range moduli {
		limit := m
		if k == 0 {
			limit = full // elements need not be reduced
		}
		var edges []*big.Int
		for _, base := range []*big.Int{new(big.Int), m, full, new(big.Int).Sub(full, m), new(big.Int).Lsh(one, 128), new(big.Int).Lsh(one, 255), new(big.Int).Rsh(m, 1), new(big.Int).Lsh(one, 33)} {
			for d := int64(-3); d <= 3; d++ {
				if x := new(big.Int).Add(base, big.NewInt(d)); x.Sign() >= 0 && x.Cmp(limit) < 0 {
					edges = append(edges, x)
				}
			}
		}
		for range 12 {
			edges = append(edges, new(big.Int).Rand(r, limit), new(big.Int).Mod(new(big.Int).SetBytes(number(r, 32)), limit))
		}
		for o, operation := range operations {
			if k > 0 && o > 4 {
				continue
			}
			t.Run(fmt.Sprint(operation.name, k), func(t *testing.T) {
				eachDevice(t, func(t *testing.T, dev cuda.Device) {
					var as, bs, want []byte
					for _, a := range edges {
						for _, b := range edges {
							w := operation.do(a, b, m)
							if o == 3 && k > 0 { // there and back again
								w = a
							}
							as, bs, want = littleEndian(as, a), littleEndian(bs, b), littleEndian(want, w.Mod(new(big.Int).Set(w), m))
						}
					}
					got := make([]byte, len(as))
					runKernel(t, dev, "test_field.cu", "test_field", uint32(len(as)/32), uint32(8*k+o), in(as), in(bs), out(got))
					for i := 0; i < len(as); i += 32 {
						if string(got[i:i+32]) != string(want[i:i+32]) {
							t.Fatalf("%s modulo %x: %x, %x: got %x, want %x", operation.name, m, as[i:i+32], bs[i:i+32], got[i:i+32], want[i:i+32])
						}
					}
				})
			})
		}
	}
}
