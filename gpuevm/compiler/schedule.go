package compiler

// The list schedule: of what is ready, what begins first, and among these what has the
// longest way to go, so that latencies overlap. Where the words that are alive would not fit
// the registers, what ends most lives goes first instead. Considering a few candidates of
// the best is what keeps large blocks from taking quadratic time.

const candidates = 8

// pressure is what the schedule has to know of lives, for a whole contract.
type pressure struct {
	outside []bool // by ID: used in another block, or at the end of its own
}

func (f *Func) pressure() *pressure {
	p := &pressure{outside: make([]bool, f.lastValue+1)}
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			for _, a := range v.Args {
				if a.Block != b {
					p.outside[a.ID] = true
				}
			}
		}
		for _, list := range b.atEnd() {
			for _, a := range list {
				if a != nil {
					p.outside[a.ID] = true
				}
			}
		}
	}
	return p
}

// atEnd are the words that are used when a block ends. Those of exits are not among them:
// they may wait in slower memory.
func (b *Block) atEnd() [][]*Value {
	lists := [][]*Value{b.Control}
	for _, e := range b.Succs {
		lists = append(lists, e.Args)
	}
	return lists
}

// scheduler is the state of the schedule of a block.
type scheduler struct {
	*graph
	p       *pressure
	budget  int
	heights []int
	waits   []int32 // predecessors not yet issued
	starts  []int
	uses    map[*Value]int // operands not yet issued
	live    int
	now     int
	best    heap // of what is ready, by height
	next    heap // by program order
	issued  []bool
}

// parallel is an order of a block's values for a machine with so many words of registers.
func (g *graph) parallel(p *pressure, budget int) []int32 {
	n := len(g.values)
	s := &scheduler{graph: g, p: p, budget: budget, heights: g.heights(), waits: make([]int32, n), starts: make([]int, n), uses: map[*Value]int{}, issued: make([]bool, n)}
	s.best.less = func(a, b int32) bool {
		return s.heights[a] > s.heights[b] || (s.heights[a] == s.heights[b] && a < b)
	}
	s.next.less = func(a, b int32) bool { return a < b }
	for i, v := range g.values {
		s.waits[i] = int32(len(g.preds[i]))
		for _, a := range v.Args {
			if a.Block != nil && s.uses[a] == 0 && a.Block != v.Block {
				s.live++ // comes from before
			}
			s.uses[a]++
		}
	}
	for i := range g.values {
		if s.waits[i] == 0 {
			s.ready(int32(i))
		}
	}
	order := make([]int32, 0, n)
	for len(order) < n {
		i := s.choose()
		s.issue(i)
		order = append(order, i)
	}
	return order
}

func (s *scheduler) ready(i int32) {
	s.best.push(i)
	s.next.push(i)
}

// delta is how many more words are alive when a value has been issued.
func (s *scheduler) delta(i int32) int {
	v := s.values[i]
	d := 0
	if v.IsWord() && (s.uses[v] > 0 || s.p.outside[v.ID]) {
		d++
	}
	for j, a := range v.Args {
		if a.Block == nil || s.p.outside[a.ID] || repeats(v.Args[:j], a) {
			continue
		}
		if s.uses[a] == count(v.Args, a) {
			d--
		}
	}
	return d
}

func repeats(list []*Value, v *Value) bool { return count(list, v) > 0 }

func count(list []*Value, v *Value) (n int) {
	for _, a := range list {
		if a == v {
			n++
		}
	}
	return n
}

func (s *scheduler) startOf(i int32) int {
	start := s.now
	for _, l := range s.preds[i] {
		start = max(start, s.starts[l.node]+int(l.cycles))
	}
	return start
}

func (s *scheduler) choose() int32 {
	var list [candidates + 1]int32
	n := 0
	for n < candidates && len(s.best.items) > 0 {
		if i := s.best.pop(); !s.issued[i] {
			list[n] = i
			n++
		}
	}
	popped := n
	for len(s.next.items) > 0 && s.issued[s.next.items[0]] {
		s.next.pop()
	}
	tight := s.live >= s.budget
	if tight {
		list[n] = s.next.items[0]
		n++
	}
	chosen := list[0]
	for _, i := range list[1:n] {
		if s.better(i, chosen, tight) {
			chosen = i
		}
	}
	for _, i := range list[:popped] {
		if i != chosen {
			s.best.push(i)
		}
	}
	return chosen
}

func (s *scheduler) better(a, b int32, tight bool) bool {
	if tight {
		da, db := s.delta(a), s.delta(b)
		return da < db || (da == db && a < b)
	}
	sa, sb := s.startOf(a), s.startOf(b)
	return sa < sb || (sa == sb && s.best.less(a, b))
}

func (s *scheduler) issue(i int32) {
	v := s.values[i]
	s.live += s.delta(i)
	for _, a := range v.Args {
		s.uses[a]--
	}
	s.starts[i] = s.startOf(i)
	s.now = s.starts[i] + CostOf(v.Op).Issue
	s.issued[i] = true
	for _, l := range s.succs[i] {
		if s.waits[l.node]--; s.waits[l.node] == 0 {
			s.ready(l.node)
		}
	}
}

// heap is a heap of positions.
type heap struct {
	items []int32
	less  func(a, b int32) bool
}

func (h *heap) push(i int32) {
	h.items = append(h.items, i)
	for at := len(h.items) - 1; at > 0; {
		up := (at - 1) / 2
		if !h.less(h.items[at], h.items[up]) {
			return
		}
		h.items[at], h.items[up] = h.items[up], h.items[at]
		at = up
	}
}

func (h *heap) pop() int32 {
	first := h.items[0]
	last := len(h.items) - 1
	h.items[0] = h.items[last]
	h.items = h.items[:last]
	for at := 0; ; {
		least := at
		for c := 2*at + 1; c <= 2*at+2 && c < last; c++ {
			if h.less(h.items[c], h.items[least]) {
				least = c
			}
		}
		if least == at {
			return first
		}
		h.items[at], h.items[least] = h.items[least], h.items[at]
		at = least
	}
}
