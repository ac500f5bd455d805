package layered

import (
	"fmt"
	"html"
	"strings"
)

// Style is for a drawing that stands alone. It follows the reader's choice of light or dark.
const Style = `<style>
svg{background:#fff;color:#1b1f24}
.box{fill:#f2f5f8;stroke:#57606a}
text{font:11px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:currentColor}
.edge{fill:none;stroke:#57606a;stroke-width:1.1}
.tip{fill:#57606a}
.back .edge{stroke-dasharray:5 3}
.label{font-size:9px}
@media(prefers-color-scheme:dark){svg{background:#0d1117;color:#e6edf3}.box{fill:#1c232c;stroke:#8b949e}.edge{stroke:#8b949e}.tip{fill:#8b949e}}
</style>
`

// SVG is the drawing as an element. id names what is defined in it, and must be unique in a
// page. Without a style it is an element of a page that has one; with it, a file.
func (d *Drawing) SVG(id, title, style string) string {
	var s strings.Builder
	space := ""
	if style != "" {
		space = `xmlns="http://www.w3.org/2000/svg" `
	}
	fmt.Fprintf(&s, `<svg %srole="img" aria-label="%s" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f">`+"\n", space,
		html.EscapeString(title), d.Width, d.Height, d.Width, d.Height)
	fmt.Fprintf(&s, "<title>%s</title>\n%s", html.EscapeString(title), style)
	fmt.Fprintf(&s, `<defs><marker id="%s-tip" viewBox="0 0 8 8" refX="8" refY="4" markerUnits="userSpaceOnUse" markerWidth="8" markerHeight="8" orient="auto"><path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>`+"\n", id)
	for i := range d.Edges {
		d.edge(&s, i, id)
	}
	for i := range d.Nodes {
		d.node(&s, i)
	}
	s.WriteString("</svg>\n")
	return s.String()
}

func (d *Drawing) edge(s *strings.Builder, i int, id string) {
	e, way := &d.Edges[i], &d.Ways[i]
	class := e.Class
	if way.Back {
		class += " back"
	}
	fmt.Fprintf(s, `<g class="%s"><path class="edge" marker-end="url(#%s-tip)" d="%s"/>`, strings.TrimSpace(class), id, curve(way.Points))
	if e.Label != "" {
		p, q := way.Points[0], way.Points[1]
		fmt.Fprintf(s, `<text class="label" x="%.1f" y="%.1f">%s</text>`, p.X+(q.X-p.X)/4+3, p.Y+(q.Y-p.Y)/4+3, html.EscapeString(e.Label))
	}
	s.WriteString("</g>\n")
}

// curve goes through the points, up and down at each.
func curve(points []Point) string {
	var s strings.Builder
	fmt.Fprintf(&s, "M%.1f %.1f", points[0].X, points[0].Y)
	for i := 1; i < len(points); i++ {
		p, q := points[i-1], points[i]
		if p.X == q.X {
			fmt.Fprintf(&s, "V%.1f", q.Y)
			continue
		}
		middle := (p.Y + q.Y) / 2
		fmt.Fprintf(&s, "C%.1f %.1f %.1f %.1f %.1f %.1f", p.X, middle, q.X, middle, q.X, q.Y)
	}
	return s.String()
}

func (d *Drawing) node(s *strings.Builder, i int) {
	n, b := &d.Nodes[i], d.Boxes[i]
	fmt.Fprintf(s, `<g class="%s">`, strings.TrimSpace("node "+n.Class))
	if n.Title != "" {
		fmt.Fprintf(s, "<title>%s</title>", html.EscapeString(n.Title))
	}
	fmt.Fprintf(s, `<rect class="box" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="3"%s/>`, b.X, b.Y, b.W, b.H, attribute("style", "fill:", n.Fill))
	for j, line := range n.Lines {
		fmt.Fprintf(s, `<text x="%.1f" y="%.1f"%s>%s</text>`, b.X+padding, b.Y+padding+float64(j+1)*lineHeight-4, attribute("style", "fill:", n.Ink), html.EscapeString(line))
	}
	s.WriteString("</g>\n")
}

func attribute(name, prefix, value string) string {
	if value == "" {
		return ""
	}
	return fmt.Sprintf(` %s="%s%s"`, name, prefix, html.EscapeString(value))
}
