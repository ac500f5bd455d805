// Package fallback is the CPU Engine in pure Go, and the referee for every other
// engine: whatever a device can't do, and every transaction whose speculative result
// does not stand, is executed here.
//
// The EVM is go-ethereum's core/vm and the transaction's frame around it is
// core.ApplyMessage, so that semantics, gas and error texts are those of a serial
// node. What is ours is the state under it: a lean vm.StateDB that lives for one
// transaction, notes what was observed of the state before, and settles into a diff.
package fallback
