package layered

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"strings"
	"testing"
	"time"
)

func node(name string) Node { return Node{Lines: []string{name, "<&>"}, Title: `"` + name + `"`} }

// random is a graph with cycles, edges to the node itself, and parts that do not meet.
func random(rnd *rand.Rand, nodes, edges int) Graph {
	var g Graph
	for i := range nodes {
		g.Nodes = append(g.Nodes, node(strings.Repeat("x", 1+i%9)))
	}
	for range edges {
		g.Edges = append(g.Edges, Edge{From: rnd.Intn(nodes), To: rnd.Intn(nodes), Label: "yes"})
	}
	return g
}

func TestDrawings(t *testing.T) {
	rnd := rand.New(rand.NewSource(1))
	for n := range 120 {
		g := random(rnd, 1+n, n*2)
		t.Run(fmt.Sprint(n), func(t *testing.T) { sound(t, Draw(g)) })
	}
	sound(t, Draw(Graph{}))
}

// sound: boxes are inside and apart, edges go from box to box, and down but where they
// close a cycle.
func sound(t *testing.T, d *Drawing) {
	t.Helper()
	inside := func(x, y float64) bool { return x >= 0 && y >= 0 && x <= d.Width+gapX && y <= d.Height }
	for i, a := range d.Boxes {
		if !inside(a.X, a.Y) || !inside(a.X+a.W, a.Y+a.H) || a.W <= 0 || a.H <= 0 {
			t.Errorf("box %d is at %+v of %.0f x %.0f", i, a, d.Width, d.Height)
		}
		for j, b := range d.Boxes[:i] {
			if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("boxes %d %+v and %d %+v overlap", i, a, j, b)
			}
		}
	}
	for i, e := range d.Edges {
		points := d.Ways[i].Points
		first, last := points[0], points[len(points)-1]
		if !touches(d.Boxes[e.From], first) || !touches(d.Boxes[e.To], last) {
			t.Errorf("edge %d goes from %+v to %+v, its boxes are %+v and %+v", i, first, last, d.Boxes[e.From], d.Boxes[e.To])
		}
		if d.Ways[i].Back != (d.Boxes[e.To].Y <= d.Boxes[e.From].Y) {
			t.Errorf("edge %d: back is %v", i, d.Ways[i].Back)
		}
		for _, p := range points {
			if !inside(p.X, p.Y) {
				t.Errorf("edge %d goes outside: %+v", i, p)
			}
		}
	}
	if err := wellFormed(d.SVG("g", `a "graph" & more`, Style)); err != nil {
		t.Error(err)
	}
}

func touches(b Box, p Point) bool {
	const near = 0.01
	return p.X >= b.X-near && p.X <= b.X+b.W+near && p.Y >= b.Y-near && p.Y <= b.Y+b.H+near
}

func wellFormed(text string) error {
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// TestDiamond: nothing crosses where nothing has to.
func TestDiamond(t *testing.T) {
	g := Graph{Nodes: []Node{node("a"), node("b"), node("c"), node("d")}, Edges: []Edge{{From: 0, To: 1}, {From: 0, To: 2}, {From: 1, To: 3}, {From: 2, To: 3}}}
	d := Draw(g)
	sound(t, d)
	top, bottom := d.Boxes[0], d.Boxes[3]
	if top.X != bottom.X || d.Boxes[1].Y != d.Boxes[2].Y {
		t.Errorf("%+v", d.Boxes)
	}
}

func TestOrderRemovesCrossings(t *testing.T) {
	var g Graph
	for i := range 20 {
		g.Nodes = append(g.Nodes, node(fmt.Sprint(i)))
	}
	for i := range 10 {
		g.Edges = append(g.Edges, Edge{From: i, To: 19 - i})
	}
	l := &layout{Graph: &g, back: make([]bool, 10), layer: make([]int, 20), chains: make([][]int, 10)}
	l.breakCycles()
	l.rank()
	l.place()
	l.number()
	before := l.crossings()
	l.order()
	if after := l.crossings(); before != 45 || after != 0 {
		t.Errorf("%d crossings, then %d", before, after)
	}
}

// TestLarge: what a hostile contract makes is drawn in time.
func TestLarge(t *testing.T) {
	rnd := rand.New(rand.NewSource(2))
	start := time.Now()
	for _, g := range []Graph{random(rnd, 5000, 9000), random(rnd, 300, 20_000), line(8000)} {
		if text := Draw(g).SVG("g", "large", ""); len(text) < len(g.Nodes)*50 {
			t.Error("something is missing")
		}
	}
	if d := time.Since(start); d > 60*time.Second {
		t.Errorf("took %v", d)
	}
	t.Log(time.Since(start))
}

// line is a chain with an edge over all of it from each node.
func line(nodes int) (g Graph) {
	for i := range nodes {
		g.Nodes = append(g.Nodes, node(fmt.Sprint(i)))
		if i > 0 {
			g.Edges = append(g.Edges, Edge{From: i - 1, To: i}, Edge{From: i, To: nodes - 1})
		}
	}
	return g
}
