package kernels_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"math/rand"
	"slices"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/gpuevm/gpuevm/gpuevm/cuda"
	"github.com/gpuevm/gpuevm/kernels"
)

// Revisions as in cells.cuh, with go-ethereum's precompiles.
const (
	frontier  = 0
	byzantium = 4
	istanbul  = 7
	berlin    = 8
	cancun    = 12
	prague    = 13
	osaka     = 14
)

func precompiles(revision int) vm.PrecompiledContracts {
	switch {
	case revision >= osaka:
		return vm.PrecompiledContractsOsaka
	case revision >= prague:
		return vm.PrecompiledContractsPrague
	case revision >= cancun:
		return vm.PrecompiledContractsCancun
	case revision >= berlin:
		return vm.PrecompiledContractsBerlin
	case revision >= istanbul:
		return vm.PrecompiledContractsIstanbul
	case revision >= byzantium:
		return vm.PrecompiledContractsByzantium
	}
	return vm.PrecompiledContractsHomestead
}

// call is one call of a precompile.
type call struct {
	revision, number int
	input            []byte
	room, scratch    int // 0: as much as it takes
}

// end is PrecompileEnd.
type end struct {
	Gas                        uint64
	Active, Status, Error, Pad uint32
	Size                       uint64
}

const endSize = 32

// tooMuch is where the test, as any caller, does not pay for the run.
const tooMuch = 1 << 27

// callBuffers are what test_precompiles takes; the answers are outs, scratch and ends.
func callBuffers(list []call) (buffers []buffer, outs, ends []byte) {
	var cases, input []byte
	var room, scratch uint64
	for i := range list {
		c := &list[i]
		if c.room == 0 {
			c.room = 2048
		}
		if c.scratch == 0 {
			c.scratch = 16 << 10
		}
		for len(input)%8 != i%8 { // any alignment
			input = append(input, 0xee)
		}
		cases = binary.LittleEndian.AppendUint32(cases, uint32(c.revision))
		cases = binary.LittleEndian.AppendUint32(cases, uint32(c.number))
		for _, x := range []uint64{uint64(len(input)), uint64(len(c.input)), room, uint64(c.room), scratch, uint64(c.scratch)} {
			cases = binary.LittleEndian.AppendUint64(cases, x)
		}
		input = append(input, c.input...)
		room += uint64(c.room) + 1
		scratch += uint64(c.scratch) + 1
	}
	outs, ends = make([]byte, room), make([]byte, endSize*len(list))
	return []buffer{in(cases), in(append(input, 0)), out(outs), out(make([]byte, scratch)), out(ends)}, outs, ends
}

func runCalls(t *testing.T, dev cuda.Device, list []call) (ends []end, answers [][]byte) {
	t.Helper()
	buffers, outs, raw := callBuffers(list)
	runKernel(t, dev, "test_precompiles.cu", "test_precompiles", uint32(len(list)), 0, buffers...)
	ends = make([]end, len(list))
	if err := binary.Read(bytes.NewReader(raw), binary.LittleEndian, ends); err != nil {
		t.Fatal(err)
	}
	room, scratch := 0, 0
	for i, c := range list {
		answers = append(answers, outs[room:room+int(min(ends[i].Size, uint64(c.room)))])
		room += c.room + 1
		scratch += c.scratch + 1
		if outs[room-1] != 0 || buffers[3].bytes[scratch-1] != 0 {
			t.Errorf("%x(%x) wrote beyond its memory", c.number, c.input)
		}
	}
	return ends, answers
}

// checkCalls compares with go-ethereum.
func checkCalls(t *testing.T, list []call) {
	t.Helper()
	if len(list) == 0 {
		t.Fatal("nothing to check")
	}
	eachDevice(t, func(t *testing.T, dev cuda.Device) {
		ends, outs := runCalls(t, dev, list)
		failed := 0
		for i, c := range list {
			if !checkCall(t, c, ends[i], outs[i]) {
				failed++
			}
			if t.Failed() {
				return
			}
		}
		t.Logf("%d calls, %d of them failing", len(list), failed)
	})
}

