package compiler

import "github.com/holiman/uint256"

// fold computes what is constant, and uses the laws that make an operation another, cheaper
// one. Sums end up as one base and one constant, which is how memory and loads compare
// offsets and slots.
func fold(f *Func, _ *Options) int {
	count := 0
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			throughAll(v.Args)
			// A law may make room for the next.
			for range 8 {
				if v.Op == OpCopy || !f.foldValue(v) {
					break
				}
				count++
			}
		}
	}
	f.resolve()
	return count
}

// foldValue reports whether it changed v.
func (f *Func) foldValue(v *Value) bool {
	if v.Op >= 256 || len(v.Args) == 0 || len(v.Args) > 3 || !isPure(v.Op) {
		return false
	}
	words := make([]*uint256.Int, len(v.Args))
	constants := 0
	for i, a := range v.Args {
		if a.Op == OpConst {
			words[i] = a.Const
			constants++
		}
	}
	if constants == len(words) {
		if z := evaluate(byte(v.Op), words); z != nil {
			v.become(f.Const(z))
			return true
		}
		return false
	}
	switch len(v.Args) {
	case 1:
		return f.foldNot(v)
	case 2:
		return f.foldSame(v) || f.foldRight(v, words[1]) || f.foldLeft(v, words[0])
	}
	return false
}

// foldNot: of ISZERO and NOT.
func (f *Func) foldNot(v *Value) bool {
	a := v.Args[0]
	switch {
	case v.Op == 0x19 && a.Op == 0x19:
		v.become(a.Args[0])
	case v.Op == 0x15 && a.Op == 0x15 && a.Args[0].Op == 0x15: // three are one
		v.become(a.Args[0])
	case v.Op == 0x15 && (a.Op == 0x03 || a.Op == 0x18): // a-b and a^b are 0 where a is b
		v.Op, v.Args = 0x14, []*Value{a.Args[0], a.Args[1]}
	default:
		return false
	}
	return true
}

// foldSame: both operands are one.
func (f *Func) foldSame(v *Value) bool {
	if v.Args[0] != v.Args[1] {
		return false
	}
	switch v.Op {
	case 0x03, 0x18, 0x10, 0x11, 0x12, 0x13, 0x06, 0x07: // SUB XOR LT GT SLT SGT MOD SMOD
		v.become(f.number(0))
	case 0x14: // EQ
		v.become(f.number(1))
	case 0x16, 0x17: // AND OR
		v.become(v.Args[0])
	default:
		return false
	}
	return true
}

// foldRight: the second operand (below the top) may be a constant.
func (f *Func) foldRight(v *Value, c *uint256.Int) bool {
	if c == nil {
		return false
	}
	a := v.Args[0]
	one := c.IsUint64() && c.Uint64() == 1
	power := -1
	if c.BitLen() > 0 && new(uint256.Int).And(c, new(uint256.Int).SubUint64(c, 1)).IsZero() {
		power = c.BitLen() - 1
	}
	switch v.Op {
	case 0x01, 0x02, 0x14, 0x16, 0x17, 0x18: // what commutes has its constant first
		v.Args[0], v.Args[1] = v.Args[1], a
	case 0x03: // a-c is -c+a
		v.Op, v.Args = 0x01, []*Value{f.Const(new(uint256.Int).Neg(c)), a}
	case 0x04, 0x06: // DIV, MOD
		switch {
		case c.IsZero() || (one && v.Op == 0x06):
			v.become(f.number(0))
		case one:
			v.become(a)
		case power < 0:
			return false
		case v.Op == 0x04:
			v.Op, v.Args = 0x1c, []*Value{f.number(uint64(power)), a}
		default:
			v.Op, v.Args = 0x16, []*Value{f.Const(new(uint256.Int).SubUint64(c, 1)), a}
		}
	case 0x05, 0x07: // SDIV, SMOD
		if !c.IsZero() {
			return false
		}
		v.become(f.number(0))
	case 0x0a: // EXP
		switch {
		case c.IsZero():
			v.become(f.number(1))
		case one:
			v.become(a)
		default:
			return false
		}
	case 0x10: // LT
		switch {
		case c.IsZero():
			v.become(f.number(0))
		case one:
			v.Op, v.Args = 0x15, []*Value{a}
		default:
			return false
		}
	case 0x11: // GT 0
		if !c.IsZero() {
			return false
		}
		v.Op, v.Args = 0x10, []*Value{v.Args[1], a}
		return true
	case 0x1a, 0x1b, 0x1c, 0x1d: // of 0
		if !c.IsZero() {
			return false
		}
		v.become(f.number(0))
	default:
		return false
	}
	return true
}

// foldLeft: the first operand (the top) may be a constant.
func (f *Func) foldLeft(v *Value, c *uint256.Int) bool {
	if c == nil {
		return false
	}
	b := v.Args[1]
	all := c.Eq(new(uint256.Int).SetAllOne())
	switch v.Op {
	case 0x01, 0x16, 0x17, 0x18: // ADD AND OR XOR
		switch {
		case c.IsZero() && v.Op == 0x16, all && v.Op == 0x17:
			v.become(v.Args[0])
		case c.IsZero(), all && v.Op == 0x16:
			v.become(b)
		case all && v.Op == 0x18:
			v.Op, v.Args = 0x19, []*Value{b}
		case b.Op == v.Op && b.Args[0].Op == OpConst: // (c op (d op x)) is (c op d) op x
			z := evaluate(byte(v.Op), []*uint256.Int{c, b.Args[0].Const})
			v.Args = []*Value{f.Const(z), b.Args[1]}
		default:
			return false
		}
	case 0x02: // MUL
		power := c.BitLen() - 1
		switch {
		case c.IsZero():
			v.become(v.Args[0])
		case power == 0:
			v.become(b)
		case new(uint256.Int).And(c, new(uint256.Int).SubUint64(c, 1)).IsZero():
			v.Op, v.Args = 0x1b, []*Value{f.number(uint64(power)), b}
		default:
			return false
		}
	case 0x14: // EQ 0
		if !c.IsZero() {
			return false
		}
		v.Op, v.Args = 0x15, []*Value{b}
	case 0x1b, 0x1c, 0x1d: // shifts
		switch {
		case c.IsZero():
			v.become(b)
		case !c.LtUint64(256) && v.Op != 0x1d:
			v.become(f.number(0))
		default:
			return false
		}
	case 0x04, 0x05, 0x06, 0x07: // 0 by anything
		if !c.IsZero() {
			return false
		}
		v.become(v.Args[0])
	default:
		return false
	}
	return true
}
