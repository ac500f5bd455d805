package compiler

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/gpuevm/gpuevm/gpuevm/opcode"
	"github.com/holiman/uint256"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGolden compiles the programs of testdata/*.txt and compares what stands there after
// each pass that changes something: "# program" as the assembler reads it, then "# stage".
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no golden files", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			program, _, _ := strings.Cut(string(text), "\n# build\n")
			code, err := assemble(program)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.TrimRight(program, "\n") + "\n" + stages(t, code)
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(text) {
				t.Errorf("differs from %s (go test -update writes it anew):\n%s", file, got)
			}
		})
	}
}

// stages is the text after each pass that changed it.
func stages(t *testing.T, code []byte) string {
	var out strings.Builder
	before := ""
	f, err := Compile(code, Options{Revision: opcode.Osaka, Check: true, Watch: func(stage string, f *Func) {
		if now := f.String(); now != before {
			fmt.Fprintf(&out, "\n# %s\n%s", stage, now)
			before = now
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	cuda, err := f.Emit("contract", DefaultText)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&out, "\n# cuda\n%s", cuda)
	return out.String()
}

// assemble reads a program: opcodes and numbers separated by space, a number being the
// shortest PUSH of it, :x a JUMPDEST and @x a PUSH2 of its position. ";" begins a comment.
func assemble(text string) ([]byte, error) {
	var code []byte
	labels, uses := map[string]int{}, map[int]string{}
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, ";")
		for _, word := range strings.Fields(line) {
			switch {
			case word[0] == ':':
				labels[word[1:]] = len(code)
				code = append(code, jumpdest)
			case word[0] == '@':
				uses[len(code)+1] = word[1:]
				code = append(code, 0x61, 0, 0)
			case word[0] >= '0' && word[0] <= '9':
				push, err := number256(word)
				if err != nil {
					return nil, err
				}
				code = append(code, push...)
			default:
				op, ok := opcodes[word]
				if !ok {
					return nil, fmt.Errorf("no opcode %q", word)
				}
				code = append(code, op)
			}
		}
	}
	for at, label := range uses {
		to, ok := labels[label]
		if !ok {
			return nil, fmt.Errorf("no label %q", label)
		}
		code[at], code[at+1] = byte(to>>8), byte(to)
	}
	return code, nil
}

func number256(word string) ([]byte, error) {
	v := new(uint256.Int)
	if n, err := strconv.ParseUint(word, 0, 64); err == nil {
		v.SetUint64(n)
	} else if err := v.SetFromHex(word); err != nil {
		return nil, fmt.Errorf("%q: %w", word, err)
	}
	b := v.Bytes()
	return append([]byte{push0 + byte(len(b))}, b...), nil
}

var opcodes = func() map[string]byte {
	names := map[string]byte{}
	for i := range 256 {
		names[opcode.Name(byte(i))] = byte(i)
	}
	return names
}()
