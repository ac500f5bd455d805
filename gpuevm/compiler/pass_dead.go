package compiler

// dead removes what nobody needs: words that are not used, and parameters that are used for
// nothing but themselves. What writes a state stays.
func dead(f *Func, _ *Options) int {
	live := map[*Value]bool{}
	var todo []*Value
	need := func(list []*Value) {
		for _, v := range list {
			if v != nil && v.Block != nil && !live[v] {
				live[v] = true
				todo = append(todo, v)
			}
		}
	}
	for _, b := range f.Blocks {
		need(b.Control)
		if b.Exit != nil {
			need(b.Exit.Stack)
		}
		for _, v := range b.Values {
			if !removable(f, v) {
				need([]*Value{v})
			}
		}
	}
	for len(todo) > 0 {
		v := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		need(v.Args)
		if v.Exit != nil {
			need(v.Exit.Stack)
		}
		if v.Op != OpParam {
			continue
		}
		for i, p := range v.Block.Params {
			if p != v {
				continue
			}
			for _, e := range v.Block.Preds {
				need(e.Args[i : i+1])
			}
		}
	}
	return f.sweep(live)
}

func removable(f *Func, v *Value) bool {
	return v.Op != OpSection && effectOf(v.Op, f.Revision).writes == 0
}

func (f *Func) sweep(live map[*Value]bool) (count int) {
	for _, b := range f.Blocks {
		for _, list := range [][]*Value{b.Params, b.Values} {
			for _, v := range list {
				if !live[v] {
					v.vanish()
					count++
				}
			}
		}
	}
	f.dropParams()
	f.resolve()
	return count
}
