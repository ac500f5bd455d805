package compiler

import (
	"github.com/gpuevm/gpuevm/gpuevm/opcode"
	"github.com/holiman/uint256"
)

// Func is a contract.
type Func struct {
	Code     []byte
	Revision opcode.Revision
	Blocks   []*Block // the entry first; in reverse postorder
	Notes    Notes

	program              *program
	lastValue, lastBlock int
	constants            map[uint256.Int]*Value
}

// Notes are what became of a code on the way.
type Notes struct {
	Bytes     int            `json:"bytes"`
	Places    int            `json:"places"` // distinct positions that blocks begin at
	Blocks    int            `json:"blocks"`
	Jumps     int            `json:"jumps"`
	OpenJumps int            `json:"openJumps"` // may go where only the interpreter follows
	Leaves    int            `json:"leaves"`    // blocks that can't run here
	Steps     int            `json:"steps"`
	Values    int            `json:"values"` // before the passes
	Counts    map[string]int `json:"counts"` // what passes did
}

// Kind is how a block ends.
type Kind uint8

const (
	KindStop         Kind = iota
	KindReturn            // Control: offset, size
	KindRevert            // the same
	KindSelfDestruct      // Control: heir
	KindUndefined         // Op: the opcode that is none
	KindBadJump           // to what is no JUMPDEST
	KindGoto              // Succs[0]
	KindBranch            // Control: condition; Succs[0] where it is not 0, else Succs[1]
	KindJump              // Control: target; the edge whose PC that is; else Exit, if there is one
	KindCall              // Op, Control: its operands; Succs[0] is where the frame resumes
	KindLeave             // to the interpreter: Exit
)

var kindNames = [...]string{"stop", "return", "revert", "selfdestruct", "undefined", "badjump", "goto", "branch", "jump", "call", "leave"}

func (k Kind) String() string { return kindNames[k] }

// Block is a basic block: values in an order in which they can be computed.
type Block struct {
	ID      int
	PC      int
	Height  int      // of the stack at its beginning
	Params  []*Value // OpParam; not all stack words are
	Start   *Value   // OpStart
	Values  []*Value
	Kind    Kind
	Op      Op
	Control []*Value
	End     [States]*Value // what the terminator finds
	Exit    *Exit
	Succs   []*Edge
	Preds   []*Edge
	Resumes bool // is entered when a call has returned: no value from before is there
	EndPC   int  // of the instruction that ends it
	Source  []Source

	idom   *Block
	number int // in Func.Blocks, as ordered last
}

// Source is a run of instructions that a block was made of, by number.
type Source struct{ from, to int32 }

// Edge is a way from a block to another, with the words for its parameters.
type Edge struct {
	From, To *Block
	Args     []*Value
	PC       int // KindJump: the target that means this edge
}

// Exit is where compiled code hands the frame to the interpreter: all that the interpreter
// wants to know. Stack is from the bottom.
type Exit struct {
	PC    int
	Stack []*Value
	After bool // the instruction that leaves is complete, PC is the next
}

// Value is an operation and its word.
type Value struct {
	ID    int
	Op    Op
	Args  []*Value // top of the stack first
	State [States]*Value
	Block *Block // nil of a constant
	Const *uint256.Int
	PC    int
	Slot  int    // OpParam: the stack word, from the bottom
	Bits  uint16 // the word is below 2^Bits

	// Of what charges gas:
	Fixed uint64 // OpSection, OpTouch: gas
	Word  uint64 // OpTouch: gas for each word
	Byte  uint64 // OpTouch, OpCharge: gas for each byte (of the exponent)
	Rest  uint64 // paid by the section for what is behind: given back before leaving
	Exit  *Exit
}

// IsWord reports whether a value may be an operand.
func (v *Value) IsWord() bool { return hasWord(v.Op) }

// Writes reports whether a value is a version of a state.
func (v *Value) writes(s State, r opcode.Revision) bool {
	return v.Op != OpCopy && effectOf(v.Op, r).writes.Has(s)
}

func (f *Func) newBlock(pc, height int) *Block {
	f.lastBlock++
	b := &Block{ID: f.lastBlock, PC: pc, Height: height}
	b.Start = f.newValue(b, OpStart, pc)
	for s := range States {
		b.End[s] = b.Start
	}
	return b
}

func (f *Func) newValue(b *Block, op Op, pc int) *Value {
	f.lastValue++
	return &Value{ID: f.lastValue, Op: op, Block: b, PC: pc, Bits: 256}
}

// Const is the value of a constant. It belongs to no block.
func (f *Func) Const(c *uint256.Int) *Value {
	if v := f.constants[*c]; v != nil {
		return v
	}
	v := f.newValue(nil, OpConst, 0)
	v.Const = new(uint256.Int).Set(c)
	v.Bits = uint16(c.BitLen())
	f.constants[*c] = v
	return v
}

func (f *Func) number(n uint64) *Value { return f.Const(uint256.NewInt(n)) }

// connect adds an edge.
func connect(from, to *Block, args []*Value) *Edge {
	e := &Edge{From: from, To: to, Args: args, PC: to.PC}
	from.Succs = append(from.Succs, e)
	to.Preds = append(to.Preds, e)
	return e
}

// small is a constant that fits an int32, else -1.
func (v *Value) small() int {
	if v.Op == OpConst && v.Const.IsUint64() && v.Const.Uint64() < 1<<31 {
		return int(v.Const.Uint64())
	}
	return -1
}
