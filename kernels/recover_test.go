package kernels_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/big"
	"math/rand"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/gpuevm/gpuevm/gpuevm/cuda"
	"github.com/gpuevm/gpuevm/gpuevm/enginetest/shareddata"
)

// signed is a hash and a signature, right or not.
type signed struct {
	hash [32]byte
	sig  [65]byte
}

func signature(hash []byte, r, s *big.Int, v byte) (x signed) {
	copy(x.hash[:], hash)
	r.FillBytes(x.sig[:32])
	s.FillBytes(x.sig[32:64])
	x.sig[64] = v
	return x
}

// recoverBuffers are what recover_senders takes, and where it answers.
func recoverBuffers(list []signed) (buffers []buffer, addresses, ok []byte) {
	var hashes, sigs []byte
	for _, x := range list {
		hashes, sigs = append(hashes, x.hash[:]...), append(sigs, x.sig[:]...)
	}
	addresses, ok = make([]byte, 20*len(list)), make([]byte, len(list))
	return []buffer{in(sigs), in(hashes), out(addresses), out(ok)}, addresses, ok
}

// checkRecovery compares the kernel with go-ethereum.
func checkRecovery(t *testing.T, list []signed) {
	eachDevice(t, func(t *testing.T, dev cuda.Device) {
		buffers, addresses, ok := recoverBuffers(list)
		runKernel(t, dev, "recover.cu", "recover_senders", uint32(len(list)), 0, buffers...)
		failed := 0
		for i, x := range list {
			var want common.Address
			key, err := crypto.Ecrecover(x.hash[:], x.sig[:])
			if x.sig[64] > 1 {
				err = errors.New("no transaction has it")
			}
			if err == nil {
				want = common.BytesToAddress(crypto.Keccak256(key[1:])[12:])
			} else {
				failed++
			}
			if got := common.BytesToAddress(addresses[20*i : 20*i+20]); got != want || (ok[i] == 1) != (err == nil) {
				t.Fatalf("%d: hash %x signature %x: got %v %d, want %v (%v)", i, x.hash, x.sig, got, ok[i], want, err)
			}
		}
		t.Logf("%d signatures, %d of them invalid", len(list), failed)
	})
}

// signatures are right ones by random keys.
func signatures(tb testing.TB, r *rand.Rand, n int) (list []signed) {
	for range n {
		var x signed
		r.Read(x.hash[:])
		d := new(big.Int).Rand(r, new(big.Int).Sub(order(), big.NewInt(1)))
		key, err := crypto.ToECDSA(d.Add(d, big.NewInt(1)).FillBytes(make([]byte, 32)))
		if err != nil {
			tb.Fatal(err)
		}
		sig, err := crypto.Sign(x.hash[:], key)
		if err != nil {
			tb.Fatal(err)
		}
		copy(x.sig[:], sig)
		list = append(list, x)
	}
	return list
}

func TestRecover(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	list := signatures(t, r, 10_000)
	for i := range list {
		x := &list[i]
		switch r.Intn(8) {
		case 0: // somebody else's, or nobody's
			x.sig[r.Intn(65)] ^= 1 << r.Intn(8)
		case 1: // the other s
			s := new(big.Int).Sub(order(), new(big.Int).SetBytes(x.sig[32:64]))
			s.FillBytes(x.sig[32:64])
			x.sig[64] ^= 1
		}
	}
	checkRecovery(t, list)
}

func BenchmarkRecover(b *testing.B) {
	benchmarkKernel(b, "recover.cu", "recover_senders", 0, func(n int) []buffer {
		buffers, _, _ := recoverBuffers(signatures(b, rand.New(rand.NewSource(1)), n))
		return buffers
	})
}

func order() *big.Int { return new(big.Int).Set(crypto.S256().Params().N) }

