package compiler

import "github.com/holiman/uint256"

// memory lets an MLOAD have the word that was stored where it reads, an MSTORE that changes
// nothing vanish, and a KECCAK256 of one
// or two words have these words: what Solidity computes a mapping's slot with becomes a
// pure operation of the key and the base, which value numbering then finds again. (slots)
// Offsets are compared as a base and a constant.

// offset is a word as base + add; base is nil of a constant.
type offset struct {
	base *Value
	add  uint256.Int
}

func offsetOf(v *Value) (o offset) {
	switch {
	case v.Op == OpConst:
		o.add = *v.Const
	case v.Op == 0x01 && v.Args[0].Op == OpConst:
		o.base, o.add = v.Args[1], *v.Args[0].Const
	default:
		o.base = v
	}
	return o
}

// distance is how far b is behind a, where that is known and small.
func (a offset) distance(b offset) (n int64, ok bool) {
	if a.base != b.base {
		return 0, false
	}
	d := new(uint256.Int).Sub(&b.add, &a.add)
	switch minus := new(uint256.Int).Neg(d); {
	case d.IsUint64() && d.Uint64() < 1<<40:
		return int64(d.Uint64()), true
	case minus.IsUint64() && minus.Uint64() < 1<<40:
		return -int64(minus.Uint64()), true
	}
	return 0, false
}

// memorySteps bound the search for a store.
const memorySteps = 64

// wordAt is the word in memory at an offset in a version of memory, where it is known.
func (f *Func) wordAt(at *Value, o offset) *Value {
	for range memorySteps {
		switch at.Op {
		case OpStart:
			b := at.Block
			if b.number == 0 && len(b.Preds) == 0 && o.base == nil {
				return f.number(0)
			}
			if b.isEntry() || len(b.Preds) != 1 {
				return nil
			}
			at = b.Preds[0].From.End[Mem]
			continue
		case OpCopy: // a store that did nothing
		case 0x52: // MSTORE
			d, ok := offsetOf(through(at.Args[0])).distance(o)
			if ok && d == 0 {
				return through(at.Args[1])
			}
			if !ok || (d < 32 && d > -32) {
				return nil
			}
		default:
			if !apart(at, o) {
				return nil
			}
		}
		at = at.State[Mem]
	}
	return nil
}

// apart: a writer of memory other than MSTORE does not write the word at an offset.
func apart(at *Value, o offset) bool {
	var to, size *Value
	switch at.Op {
	case 0x53:
		d, ok := offsetOf(through(at.Args[0])).distance(o)
		return ok && (d >= 1 || d <= -32)
	case 0x37, 0x39, 0x3e, 0x5e:
		to, size = through(at.Args[0]), through(at.Args[2])
	case 0x3c:
		to, size = through(at.Args[1]), through(at.Args[3])
	default:
		return false
	}
	n := int64(size.small())
	d, ok := offsetOf(to).distance(o)
	return ok && n >= 0 && (d >= n || d <= -32)
}

func memory(f *Func, _ *Options) int {
	count := 0
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			throughAll(v.Args)
			if v.Op != 0x51 && v.Op != 0x52 {
				continue
			}
			w := f.wordAt(v.State[Mem], offsetOf(v.Args[0]))
			switch {
			case w == nil || w == v:
				continue
			case v.Op == 0x51:
				v.become(w)
			case w == v.Args[1]:
				v.vanish() // the word is there
			default:
				continue
			}
			count++
		}
	}
	f.resolve()
	return count
}

// slots turns a KECCAK256 of words in memory that are known into one of these words.
func slots(f *Func, _ *Options) int {
	count := 0
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			throughAll(v.Args)
			if v.Op == 0x20 && f.recognise(v) {
				count++
			}
		}
	}
	f.resolve()
	return count
}

func (f *Func) recognise(v *Value) bool {
	size := v.Args[1].small()
	if size != 32 && size != 64 {
		return false
	}
	o := offsetOf(v.Args[0])
	first := f.wordAt(v.State[Mem], o)
	if first == nil {
		return false
	}
	op, words := OpHash1, []*Value{first}
	if size == 64 {
		o.add.AddUint64(&o.add, 32)
		second := f.wordAt(v.State[Mem], o)
		if second == nil {
			return false
		}
		op, words = OpHash2, []*Value{first, second}
	}
	v.Op, v.Args, v.State = op, words, [States]*Value{}
	return true
}
