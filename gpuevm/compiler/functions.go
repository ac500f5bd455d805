package compiler

import (
	"fmt"

	"github.com/holiman/uint256"
)

// Function is what a contract does for one selector, as far as its dispatcher tells: a
// branch that compares the first four bytes of the input with a constant. Blocks that
// several functions reach are part of each.
type Function struct {
	Selector uint32
	Blocks   []*Block
	rest     bool // what runs for no selector that is known
}

// Name is the selector in hex; that of all other input is "other".
func (fn *Function) Name() string {
	if fn.rest {
		return "other"
	}
	return fmt.Sprintf("%#08x", fn.Selector)
}

// Functions lists the functions, last those blocks that none of them reaches.
func (f *Func) Functions() []Function {
	var list []Function
	covered := map[*Block]bool{}
	dispatch := map[*Block]bool{}
	type entry struct {
		selector uint32
		b        *Block
	}
	var entries []entry
	for _, b := range f.Blocks {
		if selector, to := f.selectorOf(b); to != nil {
			dispatch[b] = true
			entries = append(entries, entry{selector, to})
		}
	}
	for _, e := range entries {
		fn := Function{Selector: e.selector, Blocks: reachable(e.b, dispatch)}
		for _, b := range fn.Blocks {
			covered[b] = true
		}
		list = append(list, fn)
	}
	rest := Function{rest: true}
	for _, b := range f.Blocks {
		if !covered[b] {
			rest.Blocks = append(rest.Blocks, b)
		}
	}
	return append(list, rest)
}

// reachable are the blocks that a block leads to, without the dispatcher.
func reachable(from *Block, dispatch map[*Block]bool) (list []*Block) {
	seen := map[*Block]bool{from: true}
	for list = append(list, from); ; {
		grown := false
		for _, b := range list {
			for _, e := range b.Succs {
				if !seen[e.To] && !dispatch[e.To] {
					seen[e.To], grown = true, true
					list = append(list, e.To)
				}
			}
		}
		if !grown {
			return list
		}
	}
}

// selectorOf: the selector that a block tests, and where it goes for it.
func (f *Func) selectorOf(b *Block) (uint32, *Block) {
	if b.Kind != KindBranch {
		return 0, nil
	}
	c := b.Control[0]
	if len(c.Args) != 2 || c.Args[0].Op != OpConst || !isSelector(c.Args[1]) {
		return 0, nil
	}
	with := c.Args[0].Const
	to := b.Succs[1].To // a difference is 0
	switch c.Op {
	case 0x14: // EQ
		to = b.Succs[0].To
	case 0x18: // XOR
	case 0x01: // ADD of the negative
		with = new(uint256.Int).Neg(with)
	default:
		return 0, nil
	}
	if with.BitLen() > 32 {
		return 0, nil
	}
	return uint32(with.Uint64()), to
}

// isSelector: the input shifted right to its first four bytes.
func isSelector(v *Value) bool {
	if v.Op == 0x16 && v.Args[0].small() == -1 && v.Args[0].Op == OpConst { // old compilers mask as well
		v = v.Args[1]
	}
	return v.Op == 0x1c && v.Args[0].small() == 224 && v.Args[1].Op == 0x35 && v.Args[1].Args[0].small() == 0
}
