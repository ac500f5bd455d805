package statebench

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/gpuevm/gpuevm/statedb/forest"
)

// Options are what is measured.
type Options struct {
	World
	Dir    string // the states go to a folder of it named after the world; they are kept
	Kinds  []Kind
	Dirty  []int // keys a block changes
	Rounds int   // blocks that count, of each kind and size
	Warmup int   // blocks before them that do not; negative: none
	Cold   int   // rounds with everything dropped before each
	Layers int   // rounds in which go-ethereum keeps its blocks in memory
	Reads  int   // cells read in each way; 0: none
	Settle time.Duration
	// DropPageCache drops the operating system's cache, of all processes, before cold blocks.
	DropPageCache bool
	// Walk goes through all of the tries once before the warm blocks.
	Walk bool
	// History has go-ethereum keep state histories, as its node does.
	History bool
	Forest  forest.Options
	// Only runs one side, "gpuevm" or "go-ethereum", so that its memory and what it writes can
	// be told. Empty: both.
	Only string

	Progress io.Writer
	// Profile is called at the begin of blocks that count, whose Memory is warm or cold; what
	// it returns, at their end. Reopening databases before cold blocks is between the two.
	Profile func(memory string, kind Kind, dirty int) (end func())
}

const maxAccounts = 1 << 30

func (o *Options) check() error {
	switch {
	case o.Dir == "":
		return errors.New("no directory for the states")
	case o.Accounts < 100 || o.Accounts > maxAccounts:
		return fmt.Errorf("%d accounts: it is 100 to %d", o.Accounts, maxAccounts)
	case o.Slots < 1 || o.Slots > 1<<22:
		return fmt.Errorf("%d slots: it is 1 to %d", o.Slots, 1<<22)
	case o.Rounds < 1:
		return fmt.Errorf("%d rounds: it is 1 or more", o.Rounds)
	case len(o.Kinds) == 0 || len(o.Dirty) == 0:
		return errors.New("no kinds or sizes of blocks")
	case o.Only != "" && o.Only != "gpuevm" && o.Only != "go-ethereum":
		return fmt.Errorf("no side %q: it is gpuevm or go-ethereum", o.Only)
	}
	for _, k := range o.Kinds {
		if !slices.Contains(Kinds, k) {
			return fmt.Errorf("no kind of block %q: it is one of %v", k, Kinds)
		}
	}
	for _, n := range o.Dirty {
		if n < 1 || n > 1<<22 {
			return fmt.Errorf("%d dirty keys: it is 1 to %d", n, 1<<22)
		}
	}
	return nil
}

func (o *Options) say(format string, args ...any) {
	if o.Progress != nil {
		fmt.Fprintf(o.Progress, format+"\n", args...)
	}
}