// checkCall reports whether the call succeeds.
func checkCall(t *testing.T, c call, e end, out []byte) bool {
	p, ok := precompiles(c.revision)[common.BytesToAddress([]byte{byte(c.number >> 8), byte(c.number)})]
	if ok != (e.Active == 1) {
		t.Errorf("revision %d: %x is active: %v", c.revision, c.number, e.Active)
	}
	if !ok {
		return true
	}
	if want := p.RequiredGas(c.input); e.Gas != want {
		t.Errorf("revision %d, %x(%x): gas %d, want %d", c.revision, c.number, c.input, e.Gas, want)
	}
	if c.number >= 0x0a && c.number <= 0x11 {
		if e.Status != 2 {
			t.Errorf("%x has status %d", c.number, e.Status)
		}
		return true
	}
	if e.Gas > tooMuch {
		return true
	}
	want, err := p.Run(c.input)
	text := ""
	if err != nil {
		text = err.Error()
	}
	if int(e.Error) >= len(kernels.PrecompileErrors) || e.Status > 1 || (e.Status == 1) != (err != nil) {
		t.Errorf("revision %d, %x(%x): status %d, error %d, want %q", c.revision, c.number, c.input, e.Status, e.Error, text)
	} else if got := kernels.PrecompileErrors[e.Error]; got != text || !bytes.Equal(out, want) {
		t.Errorf("revision %d, %x(%x):\ngot  %q %x\nwant %q %x", c.revision, c.number, c.input, got, out, text, want)
	}
	return err == nil
}

func TestPrecompileVectors(t *testing.T) {
	for _, v := range []struct {
		file             string
		revision, number int
	}{
		{"ecRecover", istanbul, 1}, {"modexp", byzantium, 5}, {"modexp_eip2565", berlin, 5}, {"modexp_eip7883", osaka, 5},
		{"bn256Add", istanbul, 6}, {"bn256ScalarMul", istanbul, 7}, {"bn256Pairing", istanbul, 8}, {"blake2F", istanbul, 9},
		{"fail-blake2f", istanbul, 9}, {"pointEvaluation", cancun, 10}, {"p256Verify", osaka, 0x100}, {"blsG1Add", prague, 0x0b},
		{"blsG1MultiExp", prague, 0x0c}, {"blsG1Mul", prague, 0x0c}, {"blsG2Add", prague, 0x0d}, {"blsG2MultiExp", prague, 0x0e},
		{"blsPairing", prague, 0x0f}, {"blsMapG1", prague, 0x10}, {"blsMapG2", prague, 0x11},
	} {
		t.Run(v.file, func(t *testing.T) {
			var vectors []struct{ Input, Expected string }
			if err := json.Unmarshal(vectorFile(t, "precompiles.tar.gz", v.file+".json"), &vectors); err != nil {
				t.Fatal(err)
			}
			var list []call
			for _, x := range vectors {
				in, err := hex.DecodeString(x.Input)
				if err != nil {
					t.Fatal(err)
				}
				for _, revision := range []int{v.revision, osaka} {
					list = append(list, call{revision: revision, number: v.number, input: in},
						call{revision: revision, number: v.number, input: in[:len(in)*2/3]},
						call{revision: revision, number: v.number, input: append(in[:len(in):len(in)], 1)})
				}
			}
			checkCalls(t, list)
		})
	}
}

func TestPrecompilesByRevision(t *testing.T) {
	var list []call
	for revision := frontier; revision <= osaka; revision++ {
		for number := 0; number < 0x20; number++ {
			list = append(list, call{revision: revision, number: number})
		}
		for _, number := range []int{0xff, 0x100, 0x101, 0x105, 0x200, 0x1001} {
			list = append(list, call{revision: revision, number: number, input: make([]byte, 300)})
		}
	}
	checkCalls(t, list)
}

func TestSimplePrecompiles(t *testing.T) {
	r := rand.New(rand.NewSource(3))
	var list []call
	for _, number := range []int{1, 2, 3, 4, 9} {
		for n := range 300 {
			in := make([]byte, n)
			r.Read(in)
			if number == 9 && n > 4 {
				copy(in, []byte{0, 0, 0})
			}
			list = append(list, call{revision: r.Intn(osaka + 1), number: number, input: in})
		}
	}
	for flag := range 5 {
		in := make([]byte, 213)
		r.Read(in)
		copy(in, []byte{0, 0, 1})
		in[212] = byte(flag)
		list = append(list, call{revision: osaka, number: 9, input: in})
	}
	checkCalls(t, list)
}

