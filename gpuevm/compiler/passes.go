package compiler

import "fmt"

// Order is how the values of a block are ordered.
type Order uint8

const (
	Parallel Order = iota // for instruction-level parallelism
	Program               // as in the code: its twin
)

// pass is a step that keeps what a contract means. run tells how often it found something
// to do.
type pass struct {
	name string
	run  func(f *Func, o *Options) int
}

// passes are all, in the order in which they run.
var passes = []pass{
	{"params", pruneParams},
	{"merge", merge},
	{"fold", fold},
	{"memory", memory},
	{"slots", slots},
	{"masks", masks},
	{"number", number},
	{"loads", loads},
	{"memory again", memory},
	{"fold again", fold},
	{"masks again", masks},
	{"branch", branch},
	{"params again", pruneParams},
	{"merge again", merge},
	{"number again", number},
	{"charges", constantCharges},
	{"sections", sections},
	{"exits", exits},
	{"dead", dead},
	{"bits", bits},
	{"schedule", schedule},
}

// passOrder is what must come before what, and why.
var passOrder = []struct{ before, after, why string }{
	{"params", "merge", "a parameter that is no choice would hide constants from all that follows"},
	{"merge", "memory", "stores and loads are compared along the blocks"},
	{"fold", "memory", "offsets are compared as a base and a constant"},
	{"memory", "slots", "a key may be a word that was stored"},
	{"number", "memory again", "words that are equal have one name, and need no storing twice"},
	{"slots", "number", "slots are equal where key and base are"},
	{"masks", "number", "a word with a mask that does nothing is that word"},
	{"number", "loads", "equal slots have one name"},
	{"loads", "charges", "what a load no longer charges is the section's"},
	{"number again", "charges", "sizes that are equal have one name"},
	{"branch", "merge again", "it leaves blocks with one predecessor"},
	{"merge again", "charges", "a section is paid where it begins"},
	{"charges", "sections", "a load that the section pays no longer looks at the gas"},
	{"sections", "exits", "what fails for lack of gas fails in the whole section"},
	{"charges", "exits", "who can't fail leaves nowhere"},
	{"exits", "dead", "words that only exits needed"},
	{"dead", "bits", "nobody asks for the width of dead words"},
	{"bits", "schedule", "nothing may change after the order is found"},
	{"exits", "schedule", "an exit makes a value wait"},
}

// checkOrder reports the first rule of passOrder that a list of passes breaks.
func checkOrder(list []pass) error {
	at := map[string]int{}
	for i, p := range list {
		if _, twice := at[p.name]; twice {
			return fmt.Errorf("pass %q is there twice", p.name)
		}
		at[p.name] = i
	}
	for _, o := range passOrder {
		x, ok := at[o.before]
		y, ok2 := at[o.after]
		if !ok || !ok2 {
			return fmt.Errorf("a rule is about %q and %q, which are not both there", o.before, o.after)
		}
		if x > y {
			return fmt.Errorf("pass %q comes after %q: %s", o.before, o.after, o.why)
		}
	}
	return nil
}
