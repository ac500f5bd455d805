package compiler

// branch straightens control: branches that are decided, jumps whose target has become a
// constant, ISZERO before a branch, and blocks in which nothing happens.
func branch(f *Func, _ *Options) int {
	count := 0
	for _, b := range f.Blocks {
		for b.straighten() {
			count++
		}
	}
	for _, b := range f.Blocks {
		for _, e := range b.Succs {
			count += e.thread()
		}
	}
	if count > 0 {
		f.renumber()
	}
	return count
}

// straighten reports whether it changed how a block ends.
func (b *Block) straighten() bool {
	switch {
	case b.Kind == KindBranch && b.Control[0].Op == OpConst:
		taken := 0
		if b.Control[0].Const.IsZero() {
			taken = 1
		}
		b.only(taken)
	case b.Kind == KindBranch && b.Control[0].Op == 0x15: // ISZERO
		b.Control[0] = b.Control[0].Args[0]
		b.Succs[0], b.Succs[1] = b.Succs[1], b.Succs[0]
	case b.Kind == KindBranch && b.Succs[0].To == b.Succs[1].To && sameWords(b.Succs[0].Args, b.Succs[1].Args):
		b.only(0)
	case b.Kind == KindJump && b.Control[0].Op == OpConst:
		return b.decideJump(b.Control[0].small())
	default:
		return false
	}
	return true
}

func (b *Block) decideJump(to int) bool {
	for i, e := range b.Succs {
		if e.PC == to {
			b.only(i)
			b.Exit = nil
			return true
		}
	}
	return false // the interpreter knows
}

// only keeps one of the ways on.
func (b *Block) only(i int) {
	kept := b.Succs[i]
	for _, e := range b.Succs {
		if e != kept {
			e.detach()
		}
	}
	b.Kind, b.Control, b.Succs = KindGoto, nil, []*Edge{kept}
}

// detach takes an edge from its target.
func (e *Edge) detach() {
	preds := e.To.Preds
	for i, p := range preds {
		if p == e {
			e.To.Preds = append(preds[:i], preds[i+1:]...)
			return
		}
	}
}

// thread lets an edge skip blocks in which nothing happens. What their edges bring was
// computed before them: they have no values and no parameters.
func (e *Edge) thread() (count int) {
	for range 16 {
		via := e.To
		if via.Kind != KindGoto || len(via.Values) > 0 || len(via.Params) > 0 || via.isEntry() || e.From.Kind == KindCall {
			return count
		}
		next := via.Succs[0]
		if next.To == via {
			return count
		}
		e.detach()
		e.To = next.To
		e.Args = append([]*Value(nil), next.Args...)
		e.To.Preds = append(e.To.Preds, e)
		count++
	}
	return count
}

func sameWords(a, b []*Value) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return len(a) == len(b)
}
