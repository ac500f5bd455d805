package compiler

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holiman/uint256"
)

// TestEveryGas runs programs with every amount of gas around where something ends: nothing,
// and all that they need. What they do when it runs out, to the unit and by name of the
// error, is what go-ethereum does.
func TestEveryGas(t *testing.T) {
	programs := []string{
		// Whoever can't pay here fails otherwise later, if the rest is given back in full.
		"0 CALLDATALOAD MLOAD POP 1 1 0 RETURNDATACOPY",
		"0 CALLDATALOAD 32 CALLDATALOAD EXP POP POP INVALID",
		"0 CALLDATALOAD 64 KECCAK256 7 MSTORE 1 0 NOT MSTORE",
		"0 SLOAD 0 CALLDATALOAD MLOAD MSTORE 0 SLOAD 0 SLOAD ADD 2 0 NOT MSTORE",
		"0xab01 BALANCE POP 5 0 CALLDATALOAD 5000 ADD MSTORE 1 JUMP",
		"64 0 CALLDATALOAD 3 MCOPY 3 5 0xab01 EXTCODEHASH LOG1 0 0 NOT LOG0",
		"1 0 SSTORE 0 0 SSTORE 0 CALLDATALOAD 40000 MSTORE GAS 0 MSTORE 32 0 RETURN",
		"0 CALLDATALOAD MLOAD POP 1 0 NOT MSTORE CALLER POP CALLER POP CALLER POP CALLER POP STOP",
		"0 CALLDATALOAD MLOAD POP 1 0 NOT MSTORE CALLER POP STOP",
		"0 CALLDATALOAD SLOAD POP 1 0 NOT MSTORE CALLER POP CALLER POP CALLER POP CALLER POP STOP",
		"0 CALLDATALOAD 3 EXP 1 0 NOT MSTORE CALLER POP CALLER POP CALLER POP CALLER POP STOP",
		"10 20 30 0xab01 EXTCODECOPY 0 CALLDATALOAD SLOAD POP 1 2 3 RETURNDATACOPY",
	}
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		program, _, _ := strings.Cut(string(text), "\n# build\n")
		programs = append(programs, program)
	}
	for _, text := range programs {
		code, err := assemble(text)
		if err != nil {
			t.Fatal(err)
		}
		input := make([]byte, 64)
		input[31] = 3
		prove(t, code, Parallel, gasTrials(code, input))
	}
}

// TestEdges runs programs at the edge of what a pass may do.
func TestEdges(t *testing.T) {
	for name, text := range map[string]string{
		"a store overlaps by a byte":        "GAS 31 MSTORE GAS 0 MSTORE GAS 31 MSTORE 0 MLOAD 64 MSTORE 96 0 RETURN",
		"a store overlaps from below":       "GAS 33 MSTORE GAS 2 MSTORE 33 MLOAD 64 MSTORE 96 0 RETURN",
		"a byte before and a byte behind":   "GAS 32 MSTORE 7 31 MSTORE8 7 64 MSTORE8 32 MLOAD 96 MSTORE 128 0 RETURN",
		"the last byte":                     "GAS 32 MSTORE 7 63 MSTORE8 32 MLOAD 96 MSTORE 128 0 RETURN",
		"a copy ends before, one in it":     "GAS 32 MSTORE 32 0 0 CODECOPY 32 MLOAD 33 0 0 CODECOPY 32 MLOAD ADD 96 MSTORE 128 0 RETURN",
		"the sign is just there":            "0 CALLDATALOAD 0xff AND 0 SIGNEXTEND 0 MSTORE 32 0 RETURN",
		"the sign is just not there":        "0 CALLDATALOAD 0x7f AND 0 SIGNEXTEND 0 MSTORE 32 0 RETURN",
		"a sum overflows its mask":          "0 CALLDATALOAD 0xff AND 32 CALLDATALOAD 0xff AND ADD 0xff AND 0 MSTORE 32 0 RETURN",
		"a product of halves":               "0 CALLDATALOAD 128 SHR 32 CALLDATALOAD 128 SHR MUL 0 MSTORE 32 0 RETURN",
		"a mapping's slot is stored over":   "1 0 MSTORE 2 32 MSTORE 64 0 KECCAK256 3 32 MSTORE 64 0 KECCAK256 SUB 0 MSTORE 32 0 RETURN",
		"a copy from far away":              "0 0 MSTORE 32 0x2000000 0 MCOPY 32 0 RETURN",
		"a copy to far away":                "0 0 MSTORE 32 0 0x2000000 MCOPY 32 0 RETURN",
		"a copy from further than memory":   "0 0 MSTORE 32 0x100000000000000000 0 MCOPY 32 0 RETURN",
		"one of two slots that may be same": "0 CALLDATALOAD SLOAD 5 32 CALLDATALOAD SSTORE 0 CALLDATALOAD SLOAD ADD 0 MSTORE 32 0 RETURN",
	} {
		code, err := assemble(text)
		if err != nil {
			t.Fatal(name, err)
		}
		var trials []*trial
		for _, n := range []byte{0, 1, 0x7f, 0x80, 0xff} {
			input := make([]byte, 64)
			input[0], input[31], input[32], input[63] = n, n, ^n, n
			trials = append(trials, &trial{code, input, 500_000, nil})
		}
		t.Run(name, func(t *testing.T) { prove(t, code, Parallel, trials) })
	}
}

func gasTrials(code, input []byte) (trials []*trial) {
	storage := map[uint256.Int]uint256.Int{*uint256.NewInt(0): *uint256.NewInt(7)}
	const plenty = 200_000
	m := newMachine(code, input, plenty, storage)
	m.interpret(0, nil)
	used := plenty - m.gas
	for gas := uint64(1); gas <= used+1; gas++ {
		if gas > 160 && gas+160 < used && gas%97 != 0 {
			continue
		}
		trials = append(trials, &trial{code, input, gas, storage})
	}
	return trials
}
