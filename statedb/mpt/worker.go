package mpt

import "sync/atomic"

// worker is a goroutine's share of an operation on one trie.
type worker struct {
	*Arena
	heap
	busy   atomic.Bool
	t      *Trie
	now    uint32
	gone   []place // records of nodes that are no longer where they were
	list   []Item  // scratch
	warmed bool    // the items at hand have been to warm
	fronts [2][]front
	value  []byte // scratch
	path   [64]byte
	fans   [64]fan // one at each depth, where a branch is being worked on
	got    []Item  // scratch of GetBatch
	loaded checking

	sweep   Sweep // of the source that was asked last; nil: none
	sweepOf Sweeper

	collecting collecting
}

// hire finds an idle worker, or makes one. Workers have free memory of the arena, so that
// none may get lost; but a list of the idle ones would be one more thing that all cores
// write for every small trie. Who has its busy flag has the worker; Arena.idle, which
// forgets some, only says where to look first.
func (a *Arena) hire(t *Trie) *worker {
	w := a.idle.take()
	if w == nil || !w.busy.CompareAndSwap(false, true) {
		w = a.anyIdle()
	}
	w.t, w.now = t, a.epoch.Load()
	return w
}

func (a *Arena) anyIdle() *worker {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range a.workers {
		if !w.busy.Load() && w.busy.CompareAndSwap(false, true) {
			return w
		}
	}
	w := &worker{Arena: a}
	w.busy.Store(true)
	a.workers = append(a.workers, w)
	return w
}

// dismiss enters what the worker did in its trie.
func (w *worker) dismiss() {
	if w.grown != 0 {
		w.t.size += w.grown
		w.live.Add(w.grown)
	}
	w.t.gone = append(w.t.gone, w.gone...)
	w.rest()
}

// join takes over what another worker did for this one.
func (w *worker) join(hand *worker) {
	w.grown += hand.grown
	w.gone = append(w.gone, hand.gone...)
	hand.rest()
}

func (w *worker) rest() {
	w.list, w.warmed = nil, false // holds on to the caller's values
	w.grown, w.gone, w.t = 0, w.gone[:0], nil
	w.busy.Store(false)
	w.idle.put(w)
}

// from is how this worker asks a source.
func (w *worker) from(s Source) Source {
	sweeper, ok := s.(Sweeper)
	if !ok {
		return s
	}
	if w.sweep == nil || w.sweepOf != sweeper {
		w.endSweep()
		w.sweep, w.sweepOf = sweeper.Sweep(), sweeper
	}
	return w.sweep
}

func (w *worker) endSweep() {
	if w.sweep != nil {
		w.sweep.Close()
		w.sweep, w.sweepOf = nil, nil
	}
}

// Rest gives back what Sources hold for the arena's workers, none of whom may be at work. Who
// loads nodes from a Sweeper must call it now and then: a sweep sees what its source had when it
// began, and keeps it from being closed.
func (a *Arena) Rest() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range a.workers {
		w.endSweep()
	}
}
