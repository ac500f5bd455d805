package store

import (
	"fmt"
	"sync/atomic"
	"time"
)

// gate counts who is inside of Pebble, because Pebble panics when it is read after it
// was closed. A lock would do, but not for a reader that reads again from inside.
type gate struct {
	inside atomic.Int64
	closed atomic.Bool
}

func (g *gate) enter() error {
	g.inside.Add(1)
	if g.closed.Load() {
		g.inside.Add(-1)
		return fmt.Errorf("store: %w", ErrClosed)
	}
	return nil
}

func (g *gate) leave() { g.inside.Add(-1) }

// close lets nobody in any more and waits for those inside.
func (g *gate) close() {
	g.closed.Store(true)
	for g.inside.Load() != 0 {
		time.Sleep(100 * time.Microsecond)
	}
}
