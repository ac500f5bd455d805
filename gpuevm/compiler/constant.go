package compiler

import "github.com/holiman/uint256"

// evaluate computes an opcode that depends on its operands alone; nil where it is not one.
// The operands are in the order in which they lie on the stack, top first.
func evaluate(op byte, a []*uint256.Int) *uint256.Int {
	z := new(uint256.Int)
	switch len(a) {
	case 1:
		return evaluate1(z, op, a[0])
	case 2:
		return evaluate2(z, op, a[0], a[1])
	case 3:
		switch op {
		case 0x08:
			return z.AddMod(a[0], a[1], a[2])
		case 0x09:
			return z.MulMod(a[0], a[1], a[2])
		}
	}
	return nil
}

func evaluate1(z *uint256.Int, op byte, a *uint256.Int) *uint256.Int {
	switch op {
	case 0x15:
		return truth(z, a.IsZero())
	case 0x19:
		return z.Not(a)
	case 0x1e:
		return z.SetUint64(uint64(256 - a.BitLen()))
	}
	return nil
}

func evaluate2(z *uint256.Int, op byte, a, b *uint256.Int) *uint256.Int {
	switch op {
	case 0x01:
		return z.Add(a, b)
	case 0x02:
		return z.Mul(a, b)
	case 0x03:
		return z.Sub(a, b)
	case 0x04:
		return z.Div(a, b)
	case 0x05:
		return z.SDiv(a, b)
	case 0x06:
		return z.Mod(a, b)
	case 0x07:
		return z.SMod(a, b)
	case 0x0a:
		return z.Exp(a, b)
	case 0x0b:
		return z.ExtendSign(b, a)
	case 0x10:
		return truth(z, a.Lt(b))
	case 0x11:
		return truth(z, a.Gt(b))
	case 0x12:
		return truth(z, a.Slt(b))
	case 0x13:
		return truth(z, a.Sgt(b))
	case 0x14:
		return truth(z, a.Eq(b))
	case 0x16:
		return z.And(a, b)
	case 0x17:
		return z.Or(a, b)
	case 0x18:
		return z.Xor(a, b)
	case 0x1a:
		return z.Set(b).Byte(a)
	case 0x1b, 0x1c, 0x1d:
		return shift(z, op, a, b)
	}
	return nil
}

func shift(z *uint256.Int, op byte, by, v *uint256.Int) *uint256.Int {
	n := uint(256)
	if by.LtUint64(256) {
		n = uint(by.Uint64())
	}
	switch op {
	case 0x1b:
		return z.Lsh(v, n)
	case 0x1c:
		return z.Rsh(v, n)
	}
	return z.SRsh(v, n)
}

func truth(z *uint256.Int, is bool) *uint256.Int {
	if is {
		return z.SetOne()
	}
	return z.Clear()
}
