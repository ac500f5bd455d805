package compiler

import (
	"github.com/gpuevm/gpuevm/gpuevm/opcode"
	"github.com/holiman/uint256"
)

// inst is an instruction.
type inst struct {
	pc int32
	op byte
}

// section is a run of instructions whose static gas and stack are checked at its beginning:
// what kernels/interpreter.cuh calls a block. Heights are relative to that at its beginning.
type section struct {
	gas        uint64
	need, grow int
	end        int32 // the instruction behind it
}

// program is a decoded code. Instructions are numbered; a number means an instruction here
// and everywhere below, a position in the code is a pc. Behind the last one stands a STOP.
type program struct {
	code     []byte
	revision opcode.Revision
	facts    *[256]opcode.Fact
	insts    []inst
	at       []int32         // by pc: the number of the JUMPDEST there, or -1
	sections map[int32]int32 // by first instruction: index of section
	parts    []section
}

const (
	stop         = 0x00
	jump         = 0x56
	jumpi        = 0x57
	jumpdest     = 0x5b
	push0        = 0x5f
	push32       = 0x7f
	dup1         = 0x80
	swap1        = 0x90
	log0         = 0xa0
	selfdestruct = 0xff
)

// isEnd: behind it nothing runs unless it is jumped to. isCall: another frame runs before
// what is behind it. splits: a section ends there (gpuevm/device has the same list).
func isEnd(op byte) bool {
	return op == stop || op == jump || op == 0xf3 || op == 0xfd || op == selfdestruct
}

func isCall(op byte) bool {
	switch op {
	case 0xf0, 0xf1, 0xf2, 0xf4, 0xf5, 0xfa:
		return true
	}
	return false
}

func splits(op byte) bool { return op == jumpi || op == 0x5a || op == 0x55 || isCall(op) }

func decode(code []byte, r opcode.Revision) *program {
	p := &program{code: code, revision: r, facts: opcode.Facts(r), at: make([]int32, len(code)), sections: map[int32]int32{}}
	for i := range p.at {
		p.at[i] = -1
	}
	for pc := 0; pc < len(code); pc++ {
		op := code[pc]
		if op == jumpdest {
			p.at[pc] = int32(len(p.insts))
		}
		p.insts = append(p.insts, inst{int32(pc), op})
		pc += opcode.PushSize(op)
	}
	p.insts = append(p.insts, inst{int32(len(code)), stop})
	p.cut()
	return p
}

// cut finds the sections. One may begin behind each instruction that splits and at each
// JUMPDEST; whether anything runs there is not asked.
func (p *program) cut() {
	for i := int32(0); i < int32(len(p.insts)); {
		s := p.measure(i)
		p.sections[i] = int32(len(p.parts))
		p.parts = append(p.parts, s)
		i = s.end
		for ended := p.endsHere(i - 1); ended && i < int32(len(p.insts)) && p.insts[i].op != jumpdest; {
			i++
		}
	}
}

// endsHere: nothing falls through from this instruction.
func (p *program) endsHere(i int32) bool {
	op := p.insts[i].op
	return isEnd(op) || !p.facts[op].Defined
}

func (p *program) measure(from int32) section {
	var s section
	height := 0
	i := from
	for ; i < int32(len(p.insts)); i++ {
		op := p.insts[i].op
		if op == jumpdest && i > from {
			break
		}
		f := &p.facts[op]
		if f.Defined {
			s.gas += uint64(f.Gas)
			s.need = max(s.need, int(f.Need)-height)
			s.grow = max(s.grow, height+int(f.Room()))
			height += int(f.Pushes) - int(f.Pops)
		}
		if !f.Defined || isEnd(op) || splits(op) {
			i++
			break
		}
	}
	s.end = i
	return s
}

func (p *program) sectionAt(i int32) *section { return &p.parts[p.sections[i]] }

// fits reports whether a section can run at a height.
func (s *section) fits(height int) bool { return height >= s.need && height+s.grow <= stackLimit }

const stackLimit = 1024

// rest is the static gas of a section behind an instruction of it.
func (p *program) rest(i, end int32) uint64 {
	sum := uint64(0)
	for i++; i < end; i++ {
		sum += uint64(p.facts[p.insts[i].op].Gas)
	}
	return sum
}

// pushed is the word of a PUSH; where the code ends before it, zeros follow.
func (p *program) pushed(i int32) *uint256.Int {
	n := opcode.PushSize(p.insts[i].op)
	from := min(int(p.insts[i].pc)+1, len(p.code))
	var word [32]byte
	copy(word[:n], p.code[from:min(from+n, len(p.code))])
	return new(uint256.Int).SetBytes(word[:n])
}

// target is the JUMPDEST that a word names, or -1.
func (p *program) target(to *uint256.Int) int32 {
	if !to.IsUint64() || to.Uint64() >= uint64(len(p.at)) {
		return -1
	}
	return p.at[to.Uint64()]
}

// endsBlock: the instruction ends a basic block. What only splits sections does not.
func (p *program) endsBlock(i int32) bool {
	op := p.insts[i].op
	return p.endsHere(i) || op == jumpi || isCall(op)
}
