package mpt

import (
	"sync"
	"sync/atomic"
)

const (
	// forkRun is how many items a run has at least to be given to several goroutines;
	// with fewer, starting them costs more than it saves (measured: 64 to 256 are alike).
	forkRun = 192
	// forkPart is the least that is worth a goroutine of its own.
	forkPart = 8
)

// fan is what becomes of the children of one branch.
type fan struct {
	parent  ref // 0: none yet
	refs    [16]ref
	hit     [16]bool
	seen    uint16 // children that items go to
	changed uint16
}

// fan is for the branch at a depth. It is on no stack: goroutines may write it.
func (w *worker) fan(depth int, parent ref) *fan {
	f := &w.fans[depth]
	*f = fan{parent: parent}
	return f
}

type step func(w *worker, f *fan, n, depth int, items []Item) error

// fanOut splits a run of items by their nibble at depth and does each part, in several
// goroutines when the run is long. Parts are apart from one another: each writes only its
// own entries of the fan, and nodes below its own child.
func (w *worker) fanOut(f *fan, depth int, items []Item, do step) error {
	if len(items) >= forkRun && len(w.cores) < cap(w.cores) {
		return w.fork(f, depth, items, do, w.cores, forkPart)
	}
	var err error
	for len(items) > 0 && err == nil {
		n := nibble(&items[0].Key, depth)
		k := runOf(items, depth, n)
		err = do(w, f, n, depth, items[:k])
		f.mark(n)
		items = items[k:]
	}
	return err
}

func (f *fan) mark(n int) {
	f.seen |= 1 << n
	if f.hit[n] {
		f.changed |= 1 << n
	}
}

// runOf is how many items at the start have the same nibble.
func runOf(items []Item, depth, n int) int {
	k := 1
	for k < len(items) && nibble(&items[k].Key, depth) == n {
		k++
	}
	return k
}

// fork is fanOut with goroutines, as many as there are tokens for, each with at least some items:
// who is done with a part takes the next. All parts are done even if one fails.
func (w *worker) fork(f *fan, depth int, items []Item, do step, tokens chan struct{}, least int) error {
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		first error
		parts [][]Item
		hands []*worker
	)
	for rest := items; len(rest) > 0; {
		k := runOf(rest, depth, nibble(&rest[0].Key, depth))
		parts = append(parts, rest[:k])
		rest = rest[k:]
	}
	most := min(len(parts), len(items)/least) - 1
	left := queue{n: len(parts)}
	part := func(w *worker, i int) {
		err := do(w, f, nibble(&parts[i][0].Key, depth), depth, parts[i])
		if wrong := w.verified(); wrong != nil {
			err = wrong
		}
		if err != nil {
			mu.Lock()
			if first == nil || isWrong(err) {
				first = err
			}
			mu.Unlock()
		}
	}
	for i := range left.rest {
		for len(hands) < most && left.any() && take(tokens) { // there may be some later, too
			hand := w.hire(w.t)
			hands = append(hands, hand)
			wg.Go(func() {
				for i := range left.rest {
					part(hand, i)
				}
				<-tokens
			})
		}
		part(w, i)
	}
	wg.Wait()
	for _, hand := range hands {
		w.join(hand)
	}
	for _, part := range parts {
		f.mark(nibble(&part[0].Key, depth))
	}
	return first
}

// queue hands out the numbers from 0 to n-1, to whichever goroutine comes for the next.
type queue struct {
	n    int
	next atomic.Int32
}

func (q *queue) rest(yield func(int) bool) {
	for i := int(q.next.Add(1)) - 1; i < q.n && yield(i); i = int(q.next.Add(1)) - 1 {
	}
}

// any says whether there are numbers left.
func (q *queue) any() bool { return int(q.next.Load()) < q.n }

// takeMost takes up to n tokens, and says how many it got.
func takeMost(tokens chan struct{}, n int) int {
	for k := range n {
		if !take(tokens) {
			return k
		}
	}
	return max(n, 0)
}

func take(tokens chan struct{}) bool {
	select {
	case tokens <- struct{}{}:
		return true
	default:
		return false
	}
}
