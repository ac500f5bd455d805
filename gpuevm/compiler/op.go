package compiler

import (
	"github.com/gpuevm/gpuevm/gpuevm/opcode"
)

// Op is what a value computes: an opcode of the EVM, or one of a few that stand for what an
// opcode does besides.
type Op uint16

const (
	OpConst   Op = 256 + iota
	OpParam      // a word that comes with the edge
	OpStart      // the states at the beginning of a block
	OpSection    // pays a section's static gas, or leaves
	OpCharge     // pays dynamic gas
	OpTouch      // pays for memory up to the end of a range, and grows it
	OpGrow       // grows memory that was paid for
	OpHash1      // keccak of a word
	OpHash2      // keccak of two words: keccak256_two
	OpCopy       // nothing: its users use what it copies
	opEnd
)

var pseudo = [...]string{"const", "param", "start", "section", "charge", "touch", "grow", "hash1", "hash2", "copy"}

func (op Op) String() string {
	if op < 256 {
		return lower[op]
	}
	if op < opEnd {
		return pseudo[op-256]
	}
	return "bad"
}

var lower = func() (names [256]string) {
	for i := range names {
		name := []byte(opcode.Name(byte(i)))
		for j, c := range name {
			if c >= 'A' && c <= 'Z' {
				name[j] = c + 'a' - 'A'
			}
		}
		names[i] = string(name)
	}
	return names
}()

// State is a part of the world that operations change one after another. Each has one
// version at a time: a value that writes a state is its new version, one that reads it names
// the version that it needs.
type State uint8

const (
	Mem   State = iota // what is in memory
	Size               // how large memory is
	World              // storage, accounts, logs, warmth, return data
	Gas                // gas left, and whether the frame still runs: whatever may end it writes this
	States
)

var stateNames = [States]string{"mem", "size", "world", "gas"}

func (s State) String() string { return stateNames[s] }

// Set is a set of states.
type Set uint8

func setOf(states ...State) (s Set) {
	for _, x := range states {
		s |= 1 << x
	}
	return s
}

// Has reports whether a state is in the set.
func (s Set) Has(x State) bool { return s>>x&1 != 0 }

const allStates = Set(1<<States - 1)

var (
	mem, size, world, gas = setOf(Mem), setOf(Size), setOf(World), setOf(Gas)
	asksCold              = world | gas // EIP-2929: charges for what was not accessed before, and remembers
)

// effect is which states an operation needs and makes. A writer needs what it writes.
type effect struct{ reads, writes Set }

// effectOf tells it for a revision. A value that has an Exit reads all states besides.
func effectOf(op Op, r opcode.Revision) effect {
	switch op {
	case OpStart:
		return effect{0, allStates}
	case OpSection, OpCharge:
		return effect{gas, gas}
	case OpTouch:
		return effect{size | gas, size | gas}
	case OpGrow: // what has been paid for
		return effect{size | gas, size}
	case 0x20, 0x51: // KECCAK256, MLOAD
		return effect{mem | size, 0}
	case 0x52, 0x53, 0x5e, 0x37, 0x39: // MSTORE, MSTORE8, MCOPY, CALLDATACOPY, CODECOPY
		return effect{mem | size, mem}
	case 0x3e: // RETURNDATACOPY, which fails where there is less to copy
		return effect{allStates, mem | gas}
	case 0x59: // MSIZE
		return effect{size, 0}
	case 0x5a: // GAS
		return effect{gas, 0}
	case 0x3d, 0x40, 0x47, 0x5c: // RETURNDATASIZE, BLOCKHASH, SELFBALANCE, TLOAD
		return effect{world, 0}
	case 0x31, 0x3b, 0x3f, 0x54: // BALANCE, EXTCODESIZE, EXTCODEHASH, SLOAD
		if r >= opcode.Berlin {
			return effect{asksCold, asksCold}
		}
		return effect{world, 0}
	case 0x3c: // EXTCODECOPY
		if r >= opcode.Berlin {
			return effect{allStates, mem | asksCold}
		}
		return effect{mem | size | world, mem}
	case 0x55, 0x5d: // SSTORE, TSTORE, which fail in a static frame
		return effect{world | gas, world | gas}
	case 0xa0, 0xa1, 0xa2, 0xa3, 0xa4: // LOG
		return effect{allStates, world | gas}
	}
	return effect{}
}

// hasWord reports whether an operation makes a word.
func hasWord(op Op) bool {
	switch {
	case op == OpConst || op == OpParam || op == OpCopy || op == OpHash1 || op == OpHash2:
		return true
	case op >= 256:
		return false
	}
	return opcode.Facts(opcode.Osaka)[op].Pushes == 1
}

// charges reports whether an operation takes gas that depends on more than the code.
func charges(op Op, r opcode.Revision) bool {
	switch op {
	case OpCharge, OpTouch:
		return true
	case 0x31, 0x3b, 0x3f, 0x54, 0x3c:
		return r >= opcode.Berlin
	}
	return false
}

func pops(op Op) int { return int(opcode.Facts(opcode.Osaka)[op].Pops) }

// isPure: the word depends on the operands and the frame alone, so that it may be computed
// anywhere, once.
func isPure(op Op) bool {
	return op == OpHash1 || op == OpHash2 || op < 256 && hasWord(op) && effectOf(op, opcode.Osaka) == effect{} && !isCall(byte(op))
}
