package ilp

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/gpuevm/compiler"
)

// row is a way to run the code, in the order in which all tables and plots have them.
type row struct {
	name, short string
	form        func(*compiler.Measures) *compiler.Form
	time        func(*compiler.Form) int
}

func work(f *compiler.Form) int { return f.Work }
func span(f *compiler.Form) int { return f.Span }

func rows(registers int) []row {
	stack := func(m *compiler.Measures) *compiler.Form { return &m.Stack }
	ssa := func(m *compiler.Measures) *compiler.Form { return &m.SSA }
	return []row{
		{"stack form, one after another", "stack, serial", stack, work},
		{"stack form, as soon as can be", "stack", stack, span},
		{"SSA, one after another", "SSA, serial", ssa, work},
		{"SSA, as soon as can be", "SSA", ssa, span},
		{fmt.Sprintf("SSA, a thread with %d words, scheduled", registers), fmt.Sprintf("SSA, %d words", registers),
			func(m *compiler.Measures) *compiler.Form { return &m.Budget }, span},
		{"the same in program order", "program order", func(m *compiler.Measures) *compiler.Form { return &m.Program }, span},
	}
}

// Print writes the report for people. most is how many codes it lists.
func (r *Report) Print(w io.Writer, most int) error {
	m := &r.Whole
	fmt.Fprintf(w, "%s, %s ineligible", r.CodesText(), count(r.ineligible()))
	if r.Executed != nil {
		m = &r.Executed.Measures
		fmt.Fprintf(w, "; %s blocks, %s transactions that run code, %s frames, %s instructions executed",
			count(len(r.Blocks)), count(r.Executed.Txs), count(r.Executed.Frames), count(int(r.Executed.Steps)))
	} else {
		fmt.Fprint(w, "; each basic block once")
	}
	fmt.Fprint(w, "\n\n")
	if r.Incomplete != "" {
		fmt.Fprintf(w, "INCOMPLETE: %s\n\n", r.Incomplete)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\toperations\tcycles\tILP\tof the first\t")
	for _, row := range rows(r.Registers) {
		f := row.form(m)
		cycles := row.time(f)
		fmt.Fprintf(t, "%s\t%s\t%s\t%.2f\t%.2fx\t\n", row.name, count(f.Ops), count(cycles), ratio(f.Work, cycles), ratio(m.Stack.Work, cycles))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nwhere the critical path of SSA goes: %s\n", pathText(m, 0.005))
	if m.Left.Ops > 0 {
		fmt.Fprintf(w, "left to the interpreter: %.1f%% of the operations, in every row as the stack form has them\n", 100*ratio(m.Left.Ops, m.Stack.Ops))
	}
	r.printSpreads(w)
	return r.printCodes(w, most)
}

// CodesText counts codes, and where some ran under several forks these apart.
func (r *Report) CodesText() string {
	hashes := map[common.Hash]bool{}
	for _, c := range r.Codes {
		hashes[c.Hash] = true
	}
	if len(hashes) < len(r.Codes) {
		return fmt.Sprintf("%s codes, %s by fork", count(len(hashes)), count(len(r.Codes)))
	}
	return count(len(r.Codes)) + " codes"
}

func (r *Report) ineligible() (n int) {
	for _, c := range r.Codes {
		if c.Ineligible != "" {
			n++
		}
	}
	return n
}

func (r *Report) printSpreads(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\nILP of what part has at most\t5%\t25%\t50%\t75%\t95%\t")
	list := func(of string, d *Distributions) {
		for _, by := range []struct {
			name string
			s    *Spread
		}{{"by work", &d.ByWork}, {"each once", &d.Each}} {
			for i, q := range []*Quantiles{&by.s.Stack, &by.s.SSA, &by.s.Budget} {
				fmt.Fprintf(t, "%s %s, %s: %s\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t\n", count(d.Count), of, by.name, r.formNames()[i], q.P5, q.P25, q.P50, q.P75, q.P95)
			}
		}
	}
	list("codes", &r.Contracts)
	if r.Txs != nil {
		list("transactions", r.Txs)
	}
	_ = t.Flush() // the writes that follow fail as well
}

func (r *Report) formNames() [3]string {
	return [3]string{"stack form", "SSA", fmt.Sprintf("SSA, %d words", r.Registers)}
}

func (r *Report) printCodes(w io.Writer, most int) error {
	codes := r.Codes[:min(most, len(r.Codes))]
	if len(codes) == 0 {
		return nil
	}
	what := "work, each block once"
	if r.Executed != nil {
		what = "executed work"
	}
	fmt.Fprintf(w, "\ntop %d codes by %s of the stack form\n", len(codes), what)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "code\tfork\tbytes\ttxs\tframes\tinstructions\tMcycles\tILP stack\tSSA\t%d words\tspan, stack/SSA\t  path of SSA\n", r.Registers)
	for _, c := range codes {
		m, txs, frames := c.measures(), "-", "-"
		if c.Executed != nil {
			txs, frames = count(c.Executed.Txs), count(c.Executed.Frames)
		}
		path := pathText(m, 0.05)
		if c.Ineligible != "" {
			path = c.Ineligible
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%.2f\t%.2f\t%.2f\t%.2f\t%.2fx\t  %s\n", c.label(), c.Fork, count(c.Bytes), txs, frames, count(m.Stack.Ops),
			float64(m.Stack.Work)/1e6, m.Stack.ILP, m.SSA.ILP, m.Budget.ILP, ratio(m.Stack.Span, m.SSA.Span), path)
	}
	return t.Flush()
}

// label is what a code is called: as it was given, or by its hash.
func (c *Code) label() string {
	if c.Name != "" {
		return c.Name
	}
	return c.Hash.Hex()[:14]
}

// share is a class and its part of a critical path.
type share struct {
	Class  string
	Cycles int
	Part   float64
}

const interpreter = "interpreter"

// sharesOf are all classes in the order of the compiler, then what the interpreter ran.
func sharesOf(m *compiler.Measures) (list []share) {
	for class, cycles := range m.Path {
		list = append(list, share{compiler.Class(class).String(), cycles, ratio(cycles, m.SSA.Span)})
	}
	return append(list, share{interpreter, m.Left.Span, ratio(m.Left.Span, m.SSA.Span)})
}

// pathText names the shares that are not below a least one.
func pathText(m *compiler.Measures, least float64) string {
	var parts []string
	for _, s := range sharesOf(m) {
		if s.Part >= least {
			parts = append(parts, fmt.Sprintf("%s %.0f%%", s.Class, 100*s.Part))
		}
	}
	return strings.Join(parts, ", ")
}

func ratio(a, b int) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// count writes a number with commas.
func count(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
