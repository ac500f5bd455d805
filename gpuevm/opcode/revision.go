package opcode

import (
	"fmt"

	"github.com/ethereum/go-ethereum/params"
)

// Revision is a version of the EVM, in order of activation. The numbers are those of
// kernels/cells.cuh.
type Revision uint32

const (
	Frontier Revision = iota
	Homestead
	TangerineWhistle
	SpuriousDragon
	Byzantium
	Constantinople
	Petersburg
	Istanbul
	Berlin
	London
	Paris
	Shanghai
	Cancun
	Prague
	Osaka

	Revisions = iota // how many there are
)

var revisionNames = [Revisions]string{
	"Frontier", "Homestead", "TangerineWhistle", "SpuriousDragon", "Byzantium", "Constantinople", "Petersburg",
	"Istanbul", "Berlin", "London", "Paris", "Shanghai", "Cancun", "Prague", "Osaka",
}

func (r Revision) String() string {
	if r < Revisions {
		return revisionNames[r]
	}
	return fmt.Sprintf("revision(%d)", uint32(r))
}

// Rules are the rules of a chain in which a revision and all before it are active.
func (r Revision) Rules() params.Rules {
	return params.Rules{
		IsHomestead:      r >= Homestead,
		IsEIP150:         r >= TangerineWhistle,
		IsEIP155:         r >= SpuriousDragon,
		IsEIP158:         r >= SpuriousDragon,
		IsByzantium:      r >= Byzantium,
		IsConstantinople: r >= Constantinople,
		IsPetersburg:     r >= Petersburg,
		IsIstanbul:       r >= Istanbul,
		IsBerlin:         r >= Berlin,
		IsEIP2929:        r >= Berlin,
		IsLondon:         r >= London,
		IsMerge:          r >= Paris,
		IsShanghai:       r >= Shanghai,
		IsCancun:         r >= Cancun,
		IsPrague:         r >= Prague,
		IsOsaka:          r >= Osaka,
	}
}

// RevisionOf is the revision that has these rules. There is none for what comes after
// Osaka, for the verkle fork, and for chains that activate forks in another order: who
// asks `revision >= London` takes all that came before London for granted.
func RevisionOf(rules params.Rules) (Revision, bool) {
	rules.IsEIP155 = rules.IsEIP158 // signatures are no matter of the EVM
	for r := Revision(Revisions); r > 0; r-- {
		if rules == (r - 1).Rules() {
			return r - 1, true
		}
	}
	return 0, false
}
