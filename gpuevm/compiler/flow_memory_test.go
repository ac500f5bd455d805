package compiler

import "testing"

// TestReturnThroughMemory: a function that keeps its return address in memory comes back to
// its callers in compiled code, also where they compute it as Vyper does. (Who else goes there is
// so that these are not the JUMPDESTs that nobody is known to go to: any unknown jump tries those.)
func TestReturnThroughMemory(t *testing.T) {
	for name, callers := range map[string]string{
		"pushed":   `@r1 @f JUMP :r1 @r2 @f JUMP :r2 @r3 @f JUMP :r3 @r4 @f JUMP :r4 STOP`,
		"relative": `PC 8 ADD @f JUMP :r1 PC 8 ADD @f JUMP :r2 PC 8 ADD @f JUMP :r3 STOP`,
	} {
		const f = `@start JUMP :f 0x1a0 MSTORE 0 CALLDATALOAD @g JUMPI :g 1 0 MSTORE 0x1a0 MLOAD JUMP `
		runs, fn := followed(t, f+`:start 0 CALLDATALOAD @r1 JUMPI 0 CALLDATALOAD @r2 JUMPI `+callers, 100_000)
		if len(runs.Leaves) > 0 || fn.Notes.OpenJumps != 1 {
			t.Errorf("%s: frames leave at %v, %d open jumps", name, runs.Leaves, fn.Notes.OpenJumps)
		}
	}
}

// TestWrongGuess: what is stored at an offset is not what is loaded there: one byte of it is
// the input's. It is the address of the other block, or of none.
func TestWrongGuess(t *testing.T) {
	const store, ends = `@a 0x1a0 MSTORE 0 CALLDATALOAD 0x1bf MSTORE8 `, ` :a 1 0 SSTORE STOP :b 2 0 SSTORE STOP`
	for name, jumps := range map[string]string{
		"at once":                   `0x1a0 MLOAD JUMP`,
		"where another was certain": `0 CALLDATALOAD @p JUMPI @a @n JUMP :p 0x1a0 MLOAD @n JUMP :n JUMP`,
	} {
		code, err := assemble(store + jumps + ends)
		if err != nil {
			t.Fatal(err)
		}
		var trials []*trial
		for to := range len(code) {
			input := make([]byte, 32)
			input[31] = byte(to)
			trials = append(trials, &trial{code: code, input: input, gas: 100_000})
		}
		compared, left := prove(t, code, Parallel, trials)
		if compared == 0 || left == 0 {
			t.Errorf("%s: %d runs compared, %d left: want some of each", name, compared, left)
		}
	}
}