// ecrecover's own rules: v in 32 bytes, short and long inputs.
func TestEcrecoverInput(t *testing.T) {
	r := rand.New(rand.NewSource(4))
	var vectors []struct{ Input string }
	if err := json.Unmarshal(vectorFile(t, "precompiles.tar.gz", "ecRecover.json"), &vectors); err != nil {
		t.Fatal(err)
	}
	var list []call
	for _, x := range vectors {
		in, _ := hex.DecodeString(x.Input)
		for range 100 {
			c := bytes.Clone(in)
			if len(c) < 128 {
				c = append(c, make([]byte, 128-len(c))...)
			}
			switch r.Intn(4) {
			case 0:
				c[32+r.Intn(32)] = byte(26 + r.Intn(5))
			case 1:
				c[r.Intn(len(c))] ^= 1 << r.Intn(8)
			case 2:
				c = c[:r.Intn(len(c))]
			case 3:
				c = append(c, byte(r.Intn(256)))
			}
			list = append(list, call{revision: osaka, number: 1, input: c})
		}
	}
	checkCalls(t, list)
}

// ---- modexp

func modexpInput(base, exp, mod []byte) []byte {
	var in []byte
	for _, x := range [][]byte{base, exp, mod} {
		in = append(in, common.LeftPadBytes(big.NewInt(int64(len(x))).Bytes(), 32)...)
	}
	return append(append(append(in, base...), exp...), mod...)
}

// number is n random bytes, some of them with long runs of ones or zeros.
func number(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	r.Read(b)
	if n > 0 && r.Intn(3) == 0 {
		from := r.Intn(n)
		fill := byte(-r.Intn(2))
		for i := from; i < min(n, from+1+r.Intn(n)); i++ {
			b[i] = fill
		}
	}
	return b
}

func TestModexp(t *testing.T) {
	r := rand.New(rand.NewSource(5))
	var list []call
	size := func(n int) int { return r.Intn(1 + r.Intn(n)) }
	for i := range 4000 {
		limit := 100
		if i%100 == 0 {
			limit = 600
		}
		base, exp, mod := number(r, size(limit)), number(r, size(limit/3)), number(r, size(limit))
		if len(mod) > 0 {
			switch r.Intn(6) {
			case 0, 1:
				mod[len(mod)-1] |= 1
			case 2:
				clear(mod[len(mod)/2:])
			case 3: // a power of two
				clear(mod)
				mod[r.Intn(len(mod))] = 1 << r.Intn(8)
			}
		}
		in := modexpInput(base, exp, mod)
		switch r.Intn(10) {
		case 0:
			in = in[:r.Intn(len(in)+1)]
		case 1:
			in = append(in, number(r, 40)...)
		case 2: // a header that says anything
			in[r.Intn(96)] = byte(r.Intn(3))
		}
		list = append(list, call{revision: []int{byzantium, istanbul, berlin, osaka}[r.Intn(4)], number: 5, input: in})
	}
	checkCalls(t, payable(list))
}

// payable leaves calls out that go-ethereum itself, or the test, could not pay for.
func payable(list []call) (kept []call) {
	for _, c := range list {
		p := precompiles(c.revision)[common.BytesToAddress([]byte{5})]
		if gas := p.RequiredGas(c.input); gas > 1<<20 && gas < tooMuch {
			continue
		}
		head := common.RightPadBytes(c.input, 96)
		if new(big.Int).SetBytes(head[64:96]).Cmp(big.NewInt(2048)) > 0 && c.revision < osaka {
			continue
		}
		kept = append(kept, c)
	}
	return kept
}

