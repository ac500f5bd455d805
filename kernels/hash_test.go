package kernels_test

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math/rand"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/gpuevm/gpuevm/gpuevm/cuda"
	"golang.org/x/crypto/ripemd160" //lint:ignore SA1019 the EVM has it
)

// Hashes of test_hash.cu.
const (
	testKeccak256 = iota
	testKeccak256Two
	testKeccakF1600
	testSHA256
	testRIPEMD160
	testBlake2F

	hashRoom = 200
)

// pack puts inputs one behind the other.
func pack(inputs [][]byte) (all, offsets []byte) {
	offsets = make([]byte, 8, 8*len(inputs)+8)
	for _, in := range inputs {
		all = append(all, in...)
		offsets = binary.LittleEndian.AppendUint64(offsets, uint64(len(all)))
	}
	return append(all, 0), offsets
}

// hashAll runs one of the hashes over all inputs; outs are hashRoom bytes each.
func hashAll(tb testing.TB, dev cuda.Device, hash uint32, inputs [][]byte) []byte {
	tb.Helper()
	all, offsets := pack(inputs)
	outs := make([]byte, hashRoom*len(inputs))
	runKernel(tb, dev, "test_hash.cu", "test_hash", uint32(len(inputs)), hash, in(all), in(offsets), out(outs))
	return outs
}

func checkHash(t *testing.T, dev cuda.Device, hash uint32, inputs [][]byte, want func([]byte) []byte) {
	t.Helper()
	outs := hashAll(t, dev, hash, inputs)
	for i, in := range inputs {
		w := want(in)
		if got := outs[hashRoom*i:][:len(w)]; !bytes.Equal(got, w) {
			t.Fatalf("%d, %d bytes %.200x: got %x, want %x", i, len(in), in, got, w)
		}
	}
}

// messages are of all lengths around the hashes' blocks, and some long ones. Packed, they
// lie at all alignments.
func messages() [][]byte {
	r := rand.New(rand.NewSource(1))
	var list [][]byte
	add := func(n int) {
		m := make([]byte, n)
		r.Read(m)
		list = append(list, m)
	}
	for n := range 601 {
		add(n)
	}
	for _, n := range []int{1 << 10, 1087, 1088, 1089, 4095, 4096, 10_007, 24_576, 100_000, 1 << 20} {
		add(n)
	}
	list = append(list, bytes.Repeat([]byte{0xff}, 136), bytes.Repeat([]byte{0xff}, 135), make([]byte, 272))
	return list
}

func TestHashes(t *testing.T) {
	eachDevice(t, func(t *testing.T, dev cuda.Device) {
		list := messages()
		checkHash(t, dev, testKeccak256, list, func(m []byte) []byte { return crypto.Keccak256(m) })
		checkHash(t, dev, testSHA256, list, func(m []byte) []byte { h := sha256.Sum256(m); return h[:] })
		checkHash(t, dev, testRIPEMD160, list, func(m []byte) []byte {
			h := ripemd160.New()
			h.Write(m)
			return h.Sum(nil)
		})
	})
}

func TestHashBytes(t *testing.T) {
	eachDevice(t, func(t *testing.T, dev cuda.Device) {
		list := messages()
		all, offsets := pack(list)
		hashes := make([]byte, 32*len(list))
		runKernel(t, dev, "hash.cu", "hash_bytes", uint32(len(list)), 0, in(all), in(offsets), out(hashes))
		for i, m := range list {
			if got := hashes[32*i:][:32]; !bytes.Equal(got, crypto.Keccak256(m)) {
				t.Fatalf("%d, %d bytes: %x", i, len(m), got)
			}
		}
	})
}

func TestKeccak256Two(t *testing.T) {
	eachDevice(t, func(t *testing.T, dev cuda.Device) {
		r := rand.New(rand.NewSource(2))
		list := make([][]byte, 500)
		for i := range list {
			list[i] = make([]byte, 64)
			if i > 0 {
				r.Read(list[i])
			}
		}
		checkHash(t, dev, testKeccak256Two, list, func(m []byte) []byte { return crypto.Keccak256(m) })
	})
}

