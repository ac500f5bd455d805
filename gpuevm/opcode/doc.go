// Package opcode states facts about opcodes once: name, stack, base gas, and since when.
//
// It knows no semantics. Base gas is what go-ethereum charges before anything else
// (constantGas); what depends on operands or on the state is charged by whoever executes.
package opcode
