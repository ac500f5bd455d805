package hostsched

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/gpuevm"
)

// trail remembers which keys of an overlay changed, and when, for an engine that keeps
// cells from one view to the next (gpuevm.Tracked). It is off until somebody asks: an
// engine on the CPU reads every cell where it is.
//
// What a view shows depends on what was committed, on what is pending, and on which
// pending writes are before its transaction. So two views of one overlay differ in the
// keys that changed between them, and in those that transactions between theirs have
// pending. Every change is noted after it was made: who read the old value after asking
// what changed is told by the next view.
type trail struct {
	on atomic.Bool

	mu      sync.Mutex
	events  []trailEvent
	keys    []gpuevm.Key // of all events
	pending map[int32][]*gpuevm.StateDiff
	wipes   int // events up to the last that wiped an account
}

type trailEvent struct {
	tx      int32
	quiet   bool // confirms what was published: nothing changes for later transactions
	to      int  // its keys end here
	visible bool // to transactions before it too
}

// viewMark is what a view hands out.
type viewMark struct {
	o    *overlay
	at   int32
	pos  int         // in the trail's events
	base gpuevm.Mark // of the state below
}

// always is a transaction before all others.
const always = -1

func (t *trail) published(tx int32, d *gpuevm.StateDiff) {
	if !t.on.Load() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pending[tx] = append(t.pending[tx], d)
	t.add(trailEvent{tx: tx}, d)
}

func (t *trail) withdrawn(tx int32, d *gpuevm.StateDiff) {
	if !t.on.Load() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.pending, tx)
	t.add(trailEvent{tx: tx}, d)
}

func (t *trail) applied(tx int32, d *gpuevm.StateDiff) {
	if !t.on.Load() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	// A transaction's diff comes first and its fee, which is published as another diff than
	// the one applied, at once after it.
	quiet := slices.Contains(t.pending[tx], d)
	delete(t.pending, tx)
	t.add(trailEvent{tx: tx, visible: true, quiet: quiet}, d)
}

func (t *trail) add(e trailEvent, d *gpuevm.StateDiff) {
	t.keys = appendKeys(t.keys, d)
	e.to = len(t.keys)
	t.events = append(t.events, e)
	if len(d.Wiped) > 0 {
		t.wipes = len(t.events)
	}
}

func appendKeys(keys []gpuevm.Key, d *gpuevm.StateDiff) []gpuevm.Key {
	for i := range d.Cells {
		keys = append(keys, d.Cells[i].Key)
	}
	for i := range d.Adds {
		keys = append(keys, d.Adds[i].Key)
	}
	return keys
}

// between lists what differs between two views, at positions in events and before
// transactions a and b; false: everything may.
func (t *trail) between(pos int, a, b int32) (keys []gpuevm.Key, ok bool) {
	if t.wipes > pos {
		return nil, false
	}
	from := 0
	if pos > 0 {
		from = t.events[pos-1].to
	}
	for _, e := range t.events[pos:] {
		switch {
		case e.quiet && e.tx < a: // seen when it was published
		case e.visible || e.tx < a: // else it is pending, or never was for either
			keys = append(keys, t.keys[from:e.to]...)
		}
		from = e.to
	}
	for tx, diffs := range t.pending {
		if tx < min(a, b) || tx >= max(a, b) {
			continue
		}
		for _, d := range diffs {
			if len(d.Wiped) > 0 {
				return nil, false
			}
			keys = appendKeys(keys, d)
		}
	}
	return keys, true
}

// start turns the trail on. The first event is all that the overlay holds so far.
func (o *overlay) startTrail() {
	t := &o.trail
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.on.Load() {
		return
	}
	t.pending = make(map[int32][]*gpuevm.StateDiff)
	t.on.Store(true) // what changes from now on is noted, perhaps twice
	wiped := false
	for i := range o.shards {
		o.shards[i].each(func(addr common.Address, a *cells) {
			t.take(addr, a)
			wiped = wiped || a.wiped || len(a.wipes) > 0
		})
	}
	t.events = append(t.events, trailEvent{tx: always, visible: true, to: len(t.keys)})
	if wiped {
		t.wipes = 1
	}
}

// take notes which keys of an account are not, or not for every transaction, what they are
// in the state below, and what is pending.
func (t *trail) take(addr common.Address, a *cells) {
	one := func(key gpuevm.Key, c *cell) {
		if c.value != c.base || len(c.pending) > 0 {
			t.keys = append(t.keys, key)
		}
		for _, p := range c.pending {
			d := &gpuevm.StateDiff{Cells: []gpuevm.Cell{{Key: key}}}
			t.pending[p.tx] = append(t.pending[p.tx], d)
		}
	}
	for kind := range a.fields {
		one(gpuevm.Key{Addr: addr, Kind: gpuevm.Kind(kind)}, &a.fields[kind])
	}
	for slot, c := range a.slots {
		one(gpuevm.Key{Addr: addr, Kind: gpuevm.Slot, Slot: slot}, c)
	}
	for _, tx := range a.wipes {
		t.pending[tx] = append(t.pending[tx], &gpuevm.StateDiff{Wiped: []common.Address{addr}})
	}
}

func (s *shard) each(f func(common.Address, *cells)) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for addr, a := range s.accounts {
		a.mu.RLock()
		f(addr, a)
		a.mu.RUnlock()
	}
}

// Since implements gpuevm.Tracked.
func (v *view) Since(mark gpuevm.Mark) (changed []gpuevm.Key, now gpuevm.Mark, ok bool) {
	v.o.startTrail()
	m, _ := mark.(*viewMark)
	n := &viewMark{o: v.o, at: v.at}
	switch {
	case m == nil:
		n.base, _, _ = v.o.sinceBase(nil)
		_, _ = v.sinceView(nil, n)
	case m.o == v.o:
		n.base = m.base
		changed, ok = v.sinceView(m, n)
	default:
		changed, ok = v.sinceBlock(m, n)
	}
	return changed, n, ok
}

// sinceView compares with a view of the same overlay.
func (v *view) sinceView(m, n *viewMark) ([]gpuevm.Key, bool) {
	t := &v.o.trail
	t.mu.Lock()
	defer t.mu.Unlock()
	n.pos = len(t.events)
	if m == nil {
		return nil, false
	}
	return t.between(m.pos, m.at, v.at)
}

// sinceBlock compares with a view of another block: whatever changed in that block, and
// in the state below since then, and whatever has changed in this block.
func (v *view) sinceBlock(m, n *viewMark) (changed []gpuevm.Key, ok bool) {
	var below []gpuevm.Key
	n.base, below, ok = v.o.sinceBase(m.base)
	before, known := m.o.trail.all()
	own, mine := v.sinceView(&viewMark{at: always}, n)
	if !ok || !known || !mine {
		return nil, false
	}
	return slices.Concat(below, before, own), true
}

// all lists every key that was ever noted.
func (t *trail) all() ([]gpuevm.Key, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.keys[:len(t.keys):len(t.keys)], t.wipes == 0
}

// sinceBase asks the state below.
func (o *overlay) sinceBase(mark gpuevm.Mark) (now gpuevm.Mark, changed []gpuevm.Key, ok bool) {
	base, tracked := o.base.(gpuevm.Tracked)
	if !tracked {
		return nil, nil, false
	}
	changed, now, ok = base.Since(mark)
	return now, changed, ok && mark != nil
}
