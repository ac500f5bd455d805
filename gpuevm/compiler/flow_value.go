package compiler

import (
	"slices"

	"github.com/holiman/uint256"
)

// known is what the jump analysis knows of a stack word: nil is nothing; else it is one
// constant, or one of several JUMPDESTs. Sets of other constants are not kept: return
// addresses are what a stack word has several of, and all that a jump can use.
type known struct {
	constant *uint256.Int
	targets  []int32 // instructions, in order
	label    bool    // the constant is likely meant as a target, or to be part of one
	guess    bool    // of targets: or any other word; only in the block that loaded it
}

// made is an unknown word that the block itself computed: not an argument whose callers
// disagree. Outside of its block it is unknown as any other.
var made = &known{}

func constant(v *uint256.Int) *known { return &known{constant: v} }

// pushedAt is the word of a PUSH. Compilers push labels with two bytes or more wherever a
// code is longer than 256; shorter ones that happen to be a JUMPDEST's position are sizes and
// offsets.
func (p *program) pushedAt(i int32) *known {
	k := constant(p.pushed(i))
	wide := p.insts[i].op > push0+1 || len(p.code) <= 256
	k.label = wide && p.target(k.constant) >= 0
	return k
}

func same(a, b *known) bool {
	if a == b {
		return true
	}
	if a == nil || b == nil || (a.constant == nil) != (b.constant == nil) {
		return false
	}
	if a.constant != nil {
		return a.constant.Eq(b.constant)
	}
	return slices.Equal(a.targets, b.targets)
}

// asTargets is the JUMPDESTs that a word may be; nil where it may be something else.
func (p *program) asTargets(k *known) []int32 {
	if k == nil {
		return nil
	}
	if k.constant == nil {
		return k.targets
	}
	if t := p.target(k.constant); k.label && t >= 0 {
		return []int32{t}
	}
	return nil
}

// merge is what is known of a word that is a on one path and b on another.
func (p *program) merge(a, b *known, limit int) *known {
	if same(a, b) {
		return a
	}
	ta, tb := p.asTargets(a), p.asTargets(b)
	if ta == nil || tb == nil {
		return nil
	}
	all := make([]int32, 0, len(ta)+len(tb))
	all = append(append(all, ta...), tb...)
	slices.Sort(all)
	all = slices.Compact(all)
	if len(all) == len(ta) && a.constant == nil {
		return a
	}
	if len(all) > limit {
		return nil
	}
	return &known{targets: all}
}

// apply computes an opcode on what is known. Where one operand is a set (a function pointer
// that is masked) it is applied to each.
func (p *program) apply(op byte, args []*known) *known {
	words := make([]*uint256.Int, len(args))
	set := -1
	for i, a := range args {
		switch {
		case a == nil || a == made:
			return made
		case a.constant != nil:
			words[i] = a.constant
		case set >= 0:
			return made
		default:
			set = i
		}
	}
	if set < 0 {
		v := evaluate(op, words)
		if v == nil {
			return made
		}
		k := constant(v)
		for _, a := range args {
			k.label = k.label || (a.label && p.target(v) >= 0)
		}
		return k
	}
	targets := make([]int32, 0, len(args[set].targets))
	for _, t := range args[set].targets {
		words[set] = uint256.NewInt(uint64(p.insts[t].pc))
		v := evaluate(op, words)
		if v == nil || p.target(v) < 0 {
			return made
		}
		targets = append(targets, p.target(v))
	}
	slices.Sort(targets)
	return &known{targets: slices.Compact(targets), guess: args[set].guess}
}
