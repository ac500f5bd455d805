package compiler

import (
	"encoding/binary"
	"slices"
)

// number gives values that are bound to be equal one name (global value numbering): pure
// operations on the same operands, and reads of the same version of a state, where one
// dominates the other. Parameters that get the same words on all edges are one, too.
func number(f *Func, _ *Options) int {
	n := &numbering{f: f, table: map[string]*Value{}}
	children := make([][]*Block, len(f.Blocks))
	var roots []*Block
	for _, b := range f.Blocks {
		if b.idom == nil {
			roots = append(roots, b)
		} else {
			children[b.idom.number] = append(children[b.idom.number], b)
		}
	}
	type step struct {
		b     *Block
		next  int
		added []string
	}
	for _, r := range roots {
		stack := []step{{b: r, added: n.block(r)}}
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if c := children[top.b.number]; top.next < len(c) {
				top.next++
				stack = append(stack, step{b: c[top.next-1], added: n.block(c[top.next-1])})
				continue
			}
			for _, key := range top.added {
				delete(n.table, key)
			}
			stack = stack[:len(stack)-1]
		}
	}
	f.resolve()
	f.dropParams()
	return n.count
}

type numbering struct {
	f     *Func
	table map[string]*Value
	key   []byte
	count int
}

// block numbers the values of a block and returns the keys that it added.
func (n *numbering) block(b *Block) (added []string) {
	n.params(b)
	for _, v := range b.Values {
		throughAll(v.Args)
		if !isPure(v.Op) && (!v.IsWord() || effectOf(v.Op, n.f.Revision).writes != 0) {
			continue
		}
		n.name(v)
		if first := n.table[string(n.key)]; first != nil {
			v.become(first)
			n.count++
			continue
		}
		key := string(n.key)
		n.table[key] = v
		added = append(added, key)
	}
	return added
}

// name is what a value computes.
func (n *numbering) name(v *Value) {
	k := binary.AppendUvarint(n.key[:0], uint64(v.Op))
	ids := make([]uint64, 0, 4)
	for _, a := range v.Args {
		ids = append(ids, uint64(a.ID))
	}
	if commutes(v.Op) {
		slices.Sort(ids[:2])
	}
	for _, id := range ids {
		k = binary.AppendUvarint(k, id)
	}
	for s := range States {
		at := v.State[s]
		if at == nil || (s == Size && v.Op != 0x59) { // grown is grown
			continue
		}
		k = binary.AppendUvarint(k, uint64(n.f.clobber(at, s, v).ID))
	}
	n.key = k
}

func commutes(op Op) bool {
	switch op {
	case 0x01, 0x02, 0x14, 0x16, 0x17, 0x18, 0x08, 0x09:
		return true
	}
	return false
}

// clobber is the version of a state that decides what a read finds: writers that can't
// matter are passed by, also in blocks that the block can only be reached through.
func (f *Func) clobber(at *Value, s State, read *Value) *Value {
	for range 64 {
		if at.Op == OpStart {
			b := at.Block
			if b.isEntry() || len(b.Preds) != 1 {
				return at
			}
			at = b.Preds[0].From.End[s]
			continue
		}
		if s != World || !harmless(at.Op, read.Op) {
			return at
		}
		at = at.State[s]
	}
	return at
}

// harmless: what the first does to the world the second does not see.
func harmless(write, read Op) bool {
	switch write {
	case 0x31, 0x3b, 0x3c, 0x3f, 0x54: // only remember what was accessed
		return true
	case 0xa0, 0xa1, 0xa2, 0xa3, 0xa4: // LOG
		return true
	case 0x55: // SSTORE
		return read != 0x54
	case 0x5d: // TSTORE
		return read != 0x5c
	}
	return false
}

// params merges parameters of a block that always are equal.
func (n *numbering) params(b *Block) {
	if len(b.Params) < 2 || len(b.Preds) == 0 {
		return
	}
	seen := map[string]*Value{}
	for i, p := range b.Params {
		k := n.key[:0]
		for _, e := range b.Preds {
			id := 0
			if a := through(e.Args[i]); a != nil {
				id = a.ID
			}
			k = binary.AppendUvarint(k, uint64(id))
		}
		n.key = k
		if first := seen[string(k)]; first != nil {
			p.become(first)
			n.count++
		} else {
			seen[string(k)] = p
		}
	}
}
