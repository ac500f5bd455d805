package opcode

import "fmt"

// Fact is what is known of an opcode in a revision. An undefined one has no stack and
// costs nothing.
type Fact struct {
	Gas     uint16 // charged before anything else
	Need    uint16 // words that must be on the stack
	Pops    uint16
	Pushes  uint16
	Defined bool
}

// Room is how far below the limit the stack must be.
func (f *Fact) Room() uint16 {
	if f.Pushes > f.Pops {
		return f.Pushes - f.Pops
	}
	return 0
}

// Facts are those of all opcodes in a revision. They are not to be changed.
func Facts(r Revision) *[256]Fact { return &facts[r] }

// Name is the name of an opcode, whether or not a revision has it.
func Name(code byte) string {
	if n := names[code]; n != "" {
		return n
	}
	return fmt.Sprintf("0x%02x", code)
}

// PushSize is the number of bytes of code that belong to an opcode behind it.
func PushSize(code byte) int {
	if code >= 0x60 && code <= 0x7f {
		return int(code) - 0x5f
	}
	return 0
}

var facts, names = makeFacts(append(ops, families()...))

// families are PUSH, DUP, SWAP and LOG.
func families() (all []op) {
	for n := uint8(1); n <= 32; n++ {
		all = append(all, op{code: 0x5f + n, name: fmt.Sprintf("PUSH%d", n), push: 1, gas: fastest})
	}
	for n := uint8(1); n <= 16; n++ {
		all = append(all,
			op{code: 0x7f + n, name: fmt.Sprintf("DUP%d", n), needs: n, push: 1, gas: fastest},
			op{code: 0x8f + n, name: fmt.Sprintf("SWAP%d", n), needs: n + 1, gas: fastest})
	}
	for n := uint8(0); n <= 4; n++ {
		all = append(all, op{code: 0xa0 + n, name: fmt.Sprintf("LOG%d", n), pops: 2 + n})
	}
	return all
}

func makeFacts(all []op) (facts [Revisions][256]Fact, names [256]string) {
	for _, o := range all {
		names[o.code] = o.name
		for r := o.since; r < Revisions; r++ {
			facts[r][o.code] = Fact{
				Gas: o.gas, Need: uint16(max(o.needs, o.pops)), Pops: uint16(o.pops), Pushes: uint16(o.push), Defined: true,
			}
		}
	}
	for _, p := range reprices {
		for _, code := range []byte(p.codes) {
			for r := p.from; r < Revisions; r++ {
				facts[r][code].Gas = p.gas
			}
		}
	}
	names[0xfe] = "INVALID"
	return facts, names
}
