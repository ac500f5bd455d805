package device

import (
	"math"

	"github.com/gpuevm/gpuevm/gpuevm/opcode"
)

// analysis is what the device wants to know of a code before it runs it: where basic blocks
// begin, and what each costs and needs, so that a lane checks gas and stack once a block.
// marks is nil where there are too many blocks.
type analysis struct {
	marks  []uint16 // by position: 1 + number of the block that begins there
	blocks []codeBlock
}

const maxBlocks = math.MaxUint16 - 1

// analyse cuts a code into basic blocks for a revision. A block begins at 0, at every
// JUMPDEST, and behind instructions that ask how much gas is left or that hand control to
// another frame: what has been paid for by then must be just what has run. It ends there,
// and at what stops or jumps.
func analyse(code []byte, r opcode.Revision) analysis {
	facts := opcode.Facts(r)
	a := analysis{marks: make([]uint16, len(code)+1), blocks: make([]codeBlock, 0, len(code)/16+1)}
	var b openBlock
	open := false
	begin := func(at int) {
		if open && at > 0 && b.start == at {
			return // a JUMPDEST where one begins anyway
		}
		if open {
			a.blocks = append(a.blocks, b.close())
		}
		b, open = openBlock{start: at}, true
		if len(a.blocks) < maxBlocks {
			a.marks[at] = uint16(len(a.blocks) + 1)
		}
	}
	begin(0)
	for pc := 0; pc < len(code); pc++ {
		op := code[pc]
		if op == jumpdest && pc > 0 {
			begin(pc)
		}
		next := pc + opcode.PushSize(op)
		if open {
			f := &facts[op]
			if f.Defined {
				b.add(f)
			}
			switch {
			case !f.Defined || ends[op]:
				a.blocks, open = append(a.blocks, b.close()), false
			case splits[op]:
				begin(next + 1)
			}
		}
		pc = next
	}
	if open {
		a.blocks = append(a.blocks, b.close())
	}
	if len(a.blocks) > maxBlocks {
		return analysis{}
	}
	return a
}

const jumpdest = 0x5b

// ends are the instructions behind which nothing runs unless it is jumped to; splits those
// behind which a block begins.
var (
	ends   = [256]bool{0x00: true, 0x56: true, 0xf3: true, 0xfd: true, 0xff: true}
	splits = [256]bool{0x57: true, 0x5a: true, 0x55: true, 0xf0: true, 0xf1: true, 0xf2: true, 0xf4: true, 0xf5: true, 0xfa: true}
)

// openBlock is a basic block under way. Heights are relative to that at its beginning.
type openBlock struct {
	start              int
	gas                uint64
	height, need, grow int
}

func (b *openBlock) add(f *opcode.Fact) {
	b.gas += uint64(f.Gas)
	b.need = max(b.need, int(f.Need)-b.height)
	b.grow = max(b.grow, b.height+int(f.Room()))
	b.height += int(f.Pushes) - int(f.Pops)
}

// close is the block as the device takes it. What does not fit can never be satisfied: a
// stack has 1024 words.
func (b *openBlock) close() codeBlock {
	return codeBlock{
		gas:  uint32(min(b.gas, math.MaxUint32)),
		need: uint16(min(b.need, math.MaxUint16)),
		grow: uint16(min(b.grow, math.MaxUint16)),
	}
}
