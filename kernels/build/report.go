package main

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// row is what ptxas says of a function for a target. Registers belong to kernels alone: a
// function that is called uses its caller's.
type row struct {
	source, function, target        string
	registers, stack, stores, loads int
}

var (
	properties = regexp.MustCompile(`Function properties for (\S+)`)
	spills     = regexp.MustCompile(`(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads`)
	used       = regexp.MustCompile(`Used (\d+) registers`)
)

// parse reads ptxas -v: of each function its name, then a line of its stack, and, of a
// kernel, one of its registers.
func parse(source, target, said string) (rows []row) {
	for line := range strings.Lines(said) {
		if m := properties.FindStringSubmatch(line); m != nil {
			rows = append(rows, row{source: source, function: plain(m[1]), target: target})
		} else if len(rows) == 0 {
			continue
		} else if m := spills.FindStringSubmatch(line); m != nil {
			last := &rows[len(rows)-1]
			last.stack, last.stores, last.loads = number(m[1]), number(m[2]), number(m[3])
		} else if m := used.FindStringSubmatch(line); m != nil {
			rows[len(rows)-1].registers = number(m[1])
		}
	}
	return rows
}

func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// plain is the name in a mangled one: the last identifier before the argument types.
func plain(name string) string {
	rest, ok := strings.CutPrefix(name, "_Z")
	if !ok {
		return name
	}
	rest = strings.TrimLeft(rest, "NL")
	last := ""
	for {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		n := number(rest[:digits])
		if digits == 0 || n == 0 || digits+n > len(rest) {
			break
		}
		last, rest = rest[digits:digits+n], rest[digits+n:]
	}
	if last == "" {
		return name
	}
	return last
}

// report is a line for each kernel, and for each function that has a stack or spills; what
// is not named keeps everything in registers.
func report(rows []row) string {
	slices.SortStableFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.source, b.source), cmp.Compare(a.target, b.target), cmp.Compare(a.function, b.function))
	})
	var b strings.Builder
	b.WriteString("# What ptxas -v says (`make ptx`): registers of a kernel, bytes of stack and of spills of each\n" +
		"# function. Functions that are not named need neither stack nor spills.\n")
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "source\ttarget\tfunction\tregisters\tstack\tspill stores\tspill loads")
	for _, r := range rows {
		registers := "-"
		if r.registers > 0 {
			registers = strconv.Itoa(r.registers)
		} else if r.stack == 0 && r.stores == 0 && r.loads == 0 {
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%d\n", r.source, r.target, r.function, registers, r.stack, r.stores, r.loads)
	}
	w.Flush()
	return b.String()
}
