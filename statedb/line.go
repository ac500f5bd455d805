package statedb

import (
	"sync"

	"github.com/gpuevm/gpuevm/gpuevm"
)

// line is the history of a state: which keys the diffs applied to it wrote, for an engine
// that keeps cells from block to block (gpuevm.Tracked). It is off until somebody asks.
type line struct {
	mu      sync.Mutex
	on      bool
	missed  bool         // something was applied before it was on
	first   int          // position of keys[0]
	keys    []gpuevm.Key // by position
	unknown int          // across this position nothing is known
}

// lineMark is a state of a line.
type lineMark struct {
	l   *line
	pos int
}

// longest is how many keys a line remembers, those of hundreds of blocks.
const longest = 1 << 20

func (l *line) note(d *gpuevm.StateDiff) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.on {
		l.missed = true
		return
	}
	for i := range d.Cells {
		l.keys = append(l.keys, d.Cells[i].Key)
	}
	for i := range d.Adds {
		l.keys = append(l.keys, d.Adds[i].Key)
	}
	if len(d.Wiped) > 0 {
		l.breakOff()
	}
	if n := len(l.keys) - longest/2; len(l.keys) > longest {
		l.keys = append([]gpuevm.Key(nil), l.keys[n:]...)
		l.first += n
	}
}

// breakOff makes what came before incomparable with what comes. Whoever is at the position
// before it must not be where those after it are.
func (l *line) breakOff() {
	l.keys = append(l.keys, gpuevm.Key{})
	l.unknown = l.first + len(l.keys)
}

// turn is the position of a state that comes after what was applied, and that is not the
// one before even where nobody has noted what that was.
func (l *line) turn() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.on {
		l.breakOff()
		l.keys, l.first, l.missed = l.keys[:0], l.first+len(l.keys), false
	}
	return l.first + len(l.keys)
}

// end is the position of what has been applied so far.
func (l *line) end() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first + len(l.keys)
}

// start turns the line on. fixed says that the asking state is the one from before what
// was applied already.
func (l *line) start(fixed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.on {
		l.on = true
		if fixed && l.missed {
			l.breakOff()
		}
	}
}

// between lists the keys that differ between two positions of the line.
func (l *line) between(m gpuevm.Mark, pos int) ([]gpuevm.Key, bool) {
	mark, ok := m.(lineMark)
	if !ok || mark.l != l {
		return nil, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	lo, hi := min(mark.pos, pos), max(mark.pos, pos)
	if lo == hi {
		return nil, true
	}
	if lo < l.first || lo < l.unknown {
		return nil, false
	}
	return l.keys[lo-l.first : hi-l.first : hi-l.first], true
}

// Since implements gpuevm.Tracked.
func (m *Mem) Since(mark gpuevm.Mark) (changed []gpuevm.Key, now gpuevm.Mark, ok bool) {
	m.line.start(false)
	pos := m.line.end()
	changed, ok = m.line.between(mark, pos)
	return changed, lineMark{&m.line, pos}, ok
}

// Since implements gpuevm.Tracked. Tries are one state of their line whatever is applied
// to them; what Commit returns is a later one.
func (t *Tries) Since(mark gpuevm.Mark) (changed []gpuevm.Key, now gpuevm.Mark, ok bool) {
	t.line.start(true)
	changed, ok = t.line.between(mark, t.pos)
	return changed, lineMark{t.line, t.pos}, ok
}

var (
	_ gpuevm.Tracked = (*Mem)(nil)
	_ gpuevm.Tracked = (*Tries)(nil)
)
