package compiler

import "fmt"

// check finds what a pass must never leave behind. It runs after each pass in tests; its
// faults carry a name so that the tests can plant each of them.
type checker struct {
	f       *Func
	tree    domTree
	defined map[*Value]int // position in its block, from 1; parameters and start 0
	fault   error
}

// Faults that the checker names.
const (
	faultArity     = "arity"     // operands are too many or too few
	faultType      = "type"      // an operand is no word, or a state is none
	faultDominance = "dominance" // a value is used where it may not have been computed
	faultOrder     = "order"     // a version of a state is used that is not current
	faultEdge      = "edge"      // arguments and parameters, successors and predecessors disagree
	faultExit      = "exit"      // an exit lacks what the interpreter needs
	faultOwner     = "owner"     // a value stands in a block that is not its own, or twice
)

// Check reports the first fault of a contract, or nil.
func (f *Func) Check() error {
	c := &checker{f: f, tree: f.tree(), defined: map[*Value]int{}}
	for _, b := range f.Blocks {
		c.define(b)
	}
	for _, b := range f.Blocks {
		c.block(b)
		if c.fault != nil {
			return c.fault
		}
	}
	return nil
}

func (c *checker) say(fault string, b *Block, v *Value, format string, args ...any) {
	if c.fault == nil {
		where := fmt.Sprintf("b%d", b.ID)
		if v != nil {
			where += " " + name(v) + " " + v.Op.String()
		}
		c.fault = fmt.Errorf("%s: %s: %s", fault, where, fmt.Sprintf(format, args...))
	}
}

func (c *checker) define(b *Block) {
	own := func(v *Value, at int) {
		if _, twice := c.defined[v]; twice || v.Block != b {
			c.say(faultOwner, b, v, "stands here")
		}
		c.defined[v] = at
	}
	own(b.Start, 0)
	for _, p := range b.Params {
		own(p, 0)
		if p.Op != OpParam || p.Slot >= max(b.Height, 1) {
			c.say(faultType, b, p, "is no parameter")
		}
	}
	for i, v := range b.Values {
		own(v, i+1)
	}
}

// arity is how many operands an operation takes.
func arity(v *Value) int {
	switch {
	case v.Op == OpTouch && len(v.Args) == 3:
		return 3
	case v.Op == OpTouch || v.Op == OpGrow || v.Op == OpHash2:
		return 2
	case v.Op == OpCharge || v.Op == OpHash1:
		return 1
	case v.Op >= 256:
		return 0
	}
	return pops(v.Op)
}

func (c *checker) block(b *Block) {
	var current [States]*Value
	for s := range States {
		current[s] = b.Start
	}
	for i, v := range b.Values {
		if v.Op >= opEnd || v.Op == OpCopy || v.Op == OpConst || v.Op == OpParam || v.Op == OpStart {
			c.say(faultType, b, v, "can't stand in a block")
		}
		if len(v.Args) != arity(v) {
			c.say(faultArity, b, v, "has %d operands, takes %d", len(v.Args), arity(v))
		}
		c.uses(b, v, v.Args, i+1)
		c.states(b, v, &current)
		if v.Exit != nil {
			at := i + 1
			if v.Exit.After {
				at++
			}
			c.exit(b, v, v.Exit, at)
		}
	}
	c.ending(b, &current)
}

// states checks that v reads the versions that are current and makes its own current. Reads
// of the size of memory only say that it was grown before: any version since will do.
func (c *checker) states(b *Block, v *Value, current *[States]*Value) {
	e := effectOf(v.Op, c.f.Revision)
	if v.Exit != nil {
		e.reads = allStates
	}
	for s := range States {
		if !e.reads.Has(s) {
			if v.State[s] != nil {
				c.say(faultType, b, v, "reads %s", s)
			}
			continue
		}
		at := v.State[s]
		if at == nil || (at.Op != OpStart && !at.writes(s, c.f.Revision)) {
			c.say(faultType, b, v, "%s of %s is no version", s, name(at))
		} else if exact := s != Size || v.Exit != nil || e.writes.Has(Size) || v.Op == 0x59; at != current[s] && (exact || !c.before(at, b, v)) {
			c.say(faultOrder, b, v, "reads %s of %s, current is %s", s, name(at), name(current[s]))
		}
	}
	for s := range States {
		if e.writes.Has(s) {
			current[s] = v
		}
	}
}