func TestModexpEdges(t *testing.T) {
	var numbers [][]byte
	for _, x := range []string{"", "00", "01", "02", "03", "0000", "0001", "80", "ff", "0100", "ffffffffffffffff", "010000000000000000",
		"8000000000000000", "ffffffffffffffffffffffffffffffff", "80000000000000000000000000000000", "80000000000000000000000000000001",
		"8000000000000000ffffffffffffffff", "ffffffffffffffff0000000000000000", "fffffffffffffffeffffffffffffffffffffffffffffffff",
		"0100000000000000000000000000000000", "7fffffffffffffff8000000000000000ffffffffffffffff"} {
		b, _ := hex.DecodeString(x)
		numbers = append(numbers, b)
	}
	var list []call
	for _, base := range numbers {
		for _, exp := range numbers {
			for _, mod := range numbers {
				list = append(list, call{revision: osaka, number: 5, input: modexpInput(base, exp, mod)})
			}
		}
	}
	// Lengths around every limit, with nothing behind them.
	sizes := []string{"00", "01", "20", "21", "40", "41", "0400", "0401", "ffffffff", "0100000000", "ffffffffffffffff", "010000000000000000", "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff0"}
	for _, a := range sizes {
		for _, b := range sizes {
			for _, c := range sizes {
				var in []byte
				for _, x := range []string{a, b, c} {
					n, _ := hex.DecodeString(x)
					in = append(in, common.LeftPadBytes(n, 32)...)
				}
				for _, revision := range []int{byzantium, berlin, osaka} {
					list = append(list, call{revision: revision, number: 5, input: in}, call{revision: revision, number: 5, input: append(in[:96:96], bytes.Repeat([]byte{0xff}, 100)...)})
				}
			}
		}
	}
	kept := list[:0]
	for _, c := range list { // a byte of zero exponent costs next to nothing, but not go-ethereum
		if new(big.Int).SetBytes(c.input[32:64]).Cmp(big.NewInt(1<<20)) < 0 || c.revision == osaka {
			kept = append(kept, c)
		}
	}
	checkCalls(t, payable(kept))
}

// Too little memory is said, and not overrun.
func TestPrecompileMemory(t *testing.T) {
	in := modexpInput(bytes.Repeat([]byte{7}, 64), bytes.Repeat([]byte{5}, 64), bytes.Repeat([]byte{3}, 64))
	pairs := make([]byte, 2*192)
	list := []call{
		{revision: osaka, number: 5, input: in, room: 63}, {revision: osaka, number: 5, input: in, scratch: 100},
		{revision: osaka, number: 5, input: in, scratch: 8*(8*6+2) + 8}, // without a table
		{revision: osaka, number: 4, input: in, room: 3}, {revision: osaka, number: 2, input: in, room: 1},
		{revision: osaka, number: 8, input: pairs, scratch: 1},
	}
	eachDevice(t, func(t *testing.T, dev cuda.Device) {
		ends, outs := runCalls(t, dev, list)
		for i, want := range []uint32{3, 3, 0, 3, 3, 3} {
			if ends[i].Status != want {
				t.Errorf("%d: status %d, want %d", i, ends[i].Status, want)
			}
		}
		if want, _ := precompiles(osaka)[common.BytesToAddress([]byte{5})].Run(in); !bytes.Equal(outs[2], want) {
			t.Errorf("got %x, want %x", outs[2], want)
		}
	})
}

// ---- P-256

