package ilp

import (
	"github.com/gpuevm/gpuevm/gpuevm/compiler"
	"github.com/gpuevm/gpuevm/gpuevm/opcode"
)

// latencies is the compiler's table: opcodes of the last fork, then what SSA has besides.
// PUSH, DUP and SWAP are each one row.
func latencies() (table []Latency) {
	facts := opcode.Facts(opcode.Revision(opcode.Revisions - 1))
	row := func(op compiler.Op, name string) {
		c := compiler.CostOf(op)
		table = append(table, Latency{name, c.Class.String(), c.Issue, c.Latency})
	}
	for i := range compiler.Op(256) {
		switch {
		case !facts[i].Defined || i > 0x5f && i < 0x80 || i > 0x80 && i < 0x90 || i > 0x90 && i < 0xa0:
		case i == 0x5f || i == 0x80 || i == 0x90:
			row(i, [...]string{"PUSH0 to PUSH32", "DUP1 to DUP16", "SWAP1 to SWAP16"}[(i-0x50)/0x20])
		default:
			row(i, opcode.Name(byte(i)))
		}
	}
	for _, op := range []compiler.Op{compiler.OpSection, compiler.OpCharge, compiler.OpTouch, compiler.OpGrow, compiler.OpHash1, compiler.OpHash2} {
		row(op, op.String())
	}
	return table
}