// TestKeccakF1600 makes SHA3-256 and SHAKE of the permutation and takes known answers of
// these (Keccak-256 has none, but differs in the padding alone).
func TestKeccakF1600(t *testing.T) {
	var file struct {
		Kats map[string][]struct {
			Digest, Message string
			Length          int // in bits
		}
	}
	text := vectorFile(t, "trie-rlp-tx-crypto.tar.gz", "keccakKats.json.deflate")
	if err := json.NewDecoder(flate.NewReader(bytes.NewReader(text))).Decode(&file); err != nil {
		t.Fatal(err)
	}
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, c := range []struct {
		name string
		rate int
		pad  byte
	}{{"SHA3-224", 144, 6}, {"SHA3-256", 136, 6}, {"SHA3-512", 72, 6}, {"SHAKE128", 168, 0x1f}, {"SHAKE256", 136, 0x1f}} {
		var messages, want [][]byte
		for _, kat := range file.Kats[c.name] {
			m := append(unhex(kat.Message)[:kat.Length/8:kat.Length/8], c.pad)
			m = append(m, make([]byte, (c.rate-len(m)%c.rate)%c.rate)...)
			m[len(m)-1] ^= 0x80
			digest := unhex(kat.Digest)
			messages, want = append(messages, m), append(want, digest[:min(len(digest), c.rate)])
		}
		if len(messages) < 100 {
			t.Fatalf("only %d known answers of %s", len(messages), c.name)
		}
		eachDevice(t, func(t *testing.T, dev cuda.Device) {
			for i, got := range sponge(t, dev, messages, c.rate) {
				if !bytes.HasPrefix(got, want[i]) {
					t.Errorf("%s %d: got %x, want %x", c.name, i, got, want[i])
				}
			}
		})
	}
}

// sponge takes in whole blocks, one of every message at a time, and gives the states.
func sponge(t *testing.T, dev cuda.Device, messages [][]byte, rate int) [][]byte {
	states := make([][]byte, len(messages))
	for i := range states {
		states[i] = make([]byte, 200)
	}
	for at := 0; ; at += rate {
		var which []int
		var blocks [][]byte
		for i, m := range messages {
			if at < len(m) {
				for j, b := range m[at : at+rate] {
					states[i][j] ^= b
				}
				which, blocks = append(which, i), append(blocks, states[i])
			}
		}
		if len(which) == 0 {
			return states
		}
		outs := hashAll(t, dev, testKeccakF1600, blocks)
		for n, i := range which {
			states[i] = outs[hashRoom*n:][:200]
		}
	}
}

func TestBlake2F(t *testing.T) {
	eachDevice(t, func(t *testing.T, dev cuda.Device) {
		r := rand.New(rand.NewSource(3))
		var list [][]byte
		for i := range 300 {
			m := make([]byte, 213)
			r.Read(m)
			binary.BigEndian.PutUint32(m, uint32(i))
			m[212] = byte(r.Intn(2))
			list = append(list, m)
		}
		binary.BigEndian.PutUint32(list[7], 100_003)
		blake := vm.PrecompiledContractsIstanbul[common.BytesToAddress([]byte{9})]
		checkHash(t, dev, testBlake2F, list, func(m []byte) []byte {
			h, err := blake.Run(m)
			if err != nil {
				t.Fatal(err)
			}
			return h
		})
	})
}

// BenchmarkHash tells what one hash takes of one lane.
func BenchmarkHash(b *testing.B) {
	message := func(n int) []byte { return make([]byte, n) }
	rounds := func(n uint32) []byte {
		m := message(213)
		binary.BigEndian.PutUint32(m, n)
		return m
	}
	for _, c := range []struct {
		name  string
		hash  uint32
		input []byte
	}{
		{"keccak256/32", testKeccak256, message(32)},
		{"keccak256/64", testKeccak256, message(64)},
		{"keccak256/13600", testKeccak256, message(13_600)}, // 101 permutations
		{"keccak256_two", testKeccak256Two, message(64)},
		{"keccak_f1600", testKeccakF1600, message(200)},
		{"sha256/32", testSHA256, message(32)},
		{"sha256/6400", testSHA256, message(6400)}, // 101 blocks
		{"ripemd160/6400", testRIPEMD160, message(6400)},
		{"blake2f/12", testBlake2F, rounds(12)},
		{"blake2f/12000", testBlake2F, rounds(12_000)},
	} {
		b.Run(c.name, func(b *testing.B) {
			benchmarkKernel(b, "test_hash.cu", "test_hash", c.hash, func(n int) []buffer {
				list := make([][]byte, n)
				for i := range list {
					list[i] = c.input
				}
				all, offsets := pack(list)
				return []buffer{in(all), in(offsets), out(make([]byte, hashRoom*n))}
			})
		})
	}
}