func TestRecoverEdges(t *testing.T) {
	curve := crypto.S256()
	n, p := order(), curve.Params().P
	b := func(x int64) *big.Int { return big.NewInt(x) }
	add := func(x *big.Int, d int64) *big.Int { return new(big.Int).Add(x, b(d)) }
	all := new(big.Int).Sub(new(big.Int).Lsh(b(1), 256), b(1))
	lambda, _ := new(big.Int).SetString("5363ad4cc05c30e0a5261c028812645a122e22ea20816678df02967c1b23bd72", 16)
	numbers := []*big.Int{b(0), b(1), b(2), b(3), b(4), b(5), b(6), b(7), b(8), add(n, -2), add(n, -1), n, add(n, 1), add(p, -1), p,
		add(p, 1), all, new(big.Int).Sub(p, n), lambda, new(big.Int).Rsh(n, 1), add(new(big.Int).Rsh(n, 1), 1), new(big.Int).Lsh(b(1), 128), new(big.Int).Lsh(b(1), 255)}
	// Points k G, so that the ladder's additions meet equal and opposite points.
	var points []*big.Int
	for _, k := range append([]*big.Int{b(1), b(2), b(3), b(4), b(8), b(16), b(127), b(128), lambda, add(n, -1)}, numbers[3:9]...) {
		x, _ := curve.ScalarBaseMult(k.Bytes())
		points = append(points, x)
	}
	var list []signed
	var hash [32]byte
	for _, r := range append(points, numbers...) {
		for _, s := range append(numbers, points[:4]...) {
			for _, z := range []*big.Int{b(0), b(1), add(n, -1), n, all, r, s, lambda, new(big.Int).Sub(n, new(big.Int).Mod(s, n)), new(big.Int).Mod(new(big.Int).Mul(s, lambda), n)} {
				for v := byte(0); v < 3; v++ {
					list = append(list, signature(z.FillBytes(hash[:]), r, s, v))
				}
			}
		}
	}
	// Keys at infinity: s R = z G, that is R = k G and s k = z.
	for k := int64(1); k < 40; k++ {
		x, y := curve.ScalarBaseMult(b(k).Bytes())
		for s := int64(1); s < 6; s++ {
			list = append(list, signature(b(k*s).FillBytes(hash[:]), x, b(s), byte(y.Bit(0))),
				signature(new(big.Int).Sub(n, b(k*s)).FillBytes(hash[:]), x, b(s), byte(y.Bit(0)^1)),
				signature(b(k*s).FillBytes(hash[:]), x, b(s), byte(y.Bit(0)^1)))
		}
	}
	checkRecovery(t, list)
}

// Every signature of the wycheproof set that can be put in 64 bytes.
func TestRecoverWycheproof(t *testing.T) {
	var file struct {
		TestGroups []struct {
			Tests []struct{ Msg, Sig string }
		}
	}
	if err := json.Unmarshal(vectorFile(t, "trie-rlp-tx-crypto.tar.gz", "ecdsa_secp256k1_sha256_bitcoin_test.json"), &file); err != nil {
		t.Fatal(err)
	}
	var list []signed
	for _, g := range file.TestGroups {
		for _, c := range g.Tests {
			sig, _ := hex.DecodeString(c.Sig)
			msg, _ := hex.DecodeString(c.Msg)
			if r, s, ok := parseDER(sig); ok {
				hash := sha256.Sum256(msg)
				list = append(list, signature(hash[:], r, s, 0), signature(hash[:], r, s, 1))
			}
		}
	}
	if len(list) < 200 {
		t.Fatalf("%d signatures", len(list))
	}
	checkRecovery(t, list)
}

// parseDER reads two short integers, roughly: what it lets through is compared anyway.
func parseDER(b []byte) (r, s *big.Int, ok bool) {
	if len(b) < 8 || b[0] != 0x30 || b[1] >= 0x80 {
		return nil, nil, false
	}
	integer := func() *big.Int {
		if len(b) < 2 || b[0] != 2 || len(b) < 2+int(b[1]) {
			return nil
		}
		x := new(big.Int).SetBytes(b[2 : 2+b[1]])
		b = b[2+b[1]:]
		return x
	}
	b = b[2:]
	r, s = integer(), integer()
	return r, s, r != nil && s != nil && r.BitLen() <= 256 && s.BitLen() <= 256
}

// vectorFile is a file of one of the archives of test vectors.
func vectorFile(tb testing.TB, archive, name string) []byte {
	tb.Helper()
	f, err := os.Open(filepath.Join(shareddata.Folder(tb, "vectors"), archive))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	gz, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	for tr := tar.NewReader(gz); ; {
		h, err := tr.Next()
		if err != nil {
			tb.Fatalf("%s: %v", name, err)
		}
		if path.Base(h.Name) == name {
			data, err := io.ReadAll(tr)
			if err != nil {
				tb.Fatal(err)
			}
			return data
		}
	}
}

var update = flag.Bool("update", false, "write the generated tables")

// The table of the generator's multiples is what go-ethereum's curve says.
func TestGeneratorTable(t *testing.T) {
	var want strings.Builder
	want.WriteString(`// Generated by go test ./kernels -run TestGeneratorTable -update. Do not edit.
//
// The multiples 1 to 128 of secp256k1's generator: x, then y, least significant word first.
#pragma once
#include "dialect.cuh"

CONST_TABLE u64 K1_GENERATOR[128][8] = {
`)
	words := func(x *big.Int) string {
		var w []string
		for i := range 4 {
			w = append(w, fmt.Sprintf("0x%016x", new(big.Int).Rsh(x, uint(64*i)).Uint64()))
		}
		return strings.Join(w, ", ")
	}
	for k := int64(1); k <= 128; k++ {
		x, y := crypto.S256().ScalarBaseMult(big.NewInt(k).Bytes())
		fmt.Fprintf(&want, "  {%s,\n   %s},\n", words(x), words(y))
	}
	want.WriteString("};\n")
	const name = "secp256k1_table.cuh"
	if *update {
		if err := os.WriteFile(name, []byte(want.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, []byte(want.String())) {
		t.Fatalf("%s differs from what is generated (%v)", name, err)
	}
}
