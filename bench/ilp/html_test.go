package ilp

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gpuevm/gpuevm/gpuevm/compiler"
	"github.com/gpuevm/gpuevm/gpuevm/opcode"
)

// squares squares four words of the input and sums them up, under a dispatcher for one
// selector; anything else reverts.
const squares = "5f3560e01c8063a9059cbb146012575f5ffd5b50" +
	"600435800260243580026044358002606435800201910101" + "5f5500"

func codeReport(t *testing.T, inputs ...Input) *Report {
	t.Helper()
	s := NewStudy(Options{Graphs: 4})
	if err := s.Codes(t.Context(), inputs, opcode.Osaka); err != nil {
		t.Fatal(err)
	}
	r, err := s.Report()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func squaresInput(t *testing.T) Input {
	t.Helper()
	code, err := hex.DecodeString(squares)
	if err != nil {
		t.Fatal(err)
	}
	return Input{Name: "<squares & sums>", Code: code}
}

// TestCodeReport: the block of squares is found, drawn, and as parallel as by hand.
func TestCodeReport(t *testing.T) {
	r := codeReport(t, squaresInput(t))
	c := r.Codes[0]
	if len(r.Codes) != 1 || len(c.Functions) != 2 || c.Functions[0].Selector != "0xa9059cbb" || r.Executed != nil || len(r.graphs) != 1 {
		t.Fatalf("%+v, %d graphs", c, len(r.graphs))
	}
	cost := func(op compiler.Op) int { return compiler.CostOf(op).Latency }
	const calldataload, mul, add, sstore, jump = 0x35, 0x02, 0x01, 0x55, 0x56
	b := c.Heaviest[0]
	if want := cost(calldataload) + cost(mul) + 2*cost(add) + cost(sstore) + cost(jump); b.SSA.Span != want {
		t.Errorf("a span of %d, by hand %d", b.SSA.Span, want)
	}
	if sum := compiler.Sum(&c.Whole); r.Whole != sum || c.Blocks < 3 {
		t.Errorf("whole %+v, the code's %+v", r.Whole, sum)
	}
	if q := r.Contracts.ByWork.SSA; q.P5 != c.Whole.SSA.ILP || q.P95 != q.P5 || r.Contracts.Count != 1 {
		t.Errorf("%+v", r.Contracts)
	}
}

func TestQuantiles(t *testing.T) {
	var samples []sample
	for i := range 100 {
		x := float64(i + 1)
		samples = append(samples, sample{[3]float64{x, x, x}, x * x})
	}
	d := distributionsOf(samples)
	if q := (Quantiles{5, 25, 50, 75, 95}); d.Each.SSA != q {
		t.Errorf("%+v", d.Each.SSA)
	}
	if q := d.ByWork.Stack; q.P50 != 80 || q.P5 != 37 { // 80^3 and 37^3 are the first above a half and a twentieth of 100^3
		t.Errorf("%+v", q)
	}
}

// TestEmpty: nothing to tell is told.
func TestEmpty(t *testing.T) {
	for _, r := range []*Report{codeReport(t), codeReport(t, Input{Name: "none"})} {
		checkPage(t, r)
		if err := r.Print(io.Discard, 10); err != nil {
			t.Error(err)
		}
	}
}

func TestPage(t *testing.T) {
	text := checkPage(t, codeReport(t, squaresInput(t)))
	for _, part := range []string{"&lt;squares &amp; sums&gt;", "Brent", "Blumofe", "W/p + S", "0xa9059cbb", "Latency table", "KECCAK256", "calldataload", "each basic block of each code once"} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q", part)
		}
	}
	if strings.Contains(text, "<squares") {
		t.Error("a name is not escaped")
	}
}

func TestPageOfRealBlocks(t *testing.T) {
	r := studied(t, realSet(t, "mainnet-4864590", "mainnet-11114732"))
	text := checkPage(t, r)
	for _, part := range []string{"2 Ethereum blocks", "How parallel transactions are", "left to the interpreter", "Ran "} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q", part)
		}
	}
	var table bytes.Buffer
	if err := r.Print(&table, 5); err != nil || !strings.Contains(table.String(), "top 5 codes by executed work") {
		t.Error(err, table.String())
	}
	var raw bytes.Buffer
	if err := r.WriteJSON(&raw); err != nil {
		t.Fatal(err)
	}
	var back struct {
		Format   string
		Executed struct {
			Steps uint64
			Path  map[string]int
		}
		Codes  []struct{ Functions []struct{ Selector string } }
		Blocks []struct{ Each []struct{ Steps uint64 } }
	}
	if err := json.Unmarshal(raw.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if back.Format != Format || back.Executed.Steps != r.Executed.Steps || back.Executed.Path["keccak"] == 0 || len(back.Codes) != len(r.Codes) || len(back.Blocks[1].Each) != len(r.Blocks[1].Each) {
		t.Errorf("%+v", back)
	}
}

