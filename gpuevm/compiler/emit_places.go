package compiler

// Words that cross blocks have a place in memory each, which those share that are not alive
// in the same block. A parameter shares it with the words that edges bring, where it can: a
// stack word that nobody touches then stays where it is, through all blocks.

const (
	// shareBits and shareSteps bound what finding out may take; beyond, nothing is shared.
	shareBits  = 1 << 28
	shareSteps = 1 << 24
	// sharePlaces is how many places a word is tried on.
	sharePlaces = 256
)

// allot gives places to the words that cross blocks, and returns how many places these are.
func (e *emitter) allot() int {
	crossing := e.crossing()
	alive := e.alive(crossing)
	if alive == nil {
		for i, v := range crossing {
			e.slots[v] = i
		}
		return len(crossing)
	}
	c := sharing{of: map[*Value]int{}, alive: alive}
	for i, v := range crossing {
		c.of[v] = i
		c.parent = append(c.parent, i)
	}
	for _, b := range e.f.Blocks {
		for _, to := range b.Succs {
			for i, a := range to.Args {
				c.join(to.To.Params[i], a)
			}
		}
	}
	places := []blockSet{}
	given := make([]int, len(crossing)) // to a class: its place and 1
	for i, v := range crossing {
		k := c.root(i)
		if given[k] == 0 {
			at := 0
			for at < len(places) && (at >= sharePlaces || places[at].meets(alive[k])) {
				at++
			}
			if at == len(places) {
				places = append(places, make(blockSet, len(alive[k])))
			}
			places[at].add(alive[k])
			given[k] = at + 1
		}
		e.slots[v] = given[k] - 1
	}
	return len(places)
}

// crossing are the parameters, and the words that blocks use of others.
func (e *emitter) crossing() (list []*Value) {
	seen := map[*Value]bool{}
	add := func(v *Value) {
		if !seen[v] {
			seen[v] = true
			list = append(list, v)
		}
	}
	for _, b := range e.f.Blocks {
		for _, p := range b.Params {
			add(p)
		}
		b.words(func(words []*Value) {
			for _, v := range words {
				if v != nil && v.Block != nil && v.Block != b {
					add(v)
				}
			}
		})
	}
	return list
}

// blockSet has a bit for each block, by its place in Func.Blocks.
type blockSet []uint64

func (s blockSet) has(i int) bool { return s[i/64]>>(i%64)&1 != 0 }
func (s blockSet) set(i int)      { s[i/64] |= 1 << (i % 64) }

func (s blockSet) meets(o blockSet) bool {
	for i := range s {
		if s[i]&o[i] != 0 {
			return true
		}
	}
	return false
}

func (s blockSet) add(o blockSet) {
	for i := range s {
		s[i] |= o[i]
	}
}

// alive are the blocks that each word is needed in, that which makes it included; nil where
// that would take too long.
func (e *emitter) alive(crossing []*Value) []blockSet {
	blocks := e.f.Blocks
	if len(crossing)*len(blocks) > shareBits {
		return nil
	}
	number := map[*Block]int{}
	for i, b := range blocks {
		number[b] = i
	}
	words := (len(blocks) + 63) / 64
	all := make([]uint64, words*len(crossing))
	alive, of := make([]blockSet, len(crossing)), map[*Value]blockSet{}
	for i, v := range crossing {
		alive[i] = all[i*words : (i+1)*words : (i+1)*words]
		alive[i].set(number[v.Block])
		of[v] = alive[i]
	}
	steps := 0
	var work []*Block
	for _, b := range blocks {
		b.words(func(list []*Value) {
			for _, v := range list {
				if v == nil || v.Block == nil || v.Block == b || of[v].has(number[b]) {
					continue
				}
				of[v].set(number[b])
				work = append(work[:0], b)
				for len(work) > 0 && steps <= shareSteps {
					at := work[len(work)-1]
					work = work[:len(work)-1]
					for _, p := range at.Preds {
						steps++
						if n := number[p.From]; !of[v].has(n) {
							of[v].set(n)
							work = append(work, p.From)
						}
					}
				}
			}
		})
	}
	if steps > shareSteps {
		return nil
	}
	return alive
}

// sharing is which words have one place.
type sharing struct {
	of     map[*Value]int
	parent []int
	alive  []blockSet // of a class, by its root
}

func (c *sharing) root(i int) int {
	for c.parent[i] != i {
		c.parent[i] = c.parent[c.parent[i]]
		i = c.parent[i]
	}
	return i
}

// join makes one class of two words' where they are never alive in the same block.
func (c *sharing) join(p, a *Value) {
	i, placed := c.of[a]
	if !placed {
		return
	}
	x, y := c.root(c.of[p]), c.root(i)
	if x != y && !c.alive[x].meets(c.alive[y]) {
		c.alive[x].add(c.alive[y])
		c.parent[y] = x
	}
}
