package compiler

// schedule orders the values of each block, unless program order is asked for. It keeps an
// order only where it is quicker.
func schedule(f *Func, o *Options) int {
	if o.Order == Program {
		return 0
	}
	p := f.pressure()
	count := 0
	for _, b := range f.Blocks {
		if len(b.Values) < 3 {
			continue
		}
		g := newGraph(f, b)
		before, _ := g.cycles(g.programOrder())
		order := g.parallel(p, RegisterWords)
		if after, _ := g.cycles(order); after >= before {
			continue
		}
		values := make([]*Value, len(order))
		for i, at := range order {
			values[i] = b.Values[at]
		}
		b.Values = values
		count++
	}
	return count
}
