package compiler

// What few registers cost: a thread issues values in an order; where more words are alive
// than it has registers, the one that is used last goes to memory (Belady, "A Study of
// Replacement Algorithms for a Virtual-Storage Computer", 1966), and comes back when it is
// used. A real compiler may do worse, hardly better.

// spillCost is storing or loading a word of a thread's own memory: 8 instructions, and what
// a hit in the L1 cache takes.
var spillCost = Cost{ClassMemory, 8, 30}

// run is how a thread gets through a block.
type run struct {
	starts []int // by value
	cycles int
	spills int
	alive  int // most words at once
}

// lives is who uses which words of a block. Words have numbers: that of the value in the
// block, behind these the words that come from before.
type lives struct {
	*graph
	args    [][]int32
	words   int
	outside []bool // by word: also used elsewhere, or when the block ends
}

func (g *graph) lives(p *pressure) *lives {
	l := &lives{graph: g, args: make([][]int32, len(g.values)), words: len(g.values)}
	before := map[*Value]int32{}
	for _, v := range g.values {
		l.outside = append(l.outside, p.outside[v.ID])
	}
	for i, v := range g.values {
		for _, a := range v.Args {
			word, here := g.at[a]
			if !here && a.Block != nil {
				if word, here = before[a]; !here {
					word, here = int32(l.words), true
					before[a] = word
					l.words++
					l.outside = append(l.outside, p.outside[a.ID])
				}
			}
			if here {
				l.args[i] = append(l.args[i], word)
			}
		}
	}
	return l
}

// best is the quickest order that is known for so many registers.
func (l *lives) best(f *Func, b *Block, p *pressure, registers int) run {
	best := l.run(l.parallel(p, registers), registers)
	for _, order := range [][]int32{l.programOrder(), f.inProgramOrder(b, l.graph)} {
		if r := l.run(order, registers); r.cycles < best.cycles {
			best = r
		}
	}
	return best
}

// thread is the state of a run.
type thread struct {
	*lives
	budget int
	uses   [][]int32 // by word: places in the order, from the next on
	held   []bool    // by word: in a register
	memory []bool    // by word: has to be loaded
	stored []bool    // by word: is in memory, where it stays
	count  int       // of words held
	out    run
}

// run is what an order takes with so many registers.
func (l *lives) run(order []int32, registers int) run {
	t := &thread{lives: l, budget: registers, uses: l.places(order), held: make([]bool, l.words), memory: make([]bool, l.words), stored: make([]bool, l.words)}
	t.out.starts = make([]int, len(l.values))
	for word := len(l.values); word < l.words; word++ {
		t.hold(int32(word))
	}
	now := t.shrink(-1)
	for n, i := range order {
		now = t.issue(int32(n), i, now)
	}
	t.out.cycles = max(t.out.cycles, now)
	return t.out
}

// places are the places of an order where each word is used.
func (l *lives) places(order []int32) [][]int32 {
	counts, total := make([]int, l.words), 0
	for _, args := range l.args {
		for _, word := range args {
			counts[word]++
			total++
		}
	}
	all, uses := make([]int32, 0, total), make([][]int32, l.words)
	for word, n := range counts {
		uses[word], all = all[len(all):len(all):len(all)+n], all[:len(all)+n]
	}
	for n, i := range order {
		for _, word := range l.args[i] {
			uses[word] = append(uses[word], int32(n))
		}
	}
	return uses
}

func (t *thread) hold(word int32) {
	if !t.held[word] {
		t.held[word] = true
		t.count++
	}
}

func (t *thread) drop(word int32) {
	if t.held[word] {
		t.held[word] = false
		t.count--
	}
}

// issue issues value i, the n-th, and tells when the next may be.
func (t *thread) issue(n, i int32, now int) int {
	ready := now
	for _, word := range t.args[i] {
		if t.memory[word] {
			t.memory[word] = false
			t.hold(word)
			ready = max(ready, now+spillCost.Latency)
			now += spillCost.Issue
		}
	}
	start := max(now, ready)
	for _, l := range t.preds[i] {
		start = max(start, t.out.starts[l.node]+int(l.cycles))
	}
	v := t.values[i]
	cost := CostOf(v.Op)
	t.out.starts[i] = start
	t.out.cycles = max(t.out.cycles, start+cost.Latency)
	for _, word := range t.args[i] {
		for len(t.uses[word]) > 0 && t.uses[word][0] <= n {
			t.uses[word] = t.uses[word][1:]
		}
		if len(t.uses[word]) == 0 && !t.outside[word] {
			t.drop(word)
		}
	}
	if v.IsWord() && (len(t.uses[i]) > 0 || t.outside[i]) {
		t.hold(i)
	}
	return start + cost.Issue + t.shrink(i)
}

// shrink sends words to memory until the others fit, and tells how long that takes. The
// word just made stays: it is in registers.
func (t *thread) shrink(made int32) (cycles int) {
	t.out.alive = max(t.out.alive, t.count)
	for t.count > t.budget {
		last, at := int32(-1), int32(-1)
		for word, held := range t.held {
			if held && int32(word) != made && t.nextUse(word) > at {
				last, at = int32(word), t.nextUse(word)
			}
		}
		if last < 0 {
			return cycles
		}
		t.drop(last)
		t.memory[last] = true
		if !t.stored[last] {
			t.stored[last] = true
			t.out.spills++
			cycles += spillCost.Issue
		}
	}
	return cycles
}

func (t *thread) nextUse(word int) int32 {
	if len(t.uses[word]) > 0 {
		return t.uses[word][0]
	}
	return int32(len(t.values))
}
