package layered

import (
	"cmp"
	"math"
	"slices"
)

// align gives each spot an x: near its neighbours' mean, in order, and apart.
func (l *layout) align() {
	for _, layer := range l.layers {
		x := 0.0
		for i, s := range layer {
			if i > 0 {
				x += l.apart(layer[i-1], s)
			}
			l.spots[s].x = x
		}
	}
	for sweep := range sweeps {
		if sweep%2 == 0 {
			for _, layer := range l.layers {
				l.pull(layer, func(s *spot) []int { return s.up })
			}
		} else {
			for y := len(l.layers) - 1; y >= 0; y-- {
				l.pull(l.layers[y], func(s *spot) []int { return s.down })
			}
		}
	}
	l.pullAll()
}

// pullAll looks both ways, last.
func (l *layout) pullAll() {
	for _, layer := range l.layers {
		l.pull(layer, func(s *spot) []int { return append(append([]int(nil), s.up...), s.down...) })
	}
}

// apart is how far the middles of neighbours in a layer are from each other at the least.
func (l *layout) apart(a, b int) float64 {
	gap := float64(gapX)
	if l.spots[a].node < 0 && l.spots[b].node < 0 {
		gap = narrow
	}
	return (l.spots[a].w+l.spots[b].w)/2 + gap
}

// group is spots that touch: they stand where the mean of their wishes is.
type group struct {
	sum, weight float64
	first       int
}

// pull moves the spots of a layer to where they wish to be, with the least sum of squares:
// isotonic regression by pooling adjacent violators.
func (l *layout) pull(layer []int, neighbours func(*spot) []int) {
	offsets := make([]float64, len(layer))
	var groups []group
	for i, s := range layer {
		if i > 0 {
			offsets[i] = offsets[i-1] + l.apart(layer[i-1], s)
		}
		spot := &l.spots[s]
		wish := l.mean(neighbours(spot), spot.x)
		groups = append(groups, group{(wish - offsets[i]) * spot.weight, spot.weight, i})
		for n := len(groups); n > 1; n = len(groups) {
			a, b := &groups[n-2], &groups[n-1]
			if a.sum/a.weight <= b.sum/b.weight {
				break
			}
			a.sum, a.weight = a.sum+b.sum, a.weight+b.weight
			groups = groups[:n-1]
		}
	}
	for n, g := range groups {
		end := len(layer)
		if n+1 < len(groups) {
			end = groups[n+1].first
		}
		for i := g.first; i < end; i++ {
			l.spots[layer[i]].x = g.sum/g.weight + offsets[i]
		}
	}
}

// drawing is the places in pixels.
func (l *layout) drawing() *Drawing {
	d := &Drawing{Graph: *l.Graph, Boxes: make([]Box, len(l.Nodes)), Ways: make([]Way, len(l.Edges))}
	left, right := math.Inf(1), math.Inf(-1)
	for _, s := range l.spots {
		left, right = min(left, s.x-s.w/2), max(right, s.x+s.w/2)
	}
	tops := make([]float64, len(l.layers))
	y := float64(margin)
	for i, layer := range l.layers {
		tops[i] = y
		tallest := 0.0
		for _, s := range layer {
			tallest = max(tallest, l.spots[s].h)
		}
		y += tallest + gapY
	}
	for i := range l.spots {
		s := &l.spots[i]
		s.x += margin - left
		if s.node >= 0 {
			d.Boxes[s.node] = Box{s.x - s.w/2, tops[s.layer], s.w, s.h}
		}
	}
	down, up := l.ports()
	for i := range l.Edges {
		d.Ways[i] = l.way(d, i, tops, down[i], up[i])
	}
	if len(l.Nodes) > 0 {
		d.Width, d.Height = right-left+2*margin, y-gapY+margin
	}
	return d
}

// ports are where edges meet the lower side of their upper node and the upper side of the
// other, as a share of its width: side by side, in the order of where they come from.
func (l *layout) ports() (down, up []float64) {
	below, above := make([][]int, len(l.Nodes)), make([][]int, len(l.Nodes))
	for i := range l.Edges {
		if from, to := l.ends(i); from != to {
			below[from], above[to] = append(below[from], i), append(above[to], i)
		}
	}
	share := func(edges [][]int, neighbour func(chain []int) int) []float64 {
		at := make([]float64, len(l.Edges))
		for _, list := range edges {
			x := func(i int) float64 { return l.spots[neighbour(l.chains[i])].x }
			slices.SortStableFunc(list, func(a, b int) int { return cmp.Compare(x(a), x(b)) })
			for n, i := range list {
				at[i] = float64(n+1) / float64(len(list)+1)
			}
		}
		return at
	}
	return share(below, func(c []int) int { return c[1] }), share(above, func(c []int) int { return c[len(c)-2] })
}

func (l *layout) way(d *Drawing, edge int, tops []float64, down, up float64) Way {
	chain := l.chains[edge]
	from := d.Boxes[chain[0]]
	if len(chain) == 1 { // a node's edge to itself
		x, y := from.X+from.W, from.Y+from.H/2
		return Way{[]Point{{x, y - 4}, {x + gapX/2, y - 4}, {x + gapX/2, y + 4}, {x, y + 4}}, true}
	}
	points := []Point{{from.X + from.W*down, from.Y + from.H}}
	for _, s := range chain[1 : len(chain)-1] {
		points = append(points, Point{l.spots[s].x, tops[l.spots[s].layer] + lineHeight/2 + padding})
	}
	to := d.Boxes[chain[len(chain)-1]]
	points = append(points, Point{to.X + to.W*up, to.Y})
	if l.back[edge] {
		slices.Reverse(points)
	}
	return Way{points, l.back[edge]}
}
