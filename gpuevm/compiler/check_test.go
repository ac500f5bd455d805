package compiler

import (
	"slices"
	"strings"
	"testing"

	"github.com/gpuevm/gpuevm/gpuevm/opcode"
)

// planted is a contract with all that the checker looks at: a loop, a call, a jump with
// several targets, exits.
const planted = `
	@back1 4 CALLDATALOAD @double JUMP
:back1 0 SSTORE
	@back2 36 CALLDATALOAD @double JUMP
:back2 1 SSTORE
	0 CALLDATALOAD @skip JUMPI
	0 0 0 0 0xabcd 0x10000 STATICCALL POP
:skip
	5 SLOAD DUP1 MLOAD ADD 7 MSTORE STOP
:double DUP1 ADD SWAP1 JUMP`

// TestCheckerFinds plants a fault of each kind that the checker names.
func TestCheckerFinds(t *testing.T) {
	for name, plant := range map[string]func(f *Func){
		faultArity: func(f *Func) {
			v := find(f, 0x01)
			v.Args = v.Args[:1]
		},
		faultType: func(f *Func) {
			v := find(f, 0x01)
			v.Args[0] = find(f, OpSection)
		},
		faultDominance: func(f *Func) {
			v := find(f, 0x01)
			v.Args[0] = find(f, 0x54) // is computed later
		},
		faultOrder: func(f *Func) {
			v := find(f, 0x55)
			v.State[World], v.State[Gas] = f.Blocks[0].Start, f.Blocks[0].Start
		},
		faultEdge: func(f *Func) {
			for _, b := range f.Blocks {
				if len(b.Params) > 0 {
					b.Params = b.Params[1:]
					return
				}
			}
		},
		faultExit: func(f *Func) {
			find(f, OpSection).Exit.PC = len(f.Code) + 1
		},
		faultOwner: func(f *Func) {
			f.Blocks[0].Values[0].Block = f.Blocks[1]
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := built(t, planted)
			if err := f.Check(); err != nil {
				t.Fatalf("before the fault: %v", err)
			}
			plant(f)
			if err := f.Check(); err == nil || !strings.HasPrefix(err.Error(), name+":") {
				t.Errorf("found: %v", err)
			}
		})
	}
}

// TestCheckerFindsMore plants faults that share a name with another.
func TestCheckerFindsMore(t *testing.T) {
	for name, c := range map[string]struct {
		fault string
		plant func(f *Func)
	}{
		"values out of order": {faultOrder, func(f *Func) {
			for _, b := range f.Blocks {
				slices.Reverse(b.Values)
			}
		}},
		"past a call": {faultDominance, func(f *Func) {
			for _, b := range f.Blocks {
				if b.Resumes {
					b.Values[0].Exit.Stack = append(b.Values[0].Exit.Stack, find(f, 0x35))
				}
			}
		}},
		"a store is skipped": {faultOrder, func(f *Func) {
			for _, b := range f.Blocks {
				if v := b.End[Mem]; v.Op == 0x52 {
					b.End[Mem] = b.Start
				}
			}
		}},
		"a successor is missing": {faultEdge, func(f *Func) {
			for _, b := range f.Blocks {
				if b.Kind == KindBranch {
					b.Succs = b.Succs[:1]
				}
			}
		}},
		"no exit": {faultExit, func(f *Func) {
			for _, b := range f.Blocks {
				if b.Kind == KindCall {
					b.Exit = nil
				}
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			f := built(t, planted)
			c.plant(f)
			if err := f.Check(); err == nil || !strings.HasPrefix(err.Error(), c.fault+":") {
				t.Errorf("found: %v", err)
			}
		})
	}
}

// built is a contract before the passes.
func built(t *testing.T, text string) *Func {
	t.Helper()
	code, err := assemble(text)
	if err != nil {
		t.Fatal(err)
	}
	flow, refused := analyse(decode(code, opcode.Osaka), DefaultLimits())
	if refused != nil {
		t.Fatal(refused)
	}
	f, refused := build(flow)
	if refused != nil {
		t.Fatal(refused)
	}
	return f
}

func find(f *Func, op Op) *Value {
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			if v.Op == op {
				return v
			}
		}
	}
	return nil
}
