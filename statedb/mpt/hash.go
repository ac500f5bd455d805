package mpt

import (
	"math/bits"
	"sync"
	"unsafe"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/statedb/keccak"
)

const (
	// sweepWork is how many items' nodes are hashed together. They should fit the
	// second-level cache; lanes are full with far fewer.
	sweepWork = 384
	// forkHash is how many items must have been applied for the work to be split.
	forkHash = 192
	// forkTurns is how often each goroutine should come for more work: the last ones to be done
	// must not keep the others waiting long.
	forkTurns = 4
)

// hashing takes one sub-trie after the other, of about sweepWork changes each: down it
// level by level, which lets the nodes be prefetched, and up again hashing one level as
// one batch. What lies above these sub-tries is hashed at the end.
type hashing struct {
	arena  *Arena
	levels [][]job // of the sub-tries at hand, roots first
	upper  [][]job // by height
	work   int     // items below levels[0]
	most   int     // and how many are enough for a sweep
	batch  keccak.Batch
	tops   []top // for nodes whose parent someone else writes
	point  commitPoint
}

// job is a node to be hashed, and where its hash goes.
type job struct {
	node, parent ref // no parent: to tops[nibble]
	nibble       uint32
	depth        uint8
	digest       int32 // number in the batch, or -1
}

type top struct {
	slot  slot
	embed bool
	done  bool
}

// Hash brings the root of a trie up to date.
func (t *Trie) Hash() (common.Hash, error) {
	if err := t.arena.Hash([]*Trie{t}); err != nil {
		return common.Hash{}, err
	}
	return t.Root()
}

// Hash brings the roots of many tries up to date, their nodes hashed together: a block
// changes many storage tries by a few slots each.
func (a *Arena) Hash(tries []*Trie) error {
	var dirty []*Trie
	work := 0
	for _, t := range tries {
		if t.err != nil {
			return t.err
		}
		if t.stale {
			dirty = append(dirty, t)
			work += t.work()
		}
	}
	if work < forkHash || len(dirty) == 1 || cap(a.cores) == 0 {
		a.hashTries(dirty)
		return nil
	}
	a.hashShares(dirty, work)
	return nil
}

// hashShares gives every core a run of tries with about as many changes.
func (a *Arena) hashShares(tries []*Trie, work int) {
	var wg sync.WaitGroup
	share := work/(cap(a.cores)+1) + 1
	for len(tries) > 0 {
		n, sum := 0, 0
		for n < len(tries) && sum < share {
			sum += tries[n].work()
			n++
		}
		run := tries[:n]
		tries = tries[n:]
		if len(tries) > 0 && take(a.cores) {
			wg.Add(1)
			go func() {
				defer wg.Done()
				a.hashTries(run)
				<-a.cores
			}()
			continue
		}
		a.hashTries(run)
	}
	wg.Wait()
}

func (a *Arena) hashTries(tries []*Trie) {
	if len(tries) == 0 {
		return
	}
	g := a.gather(len(tries))
	for i, t := range tries {
		g.visit(job{node: t.root, nibble: uint32(i)}, nil, t.work())
	}
	g.flush()
	for i, t := range tries {
		t.hash, t.stale, t.pending, t.waiting = common.Hash(g.tops[i].slot), false, 0, 0
	}
	a.hashers.put(g)
}

func (a *Arena) gather(tops int) *hashing {
	g := a.hashers.take()
	if g == nil {
		g = &hashing{arena: a}
	}
	g.tops = append(g.tops[:0], make([]top, tops)...)
	g.point, g.most = commitPoint{}, sweepWork
	return g
}

// visit has a sub-trie hashed, sooner or later, or what is final of it. Work is about how
// many items changed it, known are the keys below it that will change still. The result is
// its height among those above the sub-tries that are swept, 0 for one of these. What is
// above a node that is not final is not final either, and its height means nothing.
func (g *hashing) visit(j job, known []common.Hash, work int) int {
	a := g.arena
	h := a.head(j.node)
	final := g.point.passed(int(j.depth), known)
	switch {
	case final && (work <= sweepWork || h.stale == 0):
		g.levels = push(g.levels, 0, j)
		if g.work += max(work, 1); g.work >= g.most {
			g.sweep()
		}
		return 0
	case !final && g.point.idle(h):
		return 0
	}
	height := 0
	switch {
	case h.kind == extNode:
		e := a.ext(j.node)
		known = below(known, &e.key, int(h.end))
		height = 1 + g.visit(job{node: e.child, parent: j.node, depth: h.end}, known, work)
	case work > sweepWork && cap(a.cores) > 0:
		height = 1 + g.fork(&j, known, work)
	default:
		height = 1 + g.each(&j, known, work)
	}
	if final {
		g.upper = push(g.upper, height, j)
	} else {
		h.waits = len(known) == 0
	}
	return height
}

// each visits the stale children of a branch.
func (g *hashing) each(j *job, known []common.Hash, work int) (height int) {
	b := g.arena.branch(j.node)
	work /= bits.OnesCount16(b.stale)
	for m := b.stale; m != 0; m &= m - 1 {
		n := bits.TrailingZeros16(m)
		part := belowNibble(known, int(j.depth), n)
		height = max(height, g.visit(j.child(b, n), part, work))
	}
	return height
}

