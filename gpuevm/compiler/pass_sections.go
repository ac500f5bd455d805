package compiler

// sections joins a section with the one before it in its block where nobody looks at the gas
// between them: the first then pays both. Who can't pay both leaves at the first, and the
// interpreter fails where it has to. (Of 10 KB from Solidity it leaves a third of the
// sections, and of the words that their exits keep in memory.)
func sections(f *Func, _ *Options) int {
	count := 0
	for _, b := range f.Blocks {
		looks := map[*Value]int{} // at the gas that a value leaves
		for _, v := range b.Values {
			if v.Op != OpGrow {
				looks[v.State[Gas]]++
			}
		}
		first := map[*Value]*Value{} // of the section that a section has become part of
		for _, v := range b.Values {
			before := v.State[Gas]
			if v.Op != OpSection || before == nil || before.Op != OpSection && first[before] == nil || looks[before] != 1 {
				continue
			}
			to := before
			if first[before] != nil {
				to = first[before]
			}
			to.Fixed += v.Fixed
			first[v] = to
			v.vanish()
			count++
		}
	}
	f.resolve()
	return count
}
