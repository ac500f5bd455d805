package compiler

// Class is what kind of work an operation is.
type Class uint8

const (
	ClassU256 Class = iota
	ClassKeccak
	ClassStorage
	ClassMemory
	ClassCalls
	ClassFacts   // of the transaction, the block, other accounts
	ClassControl // gas, sections, jumps
	ClassStack   // PUSH, DUP, SWAP, POP: only of the stack form
	classes
)

var classNames = [classes]string{"u256", "keccak", "storage", "memory", "calls", "facts", "control", "stack"}

func (c Class) String() string { return classNames[c] }

// Cost is what an operation costs a thread, in cycles of an SM: how long it keeps the thread
// from issuing the next, and how long until its word can be used. Estimates for 8 limbs of
// 32 bits: instructions issued, and the dependent chain through them (4 cycles each), about
// 30 cycles for what hits the L1 cache and 200 to 800 for what probes a table in global
// memory. Only their relations matter: they decide what goes first. To be calibrated
// against the GPU here, and nowhere else.
type Cost struct {
	Class          Class
	Issue, Latency int
}

func ofU256(issue, latency int) Cost { return Cost{ClassU256, issue, latency} }

var costs = [...]Cost{
	0x01: ofU256(8, 24), 0x02: ofU256(80, 140), 0x03: ofU256(8, 24), 0x04: ofU256(700, 900), 0x05: ofU256(760, 960),
	0x06: ofU256(700, 900), 0x07: ofU256(760, 960), 0x08: ofU256(800, 1000), 0x09: ofU256(1500, 1900),
	0x0a: ofU256(1200, 1800), 0x0b: ofU256(20, 30),
	0x10: ofU256(9, 26), 0x11: ofU256(9, 26), 0x12: ofU256(11, 28), 0x13: ofU256(11, 28), 0x14: ofU256(8, 14), 0x15: ofU256(8, 14),
	0x16: ofU256(8, 12), 0x17: ofU256(8, 12), 0x18: ofU256(8, 12), 0x19: ofU256(8, 12), 0x1a: ofU256(12, 20),
	0x1b: ofU256(12, 18), 0x1c: ofU256(12, 18), 0x1d: ofU256(14, 20), 0x1e: ofU256(12, 20),
	0x20:    {ClassKeccak, 4200, 5000},
	OpHash1: {ClassKeccak, 4000, 4800}, OpHash2: {ClassKeccak, 4000, 4800},
	0x31: {ClassFacts, 150, 800}, 0x35: {ClassFacts, 40, 250}, 0x3b: {ClassFacts, 150, 800}, 0x3f: {ClassFacts, 150, 800},
	0x40: {ClassFacts, 30, 300}, 0x47: {ClassFacts, 60, 400},
	0x37: {ClassMemory, 60, 300}, 0x39: {ClassMemory, 60, 300}, 0x3c: {ClassMemory, 200, 900}, 0x3e: {ClassMemory, 60, 300},
	0x51: {ClassMemory, 24, 60}, 0x52: {ClassMemory, 24, 40}, 0x53: {ClassMemory, 4, 30}, 0x5e: {ClassMemory, 60, 300},
	OpTouch: {ClassMemory, 8, 12}, OpGrow: {ClassMemory, 12, 40},
	0x54: {ClassStorage, 200, 900}, 0x55: {ClassStorage, 300, 1000}, 0x5c: {ClassStorage, 120, 500}, 0x5d: {ClassStorage, 150, 600},
	0xa0: {ClassMemory, 100, 400}, 0xa1: {ClassMemory, 110, 400}, 0xa2: {ClassMemory, 120, 400}, 0xa3: {ClassMemory, 130, 400}, 0xa4: {ClassMemory, 140, 400},
	0xf0: {ClassCalls, 2000, 4000}, 0xf1: {ClassCalls, 600, 2000}, 0xf2: {ClassCalls, 600, 2000}, 0xf4: {ClassCalls, 600, 2000},
	0xf5: {ClassCalls, 6000, 9000}, 0xfa: {ClassCalls, 600, 2000},
	0x00: {ClassControl, 10, 20}, 0xf3: {ClassControl, 30, 100}, 0xfd: {ClassControl, 30, 100}, 0xff: {ClassControl, 300, 1500},
	0x56: {ClassControl, 2, 20}, 0x57: {ClassControl, 4, 20}, jumpdest: {ClassControl, 1, 1},
	OpSection: {ClassControl, 4, 6}, OpCharge: {ClassControl, 10, 14},
	0x50: {ClassStack, 1, 1},
}

// CostOf tells what an operation costs.
func CostOf(op Op) Cost {
	if int(op) < len(costs) && costs[op].Latency != 0 {
		return costs[op]
	}
	switch {
	case op >= push0 && op <= push32:
		return Cost{ClassStack, 8, 8}
	case op >= dup1 && op < log0:
		return Cost{ClassStack, 16, 16}
	case op >= 0x30 && op < 0x50 || op >= 0x58 && op <= 0x5a:
		return Cost{ClassFacts, 8, 30}
	}
	return Cost{ClassControl, 1, 1}
}

// handOver is how long after a version of a state the next operation on that state may
// begin. Gas is a subtraction, and what remembers an access is done when it is; only what
// reads what was written waits for it.
func handOver(s State, from, to Op) int {
	switch {
	case from == OpStart:
		return 0
	case s == Mem:
		return CostOf(from).Latency
	case s == World && !harmless(from, to):
		return CostOf(from).Latency
	}
	return 1
}

// RegisterWords is how many words a thread holds in registers: 24 of 8 registers each leave
// a quarter of 255 for addresses, the machine and what an operation needs meanwhile.
const RegisterWords = 24
