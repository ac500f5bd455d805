package kernels_test

import (
	"encoding/binary"
	"math/rand"
	"testing"

	"github.com/gpuevm/gpuevm/gpuevm/cuda"
	"github.com/holiman/uint256"
)

// An operation of test_u256.cu takes up to three numbers, in the order in which the EVM pops
// them, and makes one, or a flag. (It takes and makes values: there is nothing to alias.)
type operation struct {
	name  string
	arity int
	want  func(z, x, y, m *uint256.Int) uint64
}

// operations has the order of enum Operation.
var operations = []operation{
	{"add", 2, func(z, x, y, _ *uint256.Int) uint64 { z.Add(x, y); return 0 }},
	{"sub", 2, func(z, x, y, _ *uint256.Int) uint64 { z.Sub(x, y); return 0 }},
	{"mul", 2, func(z, x, y, _ *uint256.Int) uint64 { z.Mul(x, y); return 0 }},
	{"divide", 2, func(z, x, y, _ *uint256.Int) uint64 { z.Div(x, y); return 0 }},
	{"modulo", 2, func(z, x, y, _ *uint256.Int) uint64 { z.Mod(x, y); return 0 }},
	{"signed_divide", 2, func(z, x, y, _ *uint256.Int) uint64 { z.SDiv(x, y); return 0 }},
	{"signed_modulo", 2, func(z, x, y, _ *uint256.Int) uint64 { z.SMod(x, y); return 0 }},
	{"add_mod", 3, func(z, x, y, m *uint256.Int) uint64 { z.AddMod(x, y, m); return 0 }},
	{"mul_mod", 3, func(z, x, y, m *uint256.Int) uint64 { z.MulMod(x, y, m); return 0 }},
	{"power", 2, func(z, x, y, _ *uint256.Int) uint64 { z.Exp(x, y); return 0 }},
	{"sign_extend", 2, func(z, x, y, _ *uint256.Int) uint64 { z.ExtendSign(y, x); return 0 }},
	{"less", 2, func(_, x, y, _ *uint256.Int) uint64 { return bit(x.Lt(y)) }},
	{"signed_less", 2, func(_, x, y, _ *uint256.Int) uint64 { return bit(x.Slt(y)) }},
	{"equal", 2, func(_, x, y, _ *uint256.Int) uint64 { return bit(x.Eq(y)) }},
	{"is_zero", 1, func(_, x, _, _ *uint256.Int) uint64 { return bit(x.IsZero()) }},
	{"bit_and", 2, func(z, x, y, _ *uint256.Int) uint64 { z.And(x, y); return 0 }},
	{"bit_or", 2, func(z, x, y, _ *uint256.Int) uint64 { z.Or(x, y); return 0 }},
	{"bit_xor", 2, func(z, x, y, _ *uint256.Int) uint64 { z.Xor(x, y); return 0 }},
	{"bit_not", 1, func(z, x, _, _ *uint256.Int) uint64 { z.Not(x); return 0 }},
	{"byte_at", 2, func(z, x, y, _ *uint256.Int) uint64 { z.Set(y).Byte(x); return 0 }},
	{"shift_left", 2, func(z, x, y, _ *uint256.Int) uint64 { z.Lsh(y, shiftOf(x)); return 0 }},
	{"shift_right", 2, func(z, x, y, _ *uint256.Int) uint64 { z.Rsh(y, shiftOf(x)); return 0 }},
	{"shift_right_signed", 2, func(z, x, y, _ *uint256.Int) uint64 { z.SRsh(y, shiftOf(x)); return 0 }},
	{"count_leading_zeros", 1, func(z, x, _, _ *uint256.Int) uint64 { z.SetUint64(uint64(256 - x.BitLen())); return 0 }},
	{"add_overflow", 2, func(z, x, y, _ *uint256.Int) uint64 { _, over := z.AddOverflow(x, y); return bit(over) }},
	{"sub_underflow", 2, func(z, x, y, _ *uint256.Int) uint64 { _, under := z.SubOverflow(x, y); return bit(under) }},
	{"mul_overflow", 2, func(z, x, y, _ *uint256.Int) uint64 { _, over := z.MulOverflow(x, y); return bit(over) }},
	{"bit_length", 1, func(_, x, _, _ *uint256.Int) uint64 { return uint64(x.BitLen()) }},
	{"byte_length", 1, func(_, x, _, _ *uint256.Int) uint64 { return uint64(x.ByteLen()) }},
	{"fits64", 1, func(_, x, _, _ *uint256.Int) uint64 { return bit(x.IsUint64()) }},
	{"u256_from", 1, func(z, x, _, _ *uint256.Int) uint64 { z.SetUint64(x.Uint64()); return 0 }},
	{"load_be", 2, func(z, x, y, _ *uint256.Int) uint64 { z.SetBytes32(memory(x, y)[y.Uint64()%32:]); return 0 }},
	{"store_be", 2, func(z, x, _, _ *uint256.Int) uint64 { b := x.Bytes32(); setMemory(z, b[:]); return 0 }},
	{"load_be_n", 2, func(z, x, y, _ *uint256.Int) uint64 { z.SetBytes(memory(x, y)[:y.Uint64()%33]); return 0 }},
	{"u256_from_address", 2, func(z, x, y, _ *uint256.Int) uint64 { z.SetBytes20(memory(x, y)[y.Uint64()%12:]); return 0 }},
	{"address_from", 1, func(z, x, _, _ *uint256.Int) uint64 {
		a := x.Bytes20()
		setMemory(z, append(make([]byte, 4), append(a[:], make([]byte, 8)...)...))
		return 0
	}},
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

func shiftOf(x *uint256.Int) uint {
	if x.GtUint64(256) {
		return 256
	}
	return uint(x.Uint64())
}

// memory is how numbers lie one behind the other in a device's memory.
func memory(numbers ...*uint256.Int) (b []byte) {
	for _, x := range numbers {
		for _, limb := range x {
			b = binary.LittleEndian.AppendUint64(b, limb)
		}
	}
	return b
}

func setMemory(z *uint256.Int, b []byte) {
	for i := range z {
		z[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
}

type triple [3]uint256.Int

// checkOperation compares the device with holiman/uint256.
func checkOperation(t *testing.T, dev cuda.Device, number int, list []triple) {
	t.Helper()
	o := operations[number]
	raw := make([]byte, 0, 96*len(list))
	for i := range list {
		for j := range list[i] {
			for _, limb := range list[i][j] {
				raw = binary.LittleEndian.AppendUint64(raw, limb)
			}
		}
	}
	results := make([]byte, 40*len(list))
	runKernel(t, dev, "test_u256.cu", "test_u256", uint32(len(list)), uint32(number), in(raw), out(results))
	for i := range list {
		x, y, m := list[i][0], list[i][1], list[i][2]
		var got, want uint256.Int
		setMemory(&got, results[40*i:])
		flag, wantFlag := binary.LittleEndian.Uint64(results[40*i+32:]), o.want(&want, &x, &y, &m)
		if got != want || flag != wantFlag {
			t.Fatalf("%s of\n%s,\n%s,\n%s:\ngot  %s, %d\nwant %s, %d", o.name, x.Hex(), y.Hex(), m.Hex(), got.Hex(), flag, want.Hex(), wantFlag)
		}
	}
}

// edges are the numbers at which something changes.
func edges() (list []uint256.Int) {
	var zero, one uint256.Int
	one.SetOne()
	for _, n := range []uint{0, 1, 7, 8, 31, 32, 33, 63, 64, 65, 127, 128, 129, 160, 191, 192, 193, 247, 248, 255} {
		var p, below, above, minus uint256.Int
		p.Lsh(&one, n)
		below.Sub(&p, &one)
		above.Add(&p, &one)
		minus.Sub(&zero, &p)
		list = append(list, p, below, above, minus)
	}
	for _, n := range []uint64{3, 10, 30, 100, 256, 257, 511, 512, 1e9, 1e18, 0xaaaaaaaaaaaaaaaa, 1<<64 - 2} {
		list = append(list, *uint256.NewInt(n))
	}
	return list
}

// anyNumber has any length, or limbs that are extreme. Divisions correct their guess of a
// digit only there.
func anyNumber(r *rand.Rand) (x uint256.Int) {
	extreme := [...]uint64{0, 1, 2, 1<<63 - 1, 1 << 63, 1<<63 + 1, 1<<64 - 2, 1<<64 - 1, 1 << 32, 1<<32 - 1}
	kind := r.Intn(4)
	for i := range x {
		switch {
		case kind == 0 || kind == 1 && r.Intn(2) == 0:
			x[i] = extreme[r.Intn(len(extreme))]
		default:
			x[i] = r.Uint64()
		}
	}
	if kind >= 2 || r.Intn(2) == 0 {
		x.Rsh(&x, uint(r.Intn(256)))
	}
	return x
}

// anyOperands are sometimes near one another's multiples.
func anyOperands(r *rand.Rand) (o triple) {
	for i := range o {
		o[i] = anyNumber(r)
	}
	small := uint256.NewInt(uint64(r.Intn(3)))
	switch r.Intn(8) {
	case 0: // a multiple of y, or nearly
		o[0].Mul(&o[0], &o[1])
		o[0].Sub(&o[0], small)
	case 1: // nearly a multiple: quotients of extreme digits
		if o[1].IsZero() {
			break
		}
		q := new(uint256.Int).Div(new(uint256.Int).SetAllOne(), &o[1])
		q.Sub(q, small)
		o[0].Mul(q, &o[1]).Add(&o[0], &o[1]).Sub(&o[0], uint256.NewInt(1))
	case 2: // equal tops
		o[0][3], o[0][2] = o[1][3], o[1][2]
	case 3: // about the modulus
		o[0].Sub(&o[2], small)
		o[1].Sub(&o[2], uint256.NewInt(1))
	case 4:
		o[2].SetAllOne()
	case 5: // shifts, indexes, exponents
		o[0].SetUint64(uint64(r.Intn(300)))
	case 6:
		o[1].SetUint64(uint64(r.Intn(300)))
	}
	return o
}

func TestU256(t *testing.T) {
	random := 120_000
	if testing.Short() {
		random = 20_000
	}
	eachDevice(t, func(t *testing.T, dev cuda.Device) {
		r := rand.New(rand.NewSource(1))
		e := edges()
		var list []triple
		for _, x := range e {
			for _, y := range e {
				list = append(list, triple{x, y, e[r.Intn(len(e))]})
			}
		}
		for range random {
			list = append(list, anyOperands(r))
		}
		for number := range operations {
			checkOperation(t, dev, number, list)
		}
		// All triples of some edges, for what takes a modulus.
		list = list[:0]
		for i := 0; i < len(e); i += 2 {
			for j := 0; j < len(e); j += 3 {
				for k := range e {
					list = append(list, triple{e[i], e[j], e[k]})
				}
			}
		}
		for number, o := range operations {
			if o.arity == 3 {
				checkOperation(t, dev, number, list)
			}
		}
	})
}

func FuzzU256(f *testing.F) {
	dev, err := cuda.OpenHost()
	if err != nil {
		f.Skip(err)
	}
	f.Cleanup(func() { dev.Close() })
	for number := range operations {
		f.Add(byte(number), memory(uint256.NewInt(7), uint256.NewInt(3), uint256.NewInt(5)))
	}
	f.Fuzz(func(t *testing.T, number byte, raw []byte) {
		var o triple
		raw = append(raw, make([]byte, 96)...)
		for i := range o {
			setMemory(&o[i], raw[32*i:])
		}
		checkOperation(t, dev, int(number)%len(operations), []triple{o})
	})
}

// BenchmarkU256 tells what an operation takes of one lane of the host, on numbers of 256
// bits where the name says nothing else. The kernel itself takes what is_zero takes.
func BenchmarkU256(b *testing.B) {
	full := func(r *rand.Rand) (x uint256.Int) {
		for i := range x {
			x[i] = r.Uint64()
		}
		x[3] |= 1 << 63
		return x
	}
	short := func(bits uint) func(*triple) {
		return func(o *triple) { o[1].Rsh(&o[1], 256-bits) }
	}
	for _, c := range []struct {
		operation, name string
		shape           func(*triple)
	}{
		{"is_zero", "", nil}, {"add", "", nil}, {"mul", "", nil}, {"mul_overflow", "", nil},
		{"divide", "64by64", func(o *triple) { o[0].Rsh(&o[0], 192); o[1].Rsh(&o[1], 210) }},
		{"divide", "by60", short(60)}, {"divide", "by128", short(128)}, {"divide", "by192", short(192)},
		{"divide", "by250", short(250)}, {"modulo", "by128", short(128)}, {"signed_divide", "by128", short(128)},
		{"add_mod", "", nil}, {"mul_mod", "", nil},
		{"mul_mod", "max", func(o *triple) { o[2].SetAllOne() }},
		{"mul_mod", "128", func(o *triple) { o[2].Rsh(&o[2], 128) }},
		{"power", "exponent18", func(o *triple) { o[0].SetUint64(10); o[1].SetUint64(18) }},
		{"power", "exponent256", func(o *triple) { o[0][0] |= 1 }},
		{"shift_left", "", func(o *triple) { o[0].SetUint64(o[0].Uint64() % 256) }},
		{"sign_extend", "", func(o *triple) { o[0].SetUint64(o[0].Uint64() % 31) }},
	} {
		number := 0
		for operations[number].name != c.operation {
			number++
		}
		b.Run(c.operation+c.name, func(b *testing.B) {
			benchmarkKernel(b, "test_u256.cu", "test_u256", uint32(number), func(n int) []buffer {
				r := rand.New(rand.NewSource(1))
				var raw []byte
				for range n {
					o := triple{full(r), full(r), full(r)}
					if c.shape != nil {
						c.shape(&o)
					}
					raw = append(raw, memory(&o[0], &o[1], &o[2])...)
				}
				return []buffer{in(raw), out(make([]byte, 40*n))}
			})
		})
	}
}