// p256Point is k times the generator: x and y.
func p256Point(t *testing.T, k *big.Int) []byte {
	key, err := ecdh.P256().NewPrivateKey(k.FillBytes(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return key.PublicKey().Bytes()[1:]
}

func TestP256Verify(t *testing.T) {
	r := rand.New(rand.NewSource(6))
	curve := elliptic.P256()
	n, p := curve.Params().N, curve.Params().P
	var list []call
	add := func(in []byte) { list = append(list, call{revision: osaka, number: 0x100, input: bytes.Clone(in)}) }
	for range 300 {
		key, err := ecdsa.GenerateKey(curve, r)
		if err != nil {
			t.Fatal(err)
		}
		in := make([]byte, 160)
		r.Read(in[:32])
		x, s, err := ecdsa.Sign(r, key, in[:32])
		if err != nil {
			t.Fatal(err)
		}
		x.FillBytes(in[32:64])
		s.FillBytes(in[64:96])
		key.X.FillBytes(in[96:128])
		key.Y.FillBytes(in[128:160])
		add(in)
		new(big.Int).Sub(n, s).FillBytes(in[64:96])
		add(in)
		in[r.Intn(160)] ^= 1 << r.Intn(8)
		add(in)
		for _, edge := range []*big.Int{new(big.Int), big.NewInt(1), n, new(big.Int).Sub(n, big.NewInt(1)), p, new(big.Int).Add(n, big.NewInt(1))} {
			c := bytes.Clone(in)
			edge.FillBytes(c[32*r.Intn(5):][:32])
			add(c)
		}
	}
	// The key is the generator, its negative, or small multiples: additions of equal points.
	for k := int64(1); k < 20; k++ {
		for _, k := range []*big.Int{big.NewInt(k), new(big.Int).Sub(n, big.NewInt(k))} {
			in := make([]byte, 160)
			copy(in[96:], p256Point(t, k))
			for e := int64(0); e < 5; e++ {
				for j := int64(1); j < 8; j++ { // R = j G; s = (e + r k) / j
					x := new(big.Int).SetBytes(p256Point(t, big.NewInt(j))[:32])
					x.Mod(x, n)
					s := new(big.Int).Mul(x, k)
					s.Add(s, big.NewInt(e)).Mul(s, new(big.Int).ModInverse(big.NewInt(j), n)).Mod(s, n)
					big.NewInt(e).FillBytes(in[:32])
					x.FillBytes(in[32:64])
					s.FillBytes(in[64:96])
					add(in)
				}
			}
			// u1 G + u2 Q at infinity, or a doubling in the last addition: e = r k, or -r k.
			x := new(big.Int).SetBytes(p256Point(t, big.NewInt(9))[:32])
			x.Mod(x, n)
			e := new(big.Int).Mul(x, k)
			for _, e := range []*big.Int{new(big.Int).Mod(e, n), new(big.Int).Mod(new(big.Int).Neg(e), n)} {
				e.FillBytes(in[:32])
				x.FillBytes(in[32:64])
				big.NewInt(3).FillBytes(in[64:96])
				add(in)
			}
		}
	}
	checkCalls(t, list)
}

// ---- bn254

var bnPrime, bnOrder = bn254.ID.BaseField(), bn254.ID.ScalarField()

func g1Bytes(p *bn254.G1Affine) []byte {
	x, y := p.X.Bytes(), p.Y.Bytes()
	return append(x[:], y[:]...)
}

func g2Bytes(p *bn254.G2Affine) (b []byte) {
	for _, e := range []*fp.Element{&p.X.A1, &p.X.A0, &p.Y.A1, &p.Y.A0} {
		w := e.Bytes()
		b = append(b, w[:]...)
	}
	return b
}

// points are small, large and random multiples of the generators.
func bnPoints(r *rand.Rand) (g1 []bn254.G1Affine, g2 []bn254.G2Affine) {
	_, _, one, two := bn254.Generators()
	for i := range 24 {
		k := big.NewInt(int64(i) - 6)
		if i > 14 {
			k.Rand(r, bnOrder)
		}
		g1 = append(g1, *new(bn254.G1Affine).ScalarMultiplication(&one, k))
		g2 = append(g2, *new(bn254.G2Affine).ScalarMultiplication(&two, k))
	}
	return g1, g2
}

// spoil makes an input wrong somewhere, perhaps.
func spoil(r *rand.Rand, in []byte) []byte {
	in = bytes.Clone(in)
	switch r.Intn(8) {
	case 0:
		in[r.Intn(len(in))] ^= 1 << r.Intn(8)
	case 1: // a coordinate that is not below the prime
		word := in[32*r.Intn(len(in)/32):][:32]
		if x := new(big.Int).Add(new(big.Int).SetBytes(word), bnPrime); x.BitLen() <= 256 {
			x.FillBytes(word)
		}
	case 2:
		return in[:r.Intn(len(in)+1)]
	case 3:
		return append(in, number(r, 1+r.Intn(100))...)
	case 4:
		clear(in[32*r.Intn(len(in)/32):][:32])
	}
	return in
}

func TestBn254AddMul(t *testing.T) {
	r := rand.New(rand.NewSource(7))
	points, _ := bnPoints(r)
	scalars := []*big.Int{new(big.Int), big.NewInt(1), big.NewInt(2), big.NewInt(8), big.NewInt(16), bnOrder, new(big.Int).Sub(bnOrder, big.NewInt(1)),
		new(big.Int).Add(bnOrder, big.NewInt(1)), bnPrime, new(big.Int).Lsh(bnOrder, 1), new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))}
	var list []call
	for _, p := range points {
		for _, q := range points {
			in := append(g1Bytes(&p), g1Bytes(&q)...)
			list = append(list, call{revision: byzantium, number: 6, input: in}, call{revision: osaka, number: 6, input: spoil(r, in)})
		}
		for _, k := range append(scalars, new(big.Int).SetBytes(number(r, 32)), new(big.Int).SetBytes(number(r, 16))) {
			in := append(g1Bytes(&p), k.FillBytes(make([]byte, 32))...)
			list = append(list, call{revision: byzantium, number: 7, input: in}, call{revision: osaka, number: 7, input: spoil(r, in)})
		}
	}
	checkCalls(t, list)
}

