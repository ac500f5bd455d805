package compiler

import "github.com/gpuevm/gpuevm/gpuevm/opcode"

// constantCharges makes constants of what is charged: a section that can't be paid in full is run by
// the interpreter, so its check may include whatever is certain to be charged. It follows
// how large memory is at least: growing to less than that costs nothing.
func constantCharges(f *Func, _ *Options) int {
	c := &charging{f: f, bits: findBits(f), least: make([]int, len(f.Blocks))}
	for _, b := range f.Blocks {
		c.block(b)
	}
	f.resolve()
	return c.count
}

type charging struct {
	f     *Func
	bits  *bitsOf
	least []int // size of memory at the end of blocks, by number; 0 of those not seen yet
	owed  bill  // of the block under way
	count int
}

// before is how large memory is at least when a block begins. It never shrinks.
func (c *charging) before(b *Block) int {
	if b.idom != nil {
		return c.least[b.idom.number]
	}
	if b.number == 0 || len(b.Preds) == 0 {
		return 0
	}
	least := int(^uint(0) >> 1)
	for _, e := range b.Preds {
		least = min(least, c.least[e.From.number])
	}
	return least
}

func (c *charging) block(b *Block) {
	least := c.before(b)
	exact := b.number == 0 && len(b.Preds) == 0
	c.owed = bill{}
	reached := map[offset]int{} // bases beyond which memory reaches, and how far
	for _, v := range b.Values {
		throughAll(v.Args)
		switch v.Op {
		case OpCharge:
			if a := v.Args[0]; a.Op == OpConst {
				c.take(v, v.Fixed+v.Byte*uint64(a.Const.ByteLen()))
				v.vanish()
			}
		case OpTouch:
			least = c.touch(v, least, exact, reached)
			exact = exact && (v.Op == OpCopy || v.Op == OpGrow)
		}
	}
	b.settle(c.owed)
	c.least[b.number] = least
}

// take makes the section pay.
func (c *charging) take(v *Value, cost uint64) {
	c.count++
	if cost > 0 {
		c.owed[v] += cost
	}
}

// most is beyond what any frame can pay for: constants above are left to run time.
const most = 1 << 24

func (c *charging) touch(v *Value, least int, exact bool, reached map[offset]int) int {
	n := v.Args[1].small()
	if n < 0 || n > most {
		return least
	}
	if cost := v.Fixed + uint64((n+31)/32)*v.Word + uint64(n)*v.Byte; cost > 0 {
		c.take(v, cost)
		v.Fixed, v.Word, v.Byte = 0, 0, 0
	}
	if n == 0 {
		v.vanish()
		return least
	}
	at := v.Args[0].small()
	if len(v.Args) == 3 {
		if at < 0 || v.Args[2].small() < 0 {
			return least
		}
		if at = max(at, v.Args[2].small()); at > most {
			return least // what follows looks at one place
		}
	}
	if at < 0 || at > most {
		if far := c.bits.of(v.Args[0]); far.IsUint64() && far.Uint64() < most && int(far.Uint64())+n <= least {
			c.count++
			v.vanish() // wherever it is, memory is there
			return least
		}
		c.again(v, n, reached)
		return least
	}
	end := (at + n + 31) / 32 * 32
	if end <= least {
		c.count++
		v.vanish()
		return least
	}
	if exact {
		c.take(v, memoryPrice(end)-memoryPrice(least))
		v.Op, v.Exit, v.Rest = OpGrow, nil, 0
		v.Args = []*Value{c.f.number(uint64(at)), c.f.number(uint64(n))}
		v.State[Mem], v.State[World] = nil, nil
	}
	return end
}

// again drops a touch of what was touched in this block before, relative to the same base.
func (c *charging) again(v *Value, n int, reached map[offset]int) {
	o := offsetOf(v.Args[0])
	add := int64(0)
	if !o.add.IsUint64() || o.add.Uint64() > most {
		o = offset{base: v.Args[0]}
	} else {
		add = int64(o.add.Uint64())
	}
	end := int(add) + n
	o.add.Clear()
	if before, ok := reached[o]; ok && end <= before {
		c.count++
		v.vanish()
		return
	}
	if add == 0 { // else base + add may have wrapped: nothing is said of lower offsets
		reached[o] = end
	}
}

func memoryPrice(size int) uint64 {
	words := uint64(size) / 32
	return words*3 + words*words/512
}

// exits drops exits that no one would take. Where what is left of a section can't end in
// another way than for lack of gas, who can't pay may as well end at once, the section's own
// check included. Sections that
// cost nothing go.
func exits(f *Func, _ *Options) int {
	count := 0
	for _, b := range f.Blocks {
		other := endsOtherwise(b)
		for i := len(b.Values) - 1; i >= 0; i-- {
			v := b.Values[i]
			if v.Exit != nil && !other {
				v.Exit, v.Rest = nil, 0
				v.readOnly(f.Revision)
				count++
			}
			other = v.Op != OpSection && (other || mayEnd(v))
			if v.Op == OpSection && v.Fixed == 0 {
				v.vanish()
				count++
			}
		}
	}
	f.resolve()
	return count
}

// readOnly lets go of the states that only the exit needed.
func (v *Value) readOnly(r opcode.Revision) {
	reads := effectOf(v.Op, r).reads
	for s := range States {
		if !reads.Has(s) {
			v.State[s] = nil
		}
	}
}

// endsOtherwise: the end of a block may end the frame, and not for lack of gas.
func endsOtherwise(b *Block) bool {
	switch b.Kind {
	case KindUndefined, KindBadJump, KindCall, KindSelfDestruct:
		return true
	case KindJump:
		return b.Exit != nil
	}
	return false
}

// mayEnd: a value may end the frame, and not for lack of gas.
func mayEnd(v *Value) bool {
	switch v.Op {
	case OpTouch: // offsets beyond counting
		n, at := v.Args[1].small(), v.Args[0].small()
		return n < 0 || at < 0 || len(v.Args) == 3
	case 0x3e, 0x55, 0x5d, 0xa0, 0xa1, 0xa2, 0xa3, 0xa4:
		return true
	}
	return false
}
