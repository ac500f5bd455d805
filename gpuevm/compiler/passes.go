package compiler

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

var passes = []pass{
	{"params", pruneParams},
	{"merge", merge},
	{"fold", fold},
	{"memory", memory},
	{"slots", slots},
	{"masks", masks},
	{"number", number},
	{"loads", loads},
	{"fold again", fold},
	{"masks again", masks},
	{"branch", branch},
	{"params again", pruneParams},
	{"merge again", merge},
	{"number again", number},
	{"charges", constantCharges},
	{"exits", exits},
	{"dead", dead},
	{"bits", bits},
	{"schedule", schedule},
}
