package compiler

import "github.com/holiman/uint256"

// bitsOf is which bits of each word may be one, over blocks. From that comes how many limbs
// a word needs (Value.Bits), and which masks do nothing (masks). Loops are met with
// optimism, and given up on where a word keeps growing.
type bitsOf struct {
	f   *Func
	may []uint256.Int // by ID; not yet known: zero
}

const (
	patience = 3  // rounds in which parameters may grow bit by bit
	enough   = 24 // rounds after which all parameters may be anything
)

// bits narrows the values.
func bits(f *Func, _ *Options) int {
	a := findBits(f)
	count := 0
	each := func(v *Value) {
		if n := uint16(a.may[v.ID].BitLen()); v.IsWord() && n < v.Bits {
			v.Bits = n
			count++
		}
	}
	for _, b := range f.Blocks {
		for _, p := range b.Params {
			each(p)
		}
		for _, v := range b.Values {
			each(v)
		}
	}
	return count
}

func findBits(f *Func) *bitsOf {
	a := &bitsOf{f: f, may: make([]uint256.Int, f.lastValue+1)}
	for round, changed := 0, true; changed; round++ {
		changed = round == 0 // what comes back in loops is seen in the next
		for _, b := range f.Blocks {
			for i, p := range b.Params {
				if a.param(b, i, p, round) {
					changed = true
				}
			}
			for _, v := range b.Values {
				if v.IsWord() {
					a.may[v.ID] = a.value(v)
				}
			}
		}
	}
	return a
}

func (a *bitsOf) param(b *Block, i int, p *Value, round int) bool {
	var union uint256.Int
	for _, e := range b.Preds {
		if e.Args[i] == nil {
			union.Or(&union, a.answer(e.From))
			continue
		}
		m := a.of(e.Args[i])
		union.Or(&union, &m)
	}
	old := a.may[p.ID]
	union.Or(&union, &old)
	if round > enough {
		union = lowBits(256)
	}
	if union == old {
		return false
	}
	if round >= patience {
		union = lowBits(256)
	}
	a.may[p.ID] = union
	return true
}

// answer: a call gives a truth, a creation an address.
func (a *bitsOf) answer(b *Block) *uint256.Int {
	n := 1
	if b.Op == 0xf0 || b.Op == 0xf5 {
		n = 160
	}
	m := lowBits(n)
	return &m
}

func (a *bitsOf) of(v *Value) uint256.Int {
	if v.Op == OpConst {
		return *v.Const
	}
	return a.may[v.ID]
}

// lowBits are the n lowest.
func lowBits(n int) (z uint256.Int) {
	z.SetAllOne()
	if n < 256 {
		z.Rsh(&z, uint(256-n))
	}
	return z
}

// factBits are widths of what comes from outside, as kernels/cells.cuh holds it.
func factBits(op Op) int {
	switch op {
	case 0x30, 0x32, 0x33, 0x41: // addresses
		return 160
	case 0x36, 0x3b, 0x3d, 0x59: // sizes
		return 32
	case 0x42, 0x45, 0x5a: // TIMESTAMP, GASLIMIT, GAS
		return 64
	case 0x10, 0x11, 0x12, 0x13, 0x14, 0x15:
		return 1
	case 0x1a:
		return 8
	case 0x1e:
		return 9
	}
	return 256
}

func (a *bitsOf) value(v *Value) uint256.Int {
	if n := factBits(v.Op); n < 256 || len(v.Args) == 0 || v.Op >= 0x20 {
		return lowBits(n)
	}
	x := a.of(v.Args[0])
	if len(v.Args) == 1 {
		return lowBits(256) // NOT
	}
	y := a.of(v.Args[1])
	var z uint256.Int
	switch v.Op {
	case 0x16:
		z.And(&x, &y)
	case 0x17, 0x18:
		z.Or(&x, &y)
	case 0x01:
		z = above(lowBits(min(256, max(x.BitLen(), y.BitLen())+1)), min(lowestBit(&x), lowestBit(&y)))
	case 0x02:
		z = above(lowBits(min(256, x.BitLen()+y.BitLen())), min(255, lowestBit(&x)+lowestBit(&y)))
	case 0x04:
		z = lowBits(x.BitLen())
	case 0x06:
		z = lowBits(min(x.BitLen(), y.BitLen()))
	case 0x08, 0x09:
		m := a.of(v.Args[2])
		z = lowBits(m.BitLen())
	case 0x1b, 0x1c, 0x1d:
		return shifted(v, &y)
	default:
		z = lowBits(256)
	}
	return z
}

func shifted(v *Value, y *uint256.Int) (z uint256.Int) {
	n := v.Args[0].small()
	switch {
	case v.Op == 0x1d && y.BitLen() == 256:
		return lowBits(256)
	case n < 0 && v.Op == 0x1b:
		return lowBits(256)
	case n < 0:
		return lowBits(y.BitLen())
	case n > 255:
		return z
	case v.Op == 0x1b:
		z.Lsh(y, uint(n))
	default:
		z.Rsh(y, uint(n))
	}
	return z
}

// lowestBit is the number of the lowest bit that may be one.
func lowestBit(x *uint256.Int) int {
	for i, w := range x {
		for n := range 64 {
			if w>>n&1 != 0 {
				return 64*i + n
			}
		}
	}
	return 255
}

// above clears the bits below n.
func above(z uint256.Int, n int) uint256.Int {
	z.Rsh(&z, uint(n))
	z.Lsh(&z, uint(n))
	return z
}
