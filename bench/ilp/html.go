package ilp

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"

	"github.com/gpuevm/gpuevm/bench/ilp/layered"
	"github.com/gpuevm/gpuevm/gpuevm/compiler"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"count": count, "brief": brief, "percent": percent, "ratio": ratio,
	"f2": func(x float64) string { return fmt.Sprintf("%.2f", x) },
	"u":  func(n uint64) string { return count(int(n)) },
}).Parse(pageText))

// Most of what the page lists.
const pageCodes, pageStrips, pageRows = 25, 14, 12

// pageData is what the page is made of.
type pageData struct {
	*Report
	All       *compiler.Measures // executed, or each block once
	What      string
	Tiles     []tile
	Cycles    template.HTML
	Contracts [2]template.HTML // by work, each once
	Txs       *[2]template.HTML
	Shares    template.HTML
	Classes   []share
	Bound     template.HTML
	Drawn     []drawn
	Top       []topCode
	FormNames [3]string
}

// tile is a figure that is seen first.
type tile struct{ Value, Name, About string }

// drawn is a basic block with its pictures.
type drawn struct {
	Name, About  string
	Graph, Chart template.HTML
}

// topCode is a code with what is shown of it.
type topCode struct {
	*Code
	M         *compiler.Measures
	Functions []Function
	Heaviest  []BasicBlock
}

func (t topCode) Label() string { return t.label() }
func (t topCode) Path() string  { return pathText(t.M, 0.05) }

// WriteHTML writes the report as a page that needs nothing else.
func (r *Report) WriteHTML(w io.Writer) error {
	d := &pageData{Report: r, All: &r.Whole, What: "each basic block of each code once", FormNames: r.formNames()}
	if r.Executed != nil {
		d.All, d.What = &r.Executed.Measures, "each basic block as often as transactions ran it"
	}
	d.Tiles = r.tiles(d.All)
	d.Cycles = plotCycles(d.All, r.Registers)
	d.Contracts = spreads(&r.Contracts, "contracts", d.FormNames)
	if r.Txs != nil {
		txs := spreads(r.Txs, "transactions", d.FormNames)
		d.Txs = &txs
	}
	d.Bound = plotBound(d.All)
	d.Classes = sharesOf(d.All)
	strips := []strip{{"all", d.All}}
	for i, c := range r.Codes {
		if r.Executed != nil && c.Executed == nil || i >= pageCodes {
			break
		}
		if i < pageStrips {
			strips = append(strips, strip{c.label() + " " + c.Fork, c.measures()})
		}
		d.Top = append(d.Top, topCode{c, c.measures(), heaviestFunctions(c), c.Heaviest[:min(pageRows, len(c.Heaviest))]})
	}
	d.Shares = plotShares(strips)
	for i, g := range r.graphs {
		picture := layered.Draw(g.picture()).SVG(fmt.Sprintf("g%d", i), "Dependences in "+g.name, "")
		d.Drawn = append(d.Drawn, drawn{g.name, g.about, template.HTML(picture), g.plotSchedule()})
	}
	var whole bytes.Buffer
	if err := page.Execute(&whole, d); err != nil {
		return err
	}
	_, err := w.Write(whole.Bytes())
	return err
}

func spreads(d *Distributions, what string, names [3]string) [2]template.HTML {
	return [2]template.HTML{plotSpread(d, true, what, names), plotSpread(d, false, what, names)}
}

func (r *Report) tiles(m *compiler.Measures) []tile {
	list := []tile{
		{fmt.Sprintf("%.2f", m.Stack.ILP), "ILP of the stack form", "work over span of the instructions as they stand"},
		{fmt.Sprintf("%.2f", m.SSA.ILP), "ILP of SSA", "work over span of what is left when the stack is gone"},
		{fmt.Sprintf("%.2fx", ratio(m.Stack.Span, m.SSA.Span)), "shorter critical path", "span of the stack form over that of SSA"},
		{fmt.Sprintf("%.2fx", ratio(m.Program.Span, m.Budget.Span)), "by the schedule alone", fmt.Sprintf("one thread with %d words: program order over scheduled", r.Registers)},
		{percent(1 - ratio(m.SSA.Ops, m.Stack.Ops)), "fewer operations", "of SSA than of the stack form"},
	}
	if r.Executed != nil {
		list = append(list, tile{percent(ratio(m.Left.Ops, m.Stack.Ops)), "left to the interpreter", "of the instructions executed"})
	}
	return list
}
