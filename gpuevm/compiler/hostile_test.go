package compiler

import (
	"bytes"
	"errors"
	"math/rand"
	"testing"
	"time"

	"github.com/gpuevm/gpuevm/gpuevm/opcode"
)

// hostileCodes are made to take long: many blocks, many edges, deep stacks, parameters that
// multiply.
func hostileCodes() map[string][]byte {
	codes := map[string][]byte{}
	for name, size := range map[string]int{"24k": 24576, "48k": 49152} {
		repeat := func(part ...byte) []byte { return bytes.Repeat(part, size/len(part)+1)[:size] }
		codes["jumpdests "+name] = repeat(jumpdest)
		codes["pushes "+name] = repeat(0x5f)
		codes["stops "+name] = repeat(0x00)
		codes["calls "+name] = repeat(0x5f, 0x5f, 0x5f, 0x5f, 0x5f, 0x5f, 0xfa, 0x50)
		codes["gas "+name] = repeat(0x5a, 0x50)
		codes["jump to gas "+name] = repeat(jumpdest, 0x5a, jump)
		codes["jump if gas to gas "+name] = repeat(jumpdest, 0x5a, 0x5a, jumpi)
		codes["growing "+name] = repeat(jumpdest, 0x5a, 0x5f, 0x35, jumpi)
		codes["dups "+name] = append([]byte{0x5a}, repeat(dup1, 0x01)...)
		codes["stores "+name] = repeat(0x5a, 0x5f, 0x52)
		codes["loads "+name] = repeat(0x5f, 0x54, 0x50)
		codes["unknown loads "+name] = repeat(0x5a, 0x51, 0x50)
		codes["jump back "+name] = repeat(jumpdest, 0x5a, 0x60, 0, jumpi)
		codes["deep sections "+name] = append(repeat(0x5f)[:100], repeat(jumpdest, dup1+15, 0x50)...)
		codes["parameters "+name] = parameters(size)
		codes["every label pushed "+name] = labels(size)
	}
	return codes
}

// parameters: each block may be skipped, and each changes one of 16 words.
func parameters(size int) []byte {
	code := bytes.Repeat([]byte{0x5a}, 16)
	for i := 0; len(code)+16 < size; i++ {
		to := len(code) + 9
		code = append(code, 0x5f, 0x35, 0x61, byte(to>>8), byte(to), jumpi, swap1+byte(i%15), 0x5a, 0x01, jumpdest)
	}
	return code
}

// labels: the addresses of all blocks are on the stack, and one of them is jumped to.
func labels(size int) []byte {
	var code []byte
	for i := 0; len(code)+8 < size; i++ {
		to := (i * 977 * 7) % (size - 8) / 7 * 7
		code = append(code, jumpdest, 0x61, byte(to>>8), byte(to), dup1, jump, 0x50)
	}
	return code
}

// hostileTime is far more than any takes here; the limits count steps, so a slow machine
// refuses the same codes.
const hostileTime = 20 * time.Second

func TestHostile(t *testing.T) {
	for name, code := range hostileCodes() {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			f, err := Compile(code, Options{Revision: opcode.Osaka})
			var refused *Ineligible
			switch {
			case errors.As(err, &refused):
				t.Log(err)
			case err != nil:
				t.Fatal(err)
			default:
				t.Logf("%v: %d blocks, %d values", time.Since(start), len(f.Blocks), f.count())
				f.MeasureILP()
				if text, err := f.Emit("contract", DefaultText); errors.As(err, &refused) {
					t.Log(err)
				} else if err != nil || len(text) > 2*DefaultText {
					t.Errorf("%d bytes of text, %v", len(text), err)
				}
			}
			if took := time.Since(start); took > hostileTime {
				t.Errorf("took %v", took)
			}
		})
	}
}

// TestNoise: bytes that nobody wrote.
func TestNoise(t *testing.T) {
	for seed := range rounds(300) {
		rnd := rand.New(rand.NewSource(int64(seed)))
		code := make([]byte, rnd.Intn(300))
		rnd.Read(code)
		for i := range code {
			if rnd.Intn(3) == 0 {
				code[i] = []byte{jumpdest, jump, jumpi, 0x60, 0x5f, 0x52, 0x51, 0x54, 0x35, dup1, swap1, 0x16}[rnd.Intn(12)]
			}
		}
		prove(t, code, Parallel, randomTrials(rnd, code, 2))
	}
}

func FuzzCompile(f *testing.F) {
	for _, text := range []string{planted, "0 CALLDATALOAD JUMP :x STOP", ":a @a JUMP"} {
		code, err := assemble(text)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(code, []byte{1, 2, 3}, uint32(100_000))
	}
	f.Fuzz(func(t *testing.T, code, input []byte, gas uint32) {
		if len(code) > 2000 {
			return
		}
		prove(t, code, Parallel, []*trial{{code: code, input: input, gas: uint64(1 + gas%1_000_000)}})
	})
}
