package layered

import (
	"cmp"
	"slices"
)

// maxCorners is how many corners of edges are placed like nodes, for each node.
const maxCorners = 12

// spot is a node, or the corner of an edge where it crosses a layer.
type spot struct {
	node     int // -1: a corner
	layer    int
	x, w, h  float64
	up, down []int // spots
	weight   float64
}

// layout is a drawing under way.
type layout struct {
	*Graph
	back   []bool // by edge
	layer  []int  // by node
	spots  []spot
	layers [][]int // spots from left to right
	chains [][]int // by edge: its spots, top to bottom
}

// Draw finds a place for everything.
func Draw(g Graph) *Drawing {
	l := &layout{Graph: &g, back: make([]bool, len(g.Edges)), layer: make([]int, len(g.Nodes)), chains: make([][]int, len(g.Edges))}
	l.breakCycles()
	l.rank()
	l.place()
	l.order()
	l.align()
	return l.drawing()
}

// breakCycles turns round what goes back to where a walk is inside of.
func (l *layout) breakCycles() {
	out := make([][]int, len(l.Nodes))
	for i, e := range l.Edges {
		out[e.From] = append(out[e.From], i)
	}
	const unseen, inside, left = 0, 1, 2
	state := make([]int, len(l.Nodes))
	type step struct{ node, next int }
	for root := range l.Nodes {
		if state[root] != unseen {
			continue
		}
		state[root] = inside
		stack := []step{{root, 0}}
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if top.next == len(out[top.node]) {
				state[top.node] = left
				stack = stack[:len(stack)-1]
				continue
			}
			edge := out[top.node][top.next]
			top.next++
			switch to := l.Edges[edge].To; state[to] {
			case inside:
				l.back[edge] = true
			case unseen:
				state[to] = inside
				stack = append(stack, step{to, 0})
			}
		}
	}
}

// ends are those of an edge, the upper first.
func (l *layout) ends(edge int) (from, to int) {
	e := &l.Edges[edge]
	if l.back[edge] {
		return e.To, e.From
	}
	return e.From, e.To
}

// rank puts each node one layer below the last that it follows.
func (l *layout) rank() {
	waits := make([]int, len(l.Nodes))
	out := make([][]int, len(l.Nodes))
	for i := range l.Edges {
		if from, to := l.ends(i); from != to {
			waits[to]++
			out[from] = append(out[from], to)
		}
	}
	var ready []int
	for n, w := range waits {
		if w == 0 {
			ready = append(ready, n)
		}
	}
	for len(ready) > 0 {
		n := ready[0]
		ready = ready[1:]
		for _, to := range out[n] {
			l.layer[to] = max(l.layer[to], l.layer[n]+1)
			if waits[to]--; waits[to] == 0 {
				ready = append(ready, to)
			}
		}
	}
}

// place makes the spots. The first that come to a layer are the leftmost, for a start.
func (l *layout) place() {
	deepest := 0
	for n := range l.Nodes {
		w, h := sizeOf(&l.Nodes[n])
		l.spots = append(l.spots, spot{node: n, layer: l.layer[n], w: w, h: h, weight: 1})
		deepest = max(deepest, l.layer[n])
	}
	l.layers = make([][]int, deepest+1)
	corners := maxCorners * (len(l.Nodes) + 8)
	for i := range l.Edges {
		from, to := l.ends(i)
		l.chains[i] = []int{from}
		if between := l.layer[to] - l.layer[from] - 1; between <= corners {
			for y := l.layer[from] + 1; y < l.layer[to]; y++ {
				l.chains[i] = append(l.chains[i], len(l.spots))
				l.spots = append(l.spots, spot{node: -1, layer: y, w: narrow, weight: 2})
				corners--
			}
		}
		if to != from {
			l.chains[i] = append(l.chains[i], to)
		}
		for j := 1; j < len(l.chains[i]); j++ {
			a, b := l.chains[i][j-1], l.chains[i][j]
			l.spots[a].down = append(l.spots[a].down, b)
			l.spots[b].up = append(l.spots[b].up, a)
		}
	}
	for i := range l.spots {
		y := l.spots[i].layer
		l.layers[y] = append(l.layers[y], i)
	}
}

const sweeps = 8

// order sorts each layer by where its neighbours are, down and up in turns, and keeps what
// crossed least.
func (l *layout) order() {
	l.number()
	best, crossings := l.copyLayers(), l.crossings()
	for sweep := range sweeps {
		if sweep%2 == 0 {
			for y := range l.layers {
				l.sortLayer(y, func(s *spot) []int { return s.up })
			}
		} else {
			for y := len(l.layers) - 1; y >= 0; y-- {
				l.sortLayer(y, func(s *spot) []int { return s.down })
			}
		}
		if n := l.crossings(); n < crossings {
			best, crossings = l.copyLayers(), n
		}
	}
	l.layers = best
	l.number()
}

func (l *layout) number() {
	for _, layer := range l.layers {
		for at, s := range layer {
			l.spots[s].x = float64(at)
		}
	}
}

func (l *layout) copyLayers() [][]int {
	c := make([][]int, len(l.layers))
	for y := range l.layers {
		c[y] = slices.Clone(l.layers[y])
	}
	return c
}

func (l *layout) sortLayer(y int, neighbours func(*spot) []int) {
	key := map[int]float64{}
	for _, s := range l.layers[y] {
		key[s] = l.mean(neighbours(&l.spots[s]), l.spots[s].x)
	}
	slices.SortStableFunc(l.layers[y], func(a, b int) int { return cmp.Compare(key[a], key[b]) })
	for at, s := range l.layers[y] {
		l.spots[s].x = float64(at)
	}
}

func (l *layout) mean(list []int, none float64) float64 {
	if len(list) == 0 {
		return none
	}
	sum := 0.0
	for _, s := range list {
		sum += l.spots[s].x
	}
	return sum / float64(len(list))
}

// crossings counts the pairs of lines between layers that cross, by inversions.
func (l *layout) crossings() (count int) {
	for y := 1; y < len(l.layers); y++ {
		var ends []int
		for _, s := range l.layers[y-1] {
			at := len(ends)
			for _, to := range l.spots[s].down {
				if l.spots[to].layer == y {
					ends = append(ends, int(l.spots[to].x))
				}
			}
			slices.Sort(ends[at:])
		}
		count += inversions(ends, len(l.layers[y]))
	}
	return count
}

// inversions of numbers below n, by a Fenwick tree.
func inversions(list []int, n int) (count int) {
	tree := make([]int, n+1)
	for seen, x := range list {
		notAbove := 0
		for i := x + 1; i > 0; i -= i & -i {
			notAbove += tree[i]
		}
		count += seen - notAbove
		for i := x + 1; i <= n; i += i & -i {
			tree[i]++
		}
	}
	return count
}
