package kernels_test

import (
	"bytes"
	"fmt"
	"math/big"
	"math/bits"
	"math/rand"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// ptx.cuh is generated here, and the instructions are interpreted here: a machine without a
// GPU then knows that they are right.

// chain writes sums of products into words of 32 bits. Products at even and at odd places
// are summed apart, so that both halves of a product continue the carry of the one below:
// ptxas then makes one instruction (IMAD.WIDE) of the two halves.
type chain struct {
	code []string
	set  map[string]bool // words that hold something; the others are zero
}

func (c *chain) add(format string, args ...any) {
	c.code = append(c.code, fmt.Sprintf(format, args...))
}

func (c *chain) word(name string, i int) string {
	if w := fmt.Sprintf("%s%d", name, i); c.set[w] {
		return w
	}
	return "0"
}

// row adds the products x[j] * y for the factors j, two words apart, to sum from place `at`
// on, and a carry to the word above where one can be.
func (c *chain) row(sum string, at int, x []string, y string, carries bool) {
	fresh := true
	for j := range x {
		fresh = fresh && !c.set[fmt.Sprintf("%s%d", sum, at+2*j)] && !c.set[fmt.Sprintf("%s%d", sum, at+2*j+1)]
	}
	for j, f := range x {
		lo, hi := at+2*j, at+2*j+1
		if fresh { // nothing to add, no carry
			c.add("mul.lo.u32 %s%d, %s, %s;", sum, lo, f, y)
			c.add("mul.hi.u32 %s%d, %s, %s;", sum, hi, f, y)
		} else {
			first, last := "madc", ".cc"
			if j == 0 {
				first = "mad"
			}
			if j == len(x)-1 && !carries {
				last = ""
			}
			c.add("%s.lo.cc.u32 %s%d, %s, %s, %s;", first, sum, lo, f, y, c.word(sum, lo))
			c.add("madc.hi%s.u32 %s%d, %s, %s, %s;", last, sum, hi, f, y, c.word(sum, hi))
		}
		c.set[fmt.Sprintf("%s%d", sum, lo)], c.set[fmt.Sprintf("%s%d", sum, hi)] = true, true
	}
	if carries && !fresh && len(x) > 0 {
		top := at + 2*len(x)
		c.add("addc.u32 %s%d, %s, 0;", sum, top, c.word(sum, top))
		c.set[fmt.Sprintf("%s%d", sum, top)] = true
	}
}

// merge adds other to sum, words from..to; the last carry is lost, being none.
func (c *chain) merge(sum, other string, from, to int) {
	for i := from; i <= to; i++ {
		op := "addc.cc"
		if i == from {
			op = "add.cc"
		} else if i == to {
			op = "addc"
		}
		c.add("%s.u32 %s%d, %s, %s;", op, sum, i, c.word(sum, i), c.word(other, i))
		c.set[fmt.Sprintf("%s%d", sum, i)] = true
	}
}

func words(name string, which ...int) (w []string) {
	for _, i := range which {
		w = append(w, fmt.Sprintf("%s%d", name, i))
	}
	return w
}

func (c *chain) unpack(name string, n, operand int) {
	for i := range n {
		c.add("mov.b64 {%s%d, %s%d}, %%%d;", name, 2*i, name, 2*i+1, operand+i)
		c.set[fmt.Sprintf("%s%d", name, 2*i)], c.set[fmt.Sprintf("%s%d", name, 2*i+1)] = true, true
	}
}

func (c *chain) pack(name string, n, from int) {
	for i := range n {
		c.add("mov.b64 %%%d, {%s, %s};", i, c.word(name, from+2*i), c.word(name, from+2*i+1))
	}
}

// parity is where a product at that place is summed.
func parity(place int) string { return [2]string{"e", "o"}[place&1] }

func ptxMulWide() []string {
	c := chain{set: map[string]bool{}}
	c.unpack("a", 4, 8)
	c.unpack("b", 4, 12)
	for i := range 8 {
		y := fmt.Sprintf("b%d", i)
		c.row(parity(i), i, words("a", 0, 2, 4, 6), y, true)
		c.row(parity(i+1), i+1, words("a", 1, 3, 5, 7), y, false)
	}
	c.merge("e", "o", 1, 15)
	c.pack("e", 8, 0)
	return c.code
}

func ptxSquareWide() []string {
	c := chain{set: map[string]bool{}}
	c.unpack("a", 4, 8)
	for i := range 7 { // products of different words, once
		for _, first := range []int{i + 1, i + 2} {
			var x []int
			for j := first; j < 8; j += 2 {
				x = append(x, j)
			}
			if len(x) > 0 {
				c.row(parity(i+first), i+first, words("a", x...), fmt.Sprintf("a%d", i), x[len(x)-1] == 6)
			}
		}
	}
	c.merge("e", "o", 1, 15)
	c.merge("e", "e", 1, 15)
	for i := range 8 {
		first, last := "madc", ".cc"
		if i == 0 {
			first = "mad"
		}
		if i == 7 {
			last = ""
		}
		c.add("%s.lo.cc.u32 e%d, a%d, a%d, %s;", first, 2*i, i, i, c.word("e", 2*i))
		c.add("madc.hi%s.u32 e%d, a%d, a%d, %s;", last, 2*i+1, i, i, c.word("e", 2*i+1))
		c.set[fmt.Sprintf("e%d", 2*i)], c.set[fmt.Sprintf("e%d", 2*i+1)] = true, true
	}
	c.pack("e", 8, 0)
	return c.code
}

// r = a k + c, five words of 64 bits.
func ptxMulWordAdd() []string {
	c := chain{set: map[string]bool{}}
	c.unpack("a", 4, 5)
	c.unpack("k", 1, 9)
	c.unpack("e", 4, 10)
	for i := range 2 {
		y := fmt.Sprintf("k%d", i)
		c.row(parity(i), i, words("a", 0, 2, 4, 6), y, true)
		c.row(parity(i+1), i+1, words("a", 1, 3, 5, 7), y, false)
	}
	c.merge("e", "o", 1, 9)
	c.pack("e", 5, 0)
	return c.code
}

// r = a (2^32 + k) + c with a k of 32 bits: five words of 64 bits.
func ptxMulShortAdd() []string {
	c := chain{set: map[string]bool{}}
	c.unpack("a", 4, 5)
	c.unpack("e", 4, 10)
	c.row("e", 0, words("a", 0, 2, 4, 6), "%9", true)
	c.row("o", 1, words("a", 1, 3, 5, 7), "%9", false)
	for i := range 8 { // a moved up by a word
		op := "addc.cc"
		if i == 0 {
			op = "add.cc"
		}
		c.add("%s.u32 o%d, o%d, a%d;", op, i+1, i+1, i)
	}
	c.add("addc.u32 o9, 0, 0;")
	c.set["o9"] = true
	c.merge("e", "o", 1, 9)
	c.pack("e", 5, 0)
	return c.code
}

// The sum is complete before an operand is written: the compiler may give an output the
// register of an input.
func ptxAddSub(op string) []string {
	var code []string
	for i := range 4 {
		cc := "c.cc"
		if i == 0 {
			cc = ".cc"
		}
		code = append(code, fmt.Sprintf("%s%s.u64 t%d, %%%d, %%%d;", op, cc, i, 5+i, 9+i))
	}
	code = append(code, fmt.Sprintf("%sc.u64 t4, 0, 0;", op))
	for i := range 5 {
		code = append(code, fmt.Sprintf("mov.u64 %%%d, t%d;", i, i))
	}
	return code
}

// ptxFunction is a function of ptx.cuh.
type ptxFunction struct {
	comment, head, tail string
	code                []string
	out, in             []string // operands, in C++; in: with the constraint
	want                func(in []*big.Int) *big.Int
}

func operands(name string, n int) (o []string) {
	for i := range n {
		o = append(o, fmt.Sprintf("%s[%d]", name, i))
	}
	return o
}

var ptxFunctions = []ptxFunction{
	{"mul_wide is the product of 256-bit numbers.", "FN void mul_wide(u64 r[8], const u64 a[4], const u64 b[4]) {", "",
		ptxMulWide(), operands("r", 8), append(operands("a", 4), operands("b", 4)...),
		func(in []*big.Int) *big.Int { return new(big.Int).Mul(in[0], in[1]) }},
	{"square_wide is a 256-bit number's square.", "FN void square_wide(u64 r[8], const u64 a[4]) {", "",
		ptxSquareWide(), operands("r", 8), operands("a", 4),
		func(in []*big.Int) *big.Int { return new(big.Int).Mul(in[0], in[0]) }},
	{"mul_word_add makes r = a k + c; the fifth word is returned.", "FN u64 mul_word_add(u64 r[4], const u64 a[4], u64 k, const u64 c[4]) {\n  u64 top;", "  return top;\n",
		ptxMulWordAdd(), append(operands("r", 4), "top"), append(append(operands("a", 4), "k"), operands("c", 4)...),
		func(in []*big.Int) *big.Int { return new(big.Int).Add(new(big.Int).Mul(in[0], in[1]), in[2]) }},
	{"mul_short_add makes r = a (2^32 + k) + c; the fifth word is returned.", "FN u64 mul_short_add(u64 r[4], const u64 a[4], u32 k, const u64 c[4]) {\n  u64 top;", "  return top;\n",
		ptxMulShortAdd(), append(operands("r", 4), "top"), append(append(operands("a", 4), "(u32)k"), operands("c", 4)...),
		func(in []*big.Int) *big.Int {
			k := new(big.Int).Add(in[1], big.NewInt(1<<32))
			return k.Mul(k, in[0]).Add(k, in[2])
		}},
	{"add_wide and sub_wide return the carry.", "FN u64 add_wide(u64 r[4], const u64 a[4], const u64 b[4]) {\n  u64 carry;", "  return carry;\n",
		ptxAddSub("add"), append(operands("r", 4), "carry"), append(operands("a", 4), operands("b", 4)...),
		func(in []*big.Int) *big.Int { return new(big.Int).Add(in[0], in[1]) }},
	{"", "FN u64 sub_wide(u64 r[4], const u64 a[4], const u64 b[4]) {\n  u64 borrow;", "  return borrow & 1;\n",
		ptxAddSub("sub"), append(operands("r", 4), "borrow"), append(operands("a", 4), operands("b", 4)...),
		func(in []*big.Int) *big.Int { return new(big.Int).Sub(in[0], in[1]) }},
}

var register = regexp.MustCompile(`\b([a-z])\d+\b`)

func (f *ptxFunction) text() string {
	var b strings.Builder
	if f.comment != "" {
		fmt.Fprintf(&b, "// %s\n", f.comment)
	}
	fmt.Fprintf(&b, "%s\n  asm(\"{\"\n", f.head)
	var names []string
	seen := map[string]bool{}
	for _, line := range f.code {
		for _, m := range register.FindAllStringSubmatch(line, -1) {
			if !seen[m[1]] && m[1] != "u" && m[1] != "b" || m[1] == "b" && !seen["b"] && strings.Contains(line, "{b0") {
				seen[m[1]] = true
				names = append(names, m[1]+"<18>")
			}
		}
	}
	width := 32
	if slices.Contains(names, "t<18>") {
		width = 64
	}
	fmt.Fprintf(&b, "      \".reg .u%d %s;\"\n", width, strings.Join(names, ", "))
	line := "     "
	for _, x := range f.code {
		if len(line)+len(x) > 110 {
			fmt.Fprintf(&b, "%s\n", line)
			line = "     "
		}
		line += " \"" + x + "\""
	}
	fmt.Fprintf(&b, "%s\n      \"}\"\n", line)
	list := func(names []string, constraint string) string {
		var s []string
		for _, n := range names {
			c := constraint
			if strings.HasPrefix(n, "(u32)") {
				c, n = "r", n[5:]
			}
			s = append(s, fmt.Sprintf("%q(%s)", c, n))
		}
		return strings.Join(s, ", ")
	}
	fmt.Fprintf(&b, "      : %s\n      : %s);\n%s}\n\n", list(f.out, "=l"), list(f.in, "l"), f.tail)
	return b.String()
}

func TestPTXIsGenerated(t *testing.T) {
	var want strings.Builder
	want.WriteString("// Generated by go test ./kernels -run TestPTXIsGenerated -update. Do not edit.\n//\n" +
		"// Wide arithmetic in PTX, since C++ has no carry: what the compiler makes of comparisons is\n" +
		"// three times as long. The host's twins are in dialect.cuh.\n#pragma once\n\n")
	for _, f := range ptxFunctions {
		want.WriteString(f.text())
	}
	const name = "ptx.cuh"
	if *update {
		if err := os.WriteFile(name, []byte(want.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, []byte(want.String())) {
		t.Fatalf("%s differs from what is generated (%v)", name, err)
	}
}

// interpret runs PTX on operands of 64 bits.
func interpret(t *testing.T, code []string, operand []uint64) {
	reg := map[string]uint64{}
	var carry uint64
	for _, line := range code {
		op, rest, _ := strings.Cut(strings.TrimSuffix(line, ";"), " ")
		args := strings.Split(rest, ", ")
		if op == "mov.b64" { // {lo, hi}, x or x, {lo, hi}
			var lo, hi string
			if strings.HasPrefix(args[0], "{") {
				lo, hi = args[0][1:], strings.TrimSuffix(args[1], "}")
				x := operand[number10(t, args[2][1:])]
				reg[lo], reg[hi] = x&0xffffffff, x>>32
			} else {
				lo, hi = args[1][1:], strings.TrimSuffix(args[2], "}")
				operand[number10(t, args[0][1:])] = value(t, reg, operand, hi)<<32 | value(t, reg, operand, lo)
			}
			continue
		}
		if op == "mov.u64" {
			operand[number10(t, args[0][1:])] = reg[args[1]]
			continue
		}
		part := strings.Split(op, ".")
		var x []uint64
		for _, a := range args[1:] {
			x = append(x, value(t, reg, operand, a))
		}
		in := uint64(0)
		if strings.HasSuffix(part[0], "c") {
			in = carry
		}
		var r, out uint64
		switch part[0] {
		case "mul", "mad", "madc":
			p := x[0] * x[1]
			if part[1] == "hi" {
				p >>= 32
			}
			p &= 0xffffffff
			if part[0] != "mul" {
				p += x[2] + in
			}
			r, out = p&0xffffffff, p>>32
		case "add", "addc":
			r, out = bits.Add64(x[0], x[1], in)
			if part[len(part)-1] == "u32" {
				r, out = (x[0]+x[1]+in)&0xffffffff, (x[0]+x[1]+in)>>32
			}
		case "sub", "subc":
			r, out = bits.Sub64(x[0], x[1], in)
		default:
			t.Fatalf("what is %s?", line)
		}
		if part[0] == "mul" || !strings.Contains(op, ".cc") {
			if out != 0 && part[0] != "sub" && part[0] != "subc" {
				t.Fatalf("%s loses a carry", line)
			}
		} else {
			carry = out
		}
		reg[args[0]] = r
	}
}

func number10(t *testing.T, s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func value(t *testing.T, reg map[string]uint64, operand []uint64, name string) uint64 {
	if name[0] == '%' {
		return operand[number10(t, name[1:])]
	}
	if x, ok := reg[name]; ok {
		return x
	}
	return uint64(number10(t, name))
}

func TestPTX(t *testing.T) {
	r := rand.New(rand.NewSource(2))
	for _, f := range ptxFunctions {
		for n := range 3000 {
			operand := make([]uint64, len(f.out)+len(f.in))
			var in []*big.Int
			for i, name := range f.in {
				x := r.Uint64()
				switch r.Intn(4) {
				case 0:
					x = 0
				case 1:
					x = ^x >> 63 * ^uint64(0)
				}
				if n == 0 {
					x = ^uint64(0)
				}
				short := strings.HasPrefix(name, "(u32)")
				if short {
					x &= 0xffffffff
				}
				operand[len(f.out)+i] = x
				if i == 0 || !strings.HasSuffix(name, "]") || strings.HasSuffix(name, "[0]") {
					in = append(in, new(big.Int))
				}
				at := uint(0)
				if strings.HasSuffix(name, "]") {
					at = 64 * uint(name[len(name)-2]-'0')
				}
				last := in[len(in)-1]
				last.Or(last, new(big.Int).Lsh(new(big.Int).SetUint64(x), at))
			}
			inputs := append([]uint64{}, operand[len(f.out):]...)
			interpret(t, f.code, operand)
			got := new(big.Int)
			for i := len(f.out) - 1; i >= 0; i-- {
				got.Lsh(got, 64).Or(got, new(big.Int).SetUint64(operand[i]))
			}
			want := f.want(in)
			if want.Sign() < 0 { // as many words as there are
				want.Add(want, new(big.Int).Lsh(big.NewInt(1), uint(64*len(f.out))))
			}
			if got.Cmp(want) != 0 {
				t.Fatalf("%s %x: got %x, want %x", f.head, inputs, got, want)
			}
		}
	}
}