func (j *job) child(b branch, n int) job {
	return job{node: b.refs[b.rank(n)], parent: j.node, nibble: uint32(n), depth: j.depth + 1}
}

func push(levels [][]job, level int, j job) [][]job {
	for len(levels) <= level {
		levels = append(levels, nil)
	}
	levels[level] = append(levels[level], j)
	return levels
}

// fork is each with other goroutines: who has hashed some children takes others. Only this one
// writes the branch: its masks are for one goroutine.
func (g *hashing) fork(j *job, known []common.Hash, work int) (height int) {
	var (
		a     = g.arena
		b     = a.branch(j.node)
		share = work / bits.OnesCount16(b.stale)
		jobs  []job
		parts [16][]common.Hash // of known, by nibble
	)
	for m := b.stale; m != 0; m &= m - 1 {
		n := bits.TrailingZeros16(m)
		child := j.child(b, n)
		parts[n] = belowNibble(known, int(j.depth), n)
		if g.point.passed(int(child.depth), parts[n]) || !g.point.idle(a.head(child.node)) {
			jobs = append(jobs, child)
		}
	}
	hands := make([]*hashing, takeMost(a.cores, min(len(jobs)-1, work/forkHash)))
	most := g.most
	g.most = min(most, max(forkHash/2, work/(forkTurns*(len(hands)+1))))
	var wg sync.WaitGroup
	left := queue{n: len(jobs)}
	for i := range hands {
		o := a.gather(16)
		o.point, o.most = g.point, g.most
		hands[i] = o
		wg.Go(func() {
			for i := range left.rest {
				child := jobs[i]
				child.parent = 0
				o.visit(child, parts[child.nibble], share)
			}
			o.flush()
			<-a.cores
		})
	}
	for i := range left.rest {
		height = max(height, g.visit(jobs[i], parts[jobs[i].nibble], share))
	}
	if len(hands) > 0 {
		g.sweep()
	}
	wg.Wait()
	g.most = most
	for _, o := range hands {
		for n := range o.tops {
			if t := &o.tops[n]; t.done {
				a.fill(j.node, n, &t.slot, t.embed)
			}
		}
		a.hashers.put(o)
	}
	return height
}

// flush hashes all that was visited.
func (g *hashing) flush() {
	g.sweep()
	for i, level := range g.upper {
		g.level(level)
		g.upper[i] = level[:0]
	}
}

// sweep hashes the sub-tries below levels[0].
func (g *hashing) sweep() {
	deepest := -1
	for d := 0; d < len(g.levels) && len(g.levels[d]) > 0; d++ {
		deepest = d
		for i := range g.levels[d] {
			j := g.levels[d][i]
			g.below(d+1, &j)
		}
	}
	for d := deepest; d >= 0; d-- {
		g.level(g.levels[d])
		g.levels[d] = g.levels[d][:0]
	}
	g.work = 0
}

// below adds the stale children of a node to a level.
func (g *hashing) below(level int, j *job) {
	a := g.arena
	h := a.head(j.node)
	if h.stale == 0 {
		return
	}
	if h.kind == extNode {
		g.levels = push(g.levels, level, job{node: a.ext(j.node).child, parent: j.node, depth: h.end})
		return
	}
	b := a.branch(j.node)
	prefetch(unsafe.Pointer(&b.slots[0]), uintptr(len(b.slots)+1)/2)
	for m := b.stale; m != 0; m &= m - 1 {
		c := j.child(b, bits.TrailingZeros16(m))
		prefetch(a.at(c.node), 3)
		g.levels = push(g.levels, level, c)
	}
}

// level encodes and hashes nodes whose children are done.
func (g *hashing) level(jobs []job) {
	g.batch.Reset()
	for i := range jobs {
		j := &jobs[i]
		enc := g.arena.encode(g.batch.Open(), j.node, int(j.depth))
		if n := len(enc) - g.batch.Size(); n >= 32 || j.depth == 0 {
			j.digest = int32(g.batch.Close(enc))
			continue
		}
		var s slot
		copy(s[:], enc[g.batch.Size():])
		g.put(j, &s, true)
		j.digest = -1
	}
	g.arena.hasher.Hash(&g.batch)
	for i := range jobs {
		if j := &jobs[i]; j.digest >= 0 {
			g.put(j, (*slot)(g.batch.Digest(int(j.digest))), false)
		}
	}
}

func (g *hashing) put(j *job, s *slot, embed bool) {
	if j.parent == 0 {
		g.tops[j.nibble] = top{*s, embed, true}
		return
	}
	g.arena.fill(j.parent, int(j.nibble), s, embed)
}

// fill is a parent learning its child's hash, or short encoding.
func (a *Arena) fill(parent ref, n int, s *slot, embed bool) {
	h := a.head(parent)
	if h.kind == extNode {
		a.ext(parent).slot = *s
	} else {
		a.branch(parent).slots[h.rank(n)] = *s
	}
	h.stale &^= 1 << n
	h.embed &^= 1 << n
	if embed {
		h.embed |= 1 << n
	}
}
