package compiler

// Return addresses in memory: Vyper's private functions find theirs at an offset of their
// own, and tables of functions are written before they are used. What is stored at a constant
// offset anywhere in the code is what is likely loaded there.

// storedLabels are the JUMPDESTs that are stored at an offset.
type storedLabels struct {
	stored *known  // nil as long as there are none
	loads  []*node // who wants to know
}

func (f *flow) labelsAt(offset *known) *storedLabels {
	if offset == nil || offset.constant == nil || !offset.constant.IsUint64() {
		return nil
	}
	at := offset.constant.Uint64()
	l := f.memory[at]
	if l == nil {
		l = new(storedLabels)
		f.memory[at] = l
	}
	return l
}

func (f *flow) store(value, offset *known) {
	targets := f.asTargets(value)
	if targets == nil {
		return
	}
	l := f.labelsAt(offset)
	if l == nil {
		return
	}
	now := &known{targets: targets}
	if l.stored != nil {
		now = f.merge(&known{targets: l.stored.targets}, now, f.limits.Targets)
	}
	if now == nil || l.stored != nil && len(now.targets) == len(l.stored.targets) {
		return // nothing new, or too many: the first are kept
	}
	l.stored = &known{targets: now.targets, guess: true}
	for _, n := range l.loads {
		f.queue(n)
	}
}

// load is what a word in memory likely is.
func (f *flow) load(offset *known) *known {
	l := f.labelsAt(offset)
	if l == nil {
		return made
	}
	if len(l.loads) == 0 || l.loads[len(l.loads)-1] != f.walked {
		l.loads = append(l.loads, f.walked)
	}
	if l.stored == nil {
		return made
	}
	return l.stored
}
