package compiler

// renumber orders the blocks in reverse postorder from the entries, which are the first
// block and those where frames resume, drops those that nothing leads to, and finds
// dominators. A block that resumes has none: what came before its call is gone.
func (f *Func) renumber() {
	for _, b := range f.Blocks {
		b.number = -1
	}
	order := f.postorder()
	f.Blocks = f.Blocks[:0]
	for i := len(order) - 1; i >= 0; i-- {
		order[i].number = len(f.Blocks)
		f.Blocks = append(f.Blocks, order[i])
	}
	for _, b := range f.Blocks {
		kept := b.Preds[:0]
		for _, e := range b.Preds {
			if e.From.number >= 0 {
				kept = append(kept, e)
			}
		}
		b.Preds = kept
	}
	f.dominators()
}

func (f *Func) postorder() (order []*Block) {
	type step struct {
		b    *Block
		next int
	}
	entry := f.Blocks[0]
	entry.number = 0
	stack := []step{{entry, len(entry.Succs)}}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if top.next == 0 {
			order = append(order, top.b)
			stack = stack[:len(stack)-1]
			continue
		}
		top.next--
		if to := top.b.Succs[top.next].To; to.number < 0 {
			to.number = 0
			stack = append(stack, step{to, len(to.Succs)})
		}
	}
	return order
}

// isEntry: control comes here from outside.
func (b *Block) isEntry() bool { return b.number == 0 || b.Resumes }

// dominators are found as Cooper, Harvey and Kennedy do ("A Simple, Fast Dominance
// Algorithm", 2001). nil stands above all entries.
func (f *Func) dominators() {
	done := make([]bool, len(f.Blocks))
	for _, b := range f.Blocks {
		b.idom = nil
	}
	for changed := true; changed; {
		changed = false
		for i, b := range f.Blocks {
			d := dominatorOf(b, done)
			if !done[i] || d != b.idom {
				b.idom, done[i], changed = d, true, true
			}
		}
	}
}

func dominatorOf(b *Block, done []bool) *Block {
	if b.isEntry() {
		return nil
	}
	var d *Block
	first := true
	for _, e := range b.Preds {
		if !done[e.From.number] {
			continue
		}
		if first {
			d, first = e.From, false
		} else {
			d = commonDominator(d, e.From)
		}
	}
	return d
}

func commonDominator(a, b *Block) *Block {
	for a != b {
		if a == nil || b == nil {
			return nil
		}
		if a.number > b.number {
			a = a.idom
		} else {
			b = b.idom
		}
	}
	return a
}

// domTree numbers the dominator tree's nodes as a walk enters and leaves them: who
// dominates whom is then a question of intervals, and no climb.
type domTree struct{ in, out []int32 }

func (f *Func) tree() domTree {
	t := domTree{make([]int32, len(f.Blocks)), make([]int32, len(f.Blocks))}
	children := make([][]int32, len(f.Blocks))
	var roots []int32
	for i, b := range f.Blocks {
		if b.idom == nil {
			roots = append(roots, int32(i))
		} else {
			children[b.idom.number] = append(children[b.idom.number], int32(i))
		}
	}
	clock := int32(0)
	type step struct {
		b    int32
		next int
	}
	for _, r := range roots {
		clock++
		t.in[r] = clock
		stack := []step{{r, 0}}
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if top.next == len(children[top.b]) {
				clock++
				t.out[top.b] = clock
				stack = stack[:len(stack)-1]
				continue
			}
			c := children[top.b][top.next]
			top.next++
			clock++
			t.in[c] = clock
			stack = append(stack, step{c, 0})
		}
	}
	return t
}

// dominates: every way to b goes through a.
func (t domTree) dominates(a, b *Block) bool {
	return t.in[a.number] <= t.in[b.number] && t.out[b.number] <= t.out[a.number]
}
