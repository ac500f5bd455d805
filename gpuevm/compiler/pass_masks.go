package compiler

import "github.com/holiman/uint256"

// masks removes what ABI code does to be safe: masks of what is narrow already, shifts there
// and back, tests of what is a truth anyway.
func masks(f *Func, _ *Options) int {
	a := findBits(f)
	count := 0
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			throughAll(v.Args)
			if f.unmask(a, v) {
				count++
			}
		}
	}
	f.resolve()
	return count
}

func (f *Func) unmask(a *bitsOf, v *Value) bool {
	switch v.Op {
	case 0x16: // AND
		return f.unmaskAnd(a, v)
	case 0x1b, 0x1c: // SHL, SHR
		return f.unshift(v)
	case 0x15: // ISZERO of ISZERO of a truth
		if x := v.Args[0]; x.Op == 0x15 && a.isTruth(x.Args[0]) {
			v.become(x.Args[0])
			return true
		}
	case 0x14: // EQ 1
		if v.Args[0].small() == 1 && a.isTruth(v.Args[1]) {
			v.become(v.Args[1])
			return true
		}
	case 0x11: // GT x 0
		if v.Args[1].small() == 0 && a.isTruth(v.Args[0]) {
			v.become(v.Args[0])
			return true
		}
	case 0x0b: // SIGNEXTEND of what has no sign there
		n := v.Args[0].small()
		if x := a.of(v.Args[1]); n >= 0 && (n > 30 || x.BitLen() < 8*n+8) {
			v.become(v.Args[1])
			return true
		}
	}
	return false
}

func (a *bitsOf) isTruth(v *Value) bool {
	m := a.of(v)
	return m.BitLen() <= 1
}

func (f *Func) unmaskAnd(a *bitsOf, v *Value) bool {
	c, x := v.Args[0], v.Args[1]
	if c.Op != OpConst {
		return false
	}
	may := a.of(x)
	kept := new(uint256.Int).And(&may, c.Const)
	if kept.Eq(&may) {
		v.become(x)
		return true
	}
	if kept.IsZero() {
		v.become(f.number(0))
		return true
	}
	return false
}

// unshift: there and back by one distance is a mask.
func (f *Func) unshift(v *Value) bool {
	n, x := v.Args[0].small(), v.Args[1]
	if n < 0 || n > 255 || (x.Op != 0x1b && x.Op != 0x1c) || x.Args[0].small() < 0 || x.Args[0].small() > 255 {
		return false
	}
	m := x.Args[0].small()
	if x.Op == v.Op {
		if n+m > 255 {
			v.become(f.number(0))
		} else {
			v.Args = []*Value{f.number(uint64(n + m)), x.Args[1]}
		}
		return true
	}
	if n != m {
		return false
	}
	mask := lowBits(256 - n)
	if v.Op == 0x1b {
		mask.Lsh(&mask, uint(n))
	}
	v.Op, v.Args = 0x16, []*Value{f.Const(&mask), x.Args[1]}
	return true
}
