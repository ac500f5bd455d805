package compiler

import "github.com/gpuevm/gpuevm/gpuevm/opcode"

// loads lets an SLOAD have the word that was loaded or stored in its slot before, where
// nothing between can have changed it. What it costs is then known, since the slot is warm:
// the section pays it.
func loads(f *Func, _ *Options) int {
	count := 0
	for _, b := range f.Blocks {
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
				b.prepay(v, warmRead)
			}
			states := v.State
			v.become(w)
			v.State = states
			count++
		}
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

// prepay moves gas that v would charge to the check of its section. What charges before it
// there gives it back should it leave.
func (b *Block) prepay(v *Value, cost uint64) {
	at := len(b.Values) - 1
	for b.Values[at] != v {
		at--
	}
	for at--; b.Values[at].Op != OpSection; at-- {
		if w := b.Values[at]; w.Op < opEnd && w.Exit != nil {
			w.Rest += cost
		}
	}
	b.Values[at].Fixed += cost
}
