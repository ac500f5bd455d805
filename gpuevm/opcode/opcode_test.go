package opcode

import (
	"math/big"
	"reflect"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/params"
)

// TestFacts holds the table to go-ethereum's instruction sets, whose base gas and undefined
// opcodes are read by reflection: no function tells them.
func TestFacts(t *testing.T) {
	for r := range Revision(Revisions) {
		set, err := vm.LookupInstructionSet(r.Rules())
		if err != nil {
			t.Fatal(err)
		}
		for i := range set {
			f := &Facts(r)[i]
			theirs := reflect.ValueOf(set[i]).Elem()
			undefined := theirs.FieldByName("undefined").Bool() || vm.OpCode(i) == vm.INVALID
			if undefined {
				if *f != (Fact{}) {
					t.Errorf("%v %s: %+v, go-ethereum: undefined", r, Name(byte(i)), *f)
				}
				continue
			}
			need, limit := set[i].Stack()
			want := Fact{
				Gas: uint16(theirs.FieldByName("constantGas").Uint()), Need: uint16(need),
				Pops: f.Pops, Pushes: uint16(int(f.Pops) + int(params.StackLimit) - limit), Defined: true,
			}
			if int(params.StackLimit)-limit < 0 {
				want.Pushes = f.Pops - uint16(limit-int(params.StackLimit))
			}
			if *f != want {
				t.Errorf("%v %s: %+v, go-ethereum: %+v", r, Name(byte(i)), *f, want)
			}
			if room := max(0, int(params.StackLimit)-limit); int(f.Room()) != room {
				t.Errorf("%v %s: room %d, go-ethereum: %d", r, Name(byte(i)), f.Room(), room)
			}
		}
	}
}

func TestNames(t *testing.T) {
	for i := range 256 {
		theirs := vm.OpCode(i).String()
		if defined := names[i] != ""; !defined {
			continue // perhaps a later fork's
		}
		if got := Name(byte(i)); got != theirs && !strings.Contains(theirs, "DIFFICULTY") && theirs != "PREVRANDAO" {
			t.Errorf("%#x is %s, go-ethereum: %s", i, got, theirs)
		}
	}
	if Name(0x0c) != "0x0c" {
		t.Errorf("an undefined opcode is named %s", Name(0x0c))
	}
}

func TestRevisionOf(t *testing.T) {
	for r := range Revision(Revisions) {
		if got, ok := RevisionOf(r.Rules()); !ok || got != r {
			t.Errorf("%v: %v %v", r, got, ok)
		}
	}
	for name, spoil := range map[string]func(*params.Rules){
		"Amsterdam": func(r *params.Rules) { r.IsAmsterdam = true },
		"Bogota":    func(r *params.Rules) { r.IsBogota = true },
		"UBT":       func(r *params.Rules) { r.IsUBT, r.IsEIP4762, r.IsEIP2929 = true, true, false },
		"no Berlin": func(r *params.Rules) { r.IsBerlin, r.IsEIP2929 = false, false },
	} {
		rules := Osaka.Rules()
		spoil(&rules)
		if r, ok := RevisionOf(rules); ok {
			t.Errorf("%s is taken for %v", name, r)
		}
	}
	// As chains configure them.
	rules := params.MainnetChainConfig.Rules(big.NewInt(24_000_000), true, 1_770_000_000)
	if r, ok := RevisionOf(rules); !ok || r != Osaka {
		t.Errorf("mainnet in 2026: %v %v", r, ok)
	}
	rules = params.MainnetChainConfig.Rules(big.NewInt(2_000_000), false, 0)
	if r, ok := RevisionOf(rules); !ok || r != Homestead {
		t.Errorf("mainnet at 2,000,000: %v %v", r, ok)
	}
}
