package compiler

import "github.com/gpuevm/gpuevm/gpuevm/opcode"

// loads lets an SLOAD have the word that was loaded or stored in its slot before, where
// nothing between can have changed it. What it costs is then known, since the slot is warm:
// the section pays it.
func loads(f *Func, _ *Options) int {
	count := 0
	for _, b := range f.Blocks {
		owed := bill{}
		for _, v := range b.Values {
			throughAll(v.Args)
			if v.Op != 0x54 {
				continue
			}
			w := f.loaded(v)
			if w == nil {
				continue
			}
			if f.Revision >= opcode.Berlin {
				owed[v] = warmRead
			}
			states := v.State
			v.become(w)
			v.State = states
			count++
		}
		b.settle(owed)
	}
	f.resolve()
	return count
}

const warmRead = 100 // EIP-2929

// loaded is the word that a slot must hold.
func (f *Func) loaded(v *Value) *Value {
	key := v.Args[0]
	at := v.State[World]
	for range memorySteps {
		switch at.Op {
		case OpStart:
			b := at.Block
			if b.isEntry() || len(b.Preds) != 1 {
				return nil
			}
			at = b.Preds[0].From.End[World]
			continue
		case 0x54:
			if through(at.Args[0]) == key {
				return at
			}
		case 0x55:
			if through(at.Args[0]) == key {
				return through(at.Args[1])
			}
			if d, ok := offsetOf(through(at.Args[0])).distance(offsetOf(key)); !ok || d == 0 {
				return nil
			}
		case OpCopy:
		default:
			if !harmless(at.Op, 0x54) {
				return nil
			}
		}
		at = at.State[World]
	}
	return nil
}

// bill is gas that values would charge and the checks of their sections shall.
type bill map[*Value]uint64

// settle moves it there. What charges before or with such a value gives it back should it
// leave: the interpreter charges it then.
func (b *Block) settle(owed bill) {
	sum := uint64(0)
	for i := len(b.Values) - 1; i >= 0 && len(owed) > 0; i-- {
		v := b.Values[i]
		sum += owed[v]
		if v.Op == OpSection {
			v.Fixed += sum
			sum = 0
		} else if v.Exit != nil {
			v.Rest += sum
		}
	}
}