func TestBn254Pairing(t *testing.T) {
	r := rand.New(rand.NewSource(8))
	g1, g2 := bnPoints(r)
	_, _, one, two := bn254.Generators()
	var list []call
	for n := range 8 {
		for range 12 {
			// Products that are one: the last pair undoes the others.
			var in []byte
			sum := new(big.Int)
			for range n {
				a, b := new(big.Int).Rand(r, bnOrder), big.NewInt(r.Int63n(3))
				sum.Add(sum, new(big.Int).Mul(a, b))
				in = append(append(in, g1Bytes(new(bn254.G1Affine).ScalarMultiplication(&one, a))...), g2Bytes(new(bn254.G2Affine).ScalarMultiplication(&two, b))...)
			}
			if n > 0 {
				in = append(append(in, g1Bytes(new(bn254.G1Affine).ScalarMultiplication(&one, sum.Neg(sum)))...), g2Bytes(&two)...)
			}
			list = append(list, call{revision: osaka, number: 8, input: in, scratch: 3500 + r.Intn(2000)})
			if n > 0 {
				list = append(list, call{revision: byzantium, number: 8, input: spoil(r, in)})
			}
		}
	}
	for i := range g1 {
		in := append(g1Bytes(&g1[i]), g2Bytes(&g2[r.Intn(len(g2))])...)
		list = append(list, call{revision: osaka, number: 8, input: in})
	}
	// On the twist, but hardly ever in the subgroup.
	outside := 0
	for range 40 {
		var x, y2, right bn254.E2
		x.A0.SetBigInt(new(big.Int).Rand(r, bnPrime))
		x.A1.SetBigInt(new(big.Int).Rand(r, bnPrime))
		y2.Square(&two.Y)
		right.Square(&two.X).Mul(&right, &two.X)
		y2.Sub(&y2, &right) // the curve's constant
		right.Square(&x).Mul(&right, &x).Add(&right, &y2)
		if right.Legendre() != 1 {
			continue
		}
		q := bn254.G2Affine{X: x}
		q.Y.Sqrt(&right)
		outside++
		list = append(list, call{revision: osaka, number: 8, input: append(g1Bytes(&one), g2Bytes(&q)...)})
		list = append(list, call{revision: osaka, number: 8, input: append(make([]byte, 64), g2Bytes(&q)...)})
		q.ClearCofactor(&q)
		list = append(list, call{revision: osaka, number: 8, input: append(g1Bytes(&one), g2Bytes(&q)...)})
	}
	if outside < 10 {
		t.Fatalf("%d points outside the subgroup", outside)
	}
	checkCalls(t, list)
}

// BenchmarkPrecompiles is the time of one call.
func BenchmarkPrecompiles(b *testing.B) {
	_, _, one, two := bn254.Generators()
	three := new(bn254.G1Affine).ScalarMultiplication(&one, big.NewInt(3))
	pair := append(g1Bytes(&one), g2Bytes(&two)...)
	full, base := bytes.Repeat([]byte{0xfd}, 256), bytes.Repeat([]byte{0x9b}, 256)
	even := append(bytes.Repeat([]byte{0xfd}, 255), 0xf0)
	var p256 []struct{ Input string }
	if err := json.Unmarshal(vectorFile(b, "precompiles.tar.gz", "p256Verify.json"), &p256); err != nil {
		b.Fatal(err)
	}
	signature, _ := hex.DecodeString(p256[0].Input)
	scalar := bytes.Repeat([]byte{0xa7}, 32)
	for _, c := range []struct {
		name   string
		number int
		input  []byte
	}{
		{"add", 6, append(g1Bytes(&one), g1Bytes(three)...)}, {"mul", 7, append(g1Bytes(three), scalar...)},
		{"pairing-2", 8, append(bytes.Clone(pair), pair...)}, {"p256verify", 0x100, signature},
		{"modexp-256-e65537", 5, modexpInput(base, []byte{1, 0, 1}, full)}, {"modexp-256-full", 5, modexpInput(base, full, full)},
		{"modexp-256-even", 5, modexpInput(base, full, even)}, {"modexp-32-full", 5, modexpInput(base[:32], full[:32], full[:32])},
	} {
		b.Run(c.name, func(b *testing.B) {
			benchmarkKernel(b, "test_precompiles.cu", "test_precompiles", 0, func(n int) []buffer {
				buffers, _, _ := callBuffers(slices.Repeat([]call{{revision: osaka, number: c.number, input: c.input}}, n))
				return buffers
			})
		})
	}
}