// checkPage: elements are closed in order, nothing comes from elsewhere, nothing is drawn
// outside of its picture, and each id is there once.
func checkPage(t *testing.T, r *Report) string {
	t.Helper()
	var page bytes.Buffer
	if err := r.WriteHTML(&page); err != nil {
		t.Fatal(err)
	}
	text := page.String()
	for _, bad := range []string{"http:", "https:", "//www", "@import", " src=", "<link", "NaN", "Inf", "ZgotmplZ", "%!"} {
		if strings.Contains(text, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	for _, url := range regexp.MustCompile(`url\([^)]*\)`).FindAllString(text, -1) {
		if !strings.HasPrefix(url, "url(#") {
			t.Errorf("the page has %s", url)
		}
	}
	if err := walkPage(text); err != nil {
		t.Error(err)
	}
	return text
}

var void = []string{"meta", "br", "hr", "input", "link", "img"}

func walkPage(text string) error {
	var open []string
	var frame [4]float64
	ids := map[string]bool{}
	d := xml.NewDecoder(strings.NewReader(text))
	d.Strict = false
	for {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			if len(open) > 0 {
				return fmt.Errorf("not closed: %v", open)
			}
			return nil
		} else if err != nil {
			return err
		}
		switch e := token.(type) {
		case xml.StartElement:
			if !slices.Contains(void, e.Name.Local) {
				open = append(open, e.Name.Local)
			}
			if err := checkElement(e, &frame, ids); err != nil {
				return err
			}
		case xml.EndElement:
			if len(open) == 0 || open[len(open)-1] != e.Name.Local {
				return fmt.Errorf("</%s> closes %v", e.Name.Local, open)
			}
			open = open[:len(open)-1]
		}
	}
}

func checkElement(e xml.StartElement, frame *[4]float64, ids map[string]bool) error {
	at := map[string]string{}
	for _, a := range e.Attr {
		at[a.Name.Local] = a.Value
	}
	if id := at["id"]; id != "" {
		if ids[id] {
			return fmt.Errorf("two elements have id %q", id)
		}
		ids[id] = true
	}
	number := func(name string) (x float64) {
		_, _ = fmt.Sscan(at[name], &x)
		return x
	}
	inside := func(x, y float64) bool { return x >= -1 && y >= -1 && x <= frame[2]+1 && y <= frame[3]+1 }
	bad := false
	switch e.Name.Local {
	case "svg":
		_, err := fmt.Sscan(at["viewBox"], &frame[0], &frame[1], &frame[2], &frame[3])
		return err
	case "rect":
		bad = !inside(number("x"), number("y")) || !inside(number("x")+number("width"), number("y")+number("height"))
	case "line":
		bad = !inside(number("x1"), number("y1")) || !inside(number("x2"), number("y2"))
	case "text":
		bad = !inside(number("x"), number("y"))
	}
	if bad {
		return fmt.Errorf("%v is outside of %v", e, frame)
	}
	return nil
}

// TestGraphEdges: what a longer chain says is not drawn again, unless it is an operand.
func TestGraphEdges(t *testing.T) {
	node := func(id int, uses []int, needs ...int) compiler.GraphNode {
		return compiler.GraphNode{ID: id, Op: "x", Class: "u256", Start: id, Latency: 1, Uses: uses, Needs: append(slices.Clone(uses), needs...)}
	}
	g := &graph{plan: &compiler.Plan{Cycles: 4, Nodes: []compiler.GraphNode{
		node(1, nil), node(2, []int{1, 1}), node(3, nil, 1, 2), node(4, []int{1}, 2, 3),
	}}}
	var got []string
	for _, e := range g.picture().Edges {
		got = append(got, fmt.Sprintf("%d-%d %s", e.From+1, e.To+1, e.Class))
	}
	if want := []string{"1-2 operand", "2-3 order", "1-4 operand", "3-4 order"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestSlotColours(t *testing.T) {
	for place, want := range map[float64][2]string{0: {"#440154", "#fff"}, 1: {"#fde725", "#000"}, -3: {"#440154", "#fff"}, 7: {"#fde725", "#000"}} {
		if fill, ink := slotColour(place); fill != want[0] || ink != want[1] {
			t.Errorf("%v: %s on %s", place, ink, fill)
		}
	}
}
