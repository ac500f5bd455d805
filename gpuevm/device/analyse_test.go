package device

import (
	"math/rand"
	"testing"

	"github.com/gpuevm/gpuevm/gpuevm/opcode"
)

// plainBlock runs from a position to the end of its block, an instruction at a time, and
// says what that takes: the twin of what analyse computes in one pass.
func plainBlock(code []byte, facts *[256]opcode.Fact, pc int) (b codeBlock, last int) {
	height, need, grow := 0, 0, 0
	gas := uint64(0)
	for first := true; pc < len(code); first = false {
		op := code[pc]
		if op == 0x5b && !first {
			break
		}
		f := facts[op]
		if !f.Defined {
			break
		}
		gas += uint64(f.Gas)
		if short := int(f.Need) - height; short > need {
			need = short
		}
		height += int(f.Pushes) - int(f.Pops)
		if height > grow && f.Pushes > f.Pops {
			grow = height
		}
		last = pc
		switch op {
		case 0x00, 0x56, 0xf3, 0xfd, 0xff, 0x57, 0x5a, 0x55, 0xf0, 0xf1, 0xf2, 0xf4, 0xf5, 0xfa:
			return codeBlock{uint32(gas), uint16(need), uint16(grow)}, last
		}
		pc += 1 + opcode.PushSize(op)
	}
	return codeBlock{uint32(gas), uint16(need), uint16(grow)}, last
}

// begins reports where blocks begin, by going over the code byte by byte.
func begins(code []byte, facts *[256]opcode.Fact) map[int]bool {
	at := map[int]bool{0: true}
	live := true
	for pc := 0; pc < len(code); pc += 1 + opcode.PushSize(code[pc]) {
		op := code[pc]
		if op == 0x5b {
			at[pc], live = true, true
		}
		if !facts[op].Defined {
			live = false
		}
		switch op {
		case 0x00, 0x56, 0xf3, 0xfd, 0xff:
			live = false
		case 0x57, 0x5a, 0x55, 0xf0, 0xf1, 0xf2, 0xf4, 0xf5, 0xfa:
			if live {
				at[pc+1] = true
			}
		}
	}
	return at
}

func checkAnalysis(t *testing.T, code []byte, r opcode.Revision) {
	a := analyse(code, r)
	facts := opcode.Facts(r)
	if len(a.marks) != len(code)+1 {
		t.Fatalf("%d marks for %d bytes", len(a.marks), len(code))
	}
	at, seen := begins(code, facts), 0
	for pc, mark := range a.marks {
		if (mark != 0) != at[pc] {
			t.Fatalf("%v %x: mark %d at %d, want one: %t", r, code, mark, pc, at[pc])
		}
		if mark == 0 {
			continue
		}
		seen++
		if int(mark) != seen {
			t.Fatalf("%v %x: block %d at %d is not the next", r, code, mark, pc)
		}
		if want, _ := plainBlock(code, facts, pc); a.blocks[mark-1] != want {
			t.Fatalf("%v %x: block at %d is %+v, want %+v", r, code, pc, a.blocks[mark-1], want)
		}
	}
	if seen != len(a.blocks) {
		t.Fatalf("%v %x: %d blocks, %d marks", r, code, len(a.blocks), seen)
	}
}

// randomCode has all opcodes, those that shape blocks more often.
func randomCode(rnd *rand.Rand) []byte {
	shaping := []byte{0x5b, 0x56, 0x57, 0x60, 0x61, 0x7f, 0x5a, 0xf1, 0x00, 0xfe, 0x50, 0x80, 0x90, 0x55}
	code := make([]byte, rnd.Intn(120))
	for i := range code {
		if code[i] = byte(rnd.Intn(256)); rnd.Intn(2) == 0 {
			code[i] = shaping[rnd.Intn(len(shaping))]
		}
	}
	return code
}

func TestAnalyse(t *testing.T) {
	rnd := rand.New(rand.NewSource(1))
	for range 20_000 {
		checkAnalysis(t, randomCode(rnd), opcode.Revision(rnd.Intn(opcode.Revisions)))
	}
}

func FuzzAnalyse(f *testing.F) {
	f.Add([]byte{0x60, 0x5b, 0x5b, 0x56, 0x01}, uint8(opcode.Osaka))
	f.Fuzz(func(t *testing.T, code []byte, r uint8) {
		if len(code) < 1<<16 {
			checkAnalysis(t, code, opcode.Revision(r%opcode.Revisions))
		}
	})
}

func TestAnalyseTooManyBlocks(t *testing.T) {
	code := make([]byte, maxBlocks)
	for i := range code {
		code[i] = 0x5b
	}
	if a := analyse(code, opcode.Osaka); a.marks == nil || len(a.blocks) != maxBlocks {
		t.Errorf("%d blocks must fit", maxBlocks)
	}
	if a := analyse(append(code, 0x5b), opcode.Osaka); a.marks != nil {
		t.Errorf("%d blocks can't fit", maxBlocks+1)
	}
}

func BenchmarkAnalyse(b *testing.B) {
	rnd := rand.New(rand.NewSource(1))
	var code []byte
	for len(code) < 24_000 {
		code = append(code, randomCode(rnd)...)
	}
	b.SetBytes(int64(len(code)))
	for b.Loop() {
		analyse(code, opcode.Osaka)
	}
}