// before: a stands in the same block before v.
func (c *checker) before(a *Value, b *Block, v *Value) bool {
	at, ok := c.defined[a]
	return ok && a.Block == b && at < c.defined[v]
}

func (c *checker) uses(b *Block, by *Value, words []*Value, at int) {
	for _, w := range words {
		switch {
		case w == nil || !w.IsWord() || w.Op == OpCopy:
			c.say(faultType, b, by, "uses %s, which is no word", name(w))
			return
		case w.Op == OpConst:
			continue
		}
		pos, ok := c.defined[w]
		if !ok || !(w.Block == b && pos < at || w.Block != b && c.tree.dominates(w.Block, b)) {
			c.say(faultDominance, b, by, "uses %s, which may not have been computed", name(w))
		}
	}
}

func (c *checker) exit(b *Block, v *Value, x *Exit, at int) {
	if x.PC > len(c.f.Code) || x.PC < 0 && b.Kind != KindJump {
		c.say(faultExit, b, v, "leaves to %#x", x.PC)
	}
	if len(x.Stack) > stackLimit {
		c.say(faultExit, b, v, "leaves a stack of %d", len(x.Stack))
	}
	c.uses(b, v, x.Stack, at)
}

// shapes are operands and successors of the ways to end a block; -1 is any number.
var shapes = [...]struct{ control, succs int }{
	KindStop: {0, 0}, KindReturn: {2, 0}, KindRevert: {2, 0}, KindSelfDestruct: {1, 0}, KindUndefined: {0, 0},
	KindBadJump: {0, 0}, KindGoto: {0, 1}, KindBranch: {1, 2}, KindJump: {1, -1}, KindCall: {-1, -1}, KindLeave: {0, 0},
}

func (c *checker) ending(b *Block, current *[States]*Value) {
	shape := shapes[b.Kind]
	if b.Kind == KindCall {
		shape.control = pops(b.Op)
	}
	if shape.control != len(b.Control) {
		c.say(faultArity, b, nil, "%s has %d operands", b.Kind, len(b.Control))
	}
	if shape.succs >= 0 && shape.succs != len(b.Succs) {
		c.say(faultEdge, b, nil, "%s has %d successors", b.Kind, len(b.Succs))
	}
	at := len(b.Values) + 1
	c.uses(b, nil, b.Control, at)
	if b.Exit != nil {
		c.exit(b, nil, b.Exit, at)
	} else if b.Kind == KindLeave || b.Kind == KindCall {
		c.say(faultExit, b, nil, "%s has none", b.Kind)
	}
	for s := range States {
		if b.End[s] != current[s] {
			c.say(faultOrder, b, nil, "ends with %s of %s, current is %s", s, name(b.End[s]), name(current[s]))
		}
	}
	for _, e := range b.Succs {
		c.edge(b, e, at)
	}
	for _, e := range b.Preds {
		if e.To != b || !contains(e.From.Succs, e) {
			c.say(faultEdge, b, nil, "predecessor b%d does not go here", e.From.ID)
		}
	}
}

func (c *checker) edge(b *Block, e *Edge, at int) {
	if e.From != b || !contains(e.To.Preds, e) {
		c.say(faultEdge, b, nil, "goes to b%d, which does not know", e.To.ID)
	}
	if len(e.Args) != len(e.To.Params) {
		c.say(faultEdge, b, nil, "gives b%d %d words for %d parameters", e.To.ID, len(e.Args), len(e.To.Params))
		return
	}
	for i, a := range e.Args {
		if a == nil && b.Kind == KindCall && b.Exit != nil && e.To.Params[i].Slot == len(b.Exit.Stack) {
			continue // the answer
		}
		c.uses(b, nil, e.Args[i:i+1], at)
	}
}

func contains(edges []*Edge, e *Edge) bool {
	for _, x := range edges {
		if x == e {
			return true
		}
	}
	return false
}
