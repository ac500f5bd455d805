package compiler

// A pass that has a better value for v turns v into a copy of it; one that has no use for
// what v does to the states turns it into a copy of nothing. resolve then lets all users
// look through, in one sweep, and drops the copies.

// become makes v a copy.
func (v *Value) become(of *Value) {
	v.Op = OpCopy
	v.Args = append(v.Args[:0], of)
	v.Exit, v.Const = nil, nil
}

// vanish makes v nothing: who needs its states needs those that it found.
func (v *Value) vanish() {
	v.Op, v.Args, v.Exit = OpCopy, v.Args[:0], nil
}

func through(v *Value) *Value {
	for v != nil && v.Op == OpCopy {
		v = v.Args[0]
	}
	return v
}

func throughState(v *Value, s State) *Value {
	for v != nil && (v.Op == OpCopy || v.Op == OpGrow && s == Gas) {
		v = v.State[s]
	}
	return v
}

func throughAll(list []*Value) {
	for i, v := range list {
		if v != nil && v.Op == OpCopy {
			list[i] = through(v)
		}
	}
}

// words calls f for each list of words that a block uses.
func (b *Block) words(f func([]*Value)) {
	for _, v := range b.Values {
		if v.Op == OpCopy {
			continue
		}
		f(v.Args)
		if v.Exit != nil {
			f(v.Exit.Stack)
		}
	}
	f(b.Control)
	if b.Exit != nil {
		f(b.Exit.Stack)
	}
	for _, e := range b.Succs {
		f(e.Args)
	}
}

func (f *Func) resolve() {
	for _, b := range f.Blocks {
		b.words(throughAll)
		for s := range States {
			for _, v := range b.Values {
				v.State[s] = throughState(v.State[s], s)
			}
			b.End[s] = throughState(b.End[s], s)
		}
	}
	for _, b := range f.Blocks {
		kept := b.Values[:0]
		for _, v := range b.Values {
			if v.Op != OpCopy {
				kept = append(kept, v)
			}
		}
		clear(b.Values[len(kept):])
		b.Values = kept
	}
}

// dropParams removes the parameters that have become copies, and their arguments.
func (f *Func) dropParams() {
	for _, b := range f.Blocks {
		if !hasCopy(b.Params) {
			continue
		}
		for _, e := range b.Preds {
			kept := e.Args[:0]
			for i, p := range b.Params {
				if p.Op != OpCopy {
					kept = append(kept, e.Args[i])
				}
			}
			e.Args = kept
		}
		kept := b.Params[:0]
		for _, p := range b.Params {
			if p.Op != OpCopy {
				kept = append(kept, p)
			}
		}
		b.Params = kept
	}
}

func hasCopy(list []*Value) bool {
	for _, v := range list {
		if v.Op == OpCopy {
			return true
		}
	}
	return false
}
