// Package layered draws directed graphs in layers, top to bottom, as SVG: cycles are broken,
// each node lies below all that it follows, crossings are reduced by barycentres (Sugiyama,
// Tagawa and Toda, "Methods for Visual Understanding of Hierarchical System Structures",
// 1981), and nodes are pulled over their neighbours by isotonic regression.
//
// It knows nothing of what is drawn, and takes no time that grows faster than the drawing:
// where long edges would need too many corners, they go straight.
package layered

// Node is a box with text.
type Node struct {
	Lines []string
	Title string // shown when pointed at
	Class string // of the SVG group
	Fill  string // of the box; empty: the style's
	Ink   string // of the text; empty: the style's
}

// Edge goes from node to node.
type Edge struct {
	From, To int
	Label    string
	Class    string
}

// Graph is what is to be drawn.
type Graph struct {
	Nodes []Node
	Edges []Edge
}

// Drawing is a graph with places.
type Drawing struct {
	Graph
	Boxes         []Box
	Ways          []Way // by edge
	Width, Height float64
}

// Box is where a node is.
type Box struct{ X, Y, W, H float64 }

// Way is the corners of an edge, from the node that it leaves to that where it arrives.
type Way struct {
	Points []Point
	Back   bool // goes up: it closes a cycle
}

// Point is a place.
type Point struct{ X, Y float64 }

// Sizes, in pixels.
const (
	charWidth  = 6.7 // of a monospaced font of 11 px
	lineHeight = 14
	padding    = 6
	gapX       = 14
	gapY       = 30
	margin     = 10
	narrow     = 6 // of the corner of an edge
)

func sizeOf(n *Node) (w, h float64) {
	chars := 2
	for _, line := range n.Lines {
		chars = max(chars, len([]rune(line)))
	}
	return float64(chars)*charWidth + 2*padding, float64(max(1, len(n.Lines)))*lineHeight + 2*padding
}
