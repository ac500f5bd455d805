package mpt

// probe is descend for a trie whose nodes are all in memory, which most often they are:
// level by level, as warm, and in this goroutine. It stops where a node is missing, and
// the result says whether none was.
func (w *worker) probe(r ref, depth int, items []Item, what errand) bool {
	now := append(w.fronts[0][:0], front{r, 0, uint32(len(items)), uint8(depth)})
	next := w.fronts[1][:0]
	all := true
	for len(now) > 0 && all {
		for i := range now {
			if next, all = w.probeBelow(next, &now[i], items, what); !all {
				break
			}
		}
		now, next = next, now[:0]
	}
	w.fronts[0], w.fronts[1] = now, next
	return all
}

func (w *worker) probeBelow(next []front, f *front, items []Item, what errand) ([]front, bool) {
	h := w.head(f.node)
	h.epoch = w.now
	switch h.kind {
	case leafNode:
		if what == toRead {
			w.leaf(f.node).giveTo(items[f.from:f.to])
		}
		return next, true
	case extNode:
		e := w.ext(f.node)
		for f.from < f.to && prefix(&items[f.from].Key, &e.key) < int(h.end) {
			f.from++
		}
		for f.from < f.to && prefix(&items[f.to-1].Key, &e.key) < int(h.end) {
			f.to--
		}
		if f.from == f.to {
			return next, true
		}
		return w.probeAt(next, e.child, front{from: f.from, to: f.to, depth: h.end})
	}
	return w.probeBranch(next, f, items, what)
}

func (w *worker) probeBranch(next []front, f *front, items []Item, what errand) ([]front, bool) {
	b := w.branch(f.node)
	var seen, vanish uint16
	all := true
	for i := f.from; i < f.to && all; {
		n := nibble(&items[i].Key, int(f.depth))
		end := i + uint32(runOf(items[i:f.to], int(f.depth), n))
		seen |= 1 << n
		if b.has(n) {
			next, all = w.probeAt(next, b.refs[b.rank(n)], front{from: i, to: end, depth: f.depth + 1})
			if what == toWrite && !anyLiving(items[i:end]) {
				vanish |= 1 << n
			}
		}
		i = end
	}
	if n, is := sibling(b.mask, seen, vanish); is && b.refs[b.rank(n)] == 0 {
		all = false
	}
	return next, all
}

// probeAt goes on at a child, unless it is missing.
func (w *worker) probeAt(next []front, child ref, f front) ([]front, bool) {
	if child == 0 {
		return next, false
	}
	prefetch(w.at(child), 3)
	f.node = child
	return append(next, f), true
}
