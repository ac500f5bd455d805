package compiler

// pruneParams removes parameters that are no choice: all edges bring one value, or the parameter
// itself. That value then dominates the block, since each way in has passed it. Where frames
// resume a parameter stays: what it would stand for is gone.
func pruneParams(f *Func, _ *Options) int {
	count := 0
	for round, changed := 0, true; changed && round < manyRounds; round++ {
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

// manyRounds are enough for what compilers write; hostile code keeps the parameters that
// are left.
const manyRounds = 64

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
