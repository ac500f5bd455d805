package ilp

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strings"
)

// canvas is an SVG element under way. Colours are classes: the page has them, for light and
// for dark.
type canvas struct {
	strings.Builder
	width, height float64
}

// plotWidth is that of all plots; they shrink with the page.
const plotWidth = 960

func newCanvas(title string, height float64) *canvas {
	c := &canvas{width: plotWidth, height: height}
	fmt.Fprintf(c, `<svg role="img" aria-label="%s" viewBox="0 0 %.0f %.0f" class="plot">`+"\n<title>%[1]s</title>\n", html.EscapeString(title), c.width, height)
	return c
}

// done ends it. All text in it was escaped.
func (c *canvas) done() template.HTML {
	c.WriteString("</svg>\n")
	return template.HTML(c.String())
}

// rect draws a box, with what is told when it is pointed at.
func (c *canvas) rect(x, y, w, h float64, class, tip string) {
	fmt.Fprintf(c, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" class="%s">`, x, y, max(w, 0), max(h, 0), class)
	if tip != "" {
		fmt.Fprintf(c, "<title>%s</title>", html.EscapeString(tip))
	}
	c.WriteString("</rect>\n")
}

// text is anchored at its start, middle or end.
func (c *canvas) text(x, y float64, anchor, class, text string) {
	fmt.Fprintf(c, `<text x="%.1f" y="%.1f" text-anchor="%s" class="%s">%s</text>`+"\n", x, y, anchor, class, html.EscapeString(text))
}

func (c *canvas) line(x1, y1, x2, y2 float64, class string) {
	fmt.Fprintf(c, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" class="%s"/>`+"\n", x1, y1, x2, y2, class)
}

// path goes through points.
func (c *canvas) path(points [][2]float64, class string) {
	c.WriteString(`<path d="`)
	for i, p := range points {
		fmt.Fprintf(c, "%c%.1f %.1f", "ML"[min(i, 1)], p[0], p[1])
	}
	fmt.Fprintf(c, `" class="%s"/>`+"\n", class)
}

// nice is a round number that is not below x: 1, 2, 2.5 or 5 times a power of ten.
func nice(x float64) float64 {
	if x <= 0 {
		return 1
	}
	base := math.Pow(10, math.Floor(math.Log10(x)))
	for _, m := range []float64{1, 2, 2.5, 5} {
		if base*m >= x*(1-1e-12) {
			return base * m
		}
	}
	return base * 10
}

// brief writes a number of cycles.
func brief(n int) string {
	switch x := float64(n); {
	case x >= 1e9:
		return fmt.Sprintf("%.2f G", x/1e9)
	case x >= 1e6:
		return fmt.Sprintf("%.1f M", x/1e6)
	case x >= 1e4:
		return fmt.Sprintf("%.1f k", x/1e3)
	}
	return fmt.Sprint(n)
}

// textWidth is about how wide a text is, in the font of labels.
func textWidth(text string) float64 { return 7 * float64(len(text)) }

// percent writes a share.
func percent(x float64) string {
	if x > 0 && x < 0.1 {
		return fmt.Sprintf("%.1f%%", 100*x)
	}
	return fmt.Sprintf("%.0f%%", 100*x)
}
