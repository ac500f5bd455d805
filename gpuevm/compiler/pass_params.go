package compiler

// params removes parameters that are no choice: all edges bring one value, or the parameter
// itself. That value then dominates the block, since each way in has passed it. Where frames
// resume a parameter stays: what it would stand for is gone.
func params(f *Func, _ *Options) int {
	count := 0
	for changed := true; changed; {
		changed = false
		for _, b := range f.Blocks {
			for i, p := range b.Params {
				if p.Op != OpParam {
					continue
				}
				if v := onlyChoice(b, i, p); v != nil {
					p.become(v)
					count++
					changed = true
				}
			}
		}
	}
	f.resolve()
	f.dropParams()
	return count
}

func onlyChoice(b *Block, i int, p *Value) *Value {
	var only *Value
	for _, e := range b.Preds {
		a := through(e.Args[i])
		if a == p {
			continue
		}
		if a == nil || (only != nil && a != only) {
			return nil
		}
		only = a
	}
	if only != nil && b.Resumes && only.Op != OpConst {
		return nil
	}
	return only
}
