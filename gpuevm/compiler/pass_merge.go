package compiler

// merge makes one block of two where the second follows the first and nothing else. Larger
// blocks have more that may run side by side.
func merge(f *Func, _ *Options) int {
	count := 0
	for _, b := range f.Blocks {
		if b.number < 0 {
			continue // is part of another
		}
		for b.Kind == KindGoto {
			to := b.Succs[0].To
			if len(to.Preds) != 1 || to.isEntry() || to == b {
				break
			}
			b.absorb(to)
			to.number = -1
			count++
		}
	}
	if count > 0 {
		f.resolve()
		f.renumber()
	}
	return count
}

func (b *Block) absorb(to *Block) {
	for i, p := range to.Params {
		p.become(b.Succs[0].Args[i])
	}
	for _, v := range to.Values {
		v.Block = b
		for s := range States {
			if v.State[s] == to.Start {
				v.State[s] = b.End[s]
			}
		}
	}
	for s := range States {
		if to.End[s] != to.Start {
			b.End[s] = to.End[s]
		}
	}
	b.Values = append(b.Values, to.Values...)
	b.Kind, b.Op, b.Control, b.Exit, b.EndPC = to.Kind, to.Op, to.Control, to.Exit, to.EndPC
	b.Source = append(b.Source, to.Source...)
	b.Succs = to.Succs
	for _, e := range b.Succs {
		e.From = b
	}
}
