package compiler

import "fmt"

// Limits bound what a code may cost to compile. They count steps and nodes, not seconds, so
// that what is refused is the same on every machine; the defaults are good for well under
// a second.
type Limits struct {
	Steps   int // instructions that the jump analysis may walk over, with what jumps take
	Blocks  int // basic blocks, each height counted
	PerKB   int // basic blocks for each KB of code; where there are more, fewer are kept apart
	Size    int // stack words at blocks, and six for an instruction; the same where there are more
	Nodes   int // values, parameters and stack words in exits
	Height  int // stack words in compiled code; above them it leaves
	Heights int // heights of one block; from the next on it leaves
	Shapes  int // shapes of the stack at one of them; later ones are one
	Targets int // targets of one jump; more are unknown
	Edges   int // edges that jumps to unknown targets may add
}

// DefaultLimits are for a contract of up to 48 KB.
func DefaultLimits() Limits {
	return Limits{
		Steps: 6_000_000, Blocks: 40_000, PerKB: 300, Size: 470_000, Nodes: 3_000_000,
		Height: 128, Heights: 128, Shapes: 64, Targets: 128, Edges: 4_000,
	}
}

// Ineligible says why a code is not compiled. It is a normal outcome: the interpreter runs
// it.
type Ineligible struct {
	Reason string
	Limit  int
}

func (i *Ineligible) Error() string {
	return fmt.Sprintf("ineligible: more than %d %s", i.Limit, i.Reason)
}
