package ilp

import (
	"cmp"
	"fmt"
	"slices"
	"sync"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/gpuevm/compiler"
	"github.com/gpuevm/gpuevm/gpuevm/opcode"
)

// library is the codes that were compiled.
type library struct {
	registers int
	heaviest  int // blocks of a code to list; 0: all
	mu        sync.Mutex
	volumes   map[volumeKey]*volume
}

type volumeKey struct {
	hash common.Hash
	fork opcode.Revision
}

// volume is a code in the library.
type volume struct {
	Code
	fork   opcode.Revision
	mu     sync.Mutex       // held while it is compiled
	done   bool             // was compiled, whatever came of it
	err    error            //
	course *compiler.Course // nil where nobody follows it
	counts []uint64         // by block: how often it ran
	leaves map[int]int      // frames, by position
	lost   int
}

// of finds a code, and compiles it where that was not done, or nothing is left to follow.
func (l *library) of(hash common.Hash, code []byte, fork opcode.Revision, follow bool) (*volume, error) {
	key := volumeKey{hash, fork}
	l.mu.Lock()
	v := l.volumes[key]
	if v == nil {
		v = &volume{Code: Code{Hash: hash, Fork: fork.String(), Bytes: len(code), code: code}, fork: fork}
		l.volumes[key] = v
	}
	l.mu.Unlock()
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.done || follow && v.course == nil && v.err == nil {
		v.compile(l.registers)
		v.done = true
	}
	return v, v.err
}

func (v *volume) compile(registers int) {
	course, _, report, err := compiler.NewCourse(v.code, compiler.Options{Revision: v.fork}, registers)
	if err != nil {
		v.err = fmt.Errorf("code %s: %w", v.Hash, err)
		return
	}
	v.course, v.Ineligible, v.Blocks = course, course.Ineligible, len(course.Blocks)
	v.counts = make([]uint64, len(course.Blocks))
	v.Functions, v.Heaviest = []Function{}, nil
	if report == nil {
		return
	}
	v.Whole = report.Whole
	for _, f := range report.Functions {
		v.Functions = append(v.Functions, Function{f.Selector, len(f.Blocks), f.Measures})
	}
}

// ran adds what an Ethereum block ran.
func (l *library) ran(r *codeRuns) {
	v, at := r.volume, r.at
	l.mu.Lock()
	defer l.mu.Unlock()
	if v.Executed == nil {
		v.Executed = new(Total)
	}
	if v.Address == nil || at.Cmp(*v.Address) < 0 { // whichever block is done first
		v.Address = &at
	}
	v.Executed.add(&r.total)
	for i, n := range r.Counts {
		v.counts[i] += n
	}
	if v.leaves == nil {
		v.leaves = map[int]int{}
	}
	for pc, n := range r.Leaves {
		v.leaves[pc] += n
	}
	v.lost += r.Lost
}

// list picks the heaviest blocks, and forgets the others.
func (v *volume) list(most int) {
	v.Heaviest = []BasicBlock{}
	if v.course == nil {
		return
	}
	for i, b := range v.course.Blocks {
		v.Heaviest = append(v.Heaviest, BasicBlock{b, v.counts[i]})
	}
	slices.SortStableFunc(v.Heaviest, func(a, b BasicBlock) int {
		return cmp.Compare(b.weight(v.Executed != nil), a.weight(v.Executed != nil))
	})
	if most > 0 && len(v.Heaviest) > most {
		v.Heaviest = slices.Clone(v.Heaviest[:most])
	}
	for pc, n := range v.leaves {
		v.Leaves = append(v.Leaves, Leave{pc, n})
	}
	slices.SortFunc(v.Leaves, func(a, b Leave) int { return cmp.Or(cmp.Compare(b.Frames, a.Frames), cmp.Compare(a.PC, b.PC)) })
	v.course, v.leaves = nil, nil
}

// weight is the work of all runs, or of one.
func (b *BasicBlock) weight(executed bool) uint64 {
	if executed {
		return b.Runs * uint64(b.SSA.Work)
	}
	return uint64(b.SSA.Work)
}

// work is what a code weighs in distributions: what it is without any compiler.
func (c *Code) work() int {
	if c.Executed != nil {
		return c.Executed.Stack.Work
	}
	return c.Whole.Stack.Work
}

// measures are those that a code is judged by.
func (c *Code) measures() *compiler.Measures {
	if c.Executed != nil {
		return &c.Executed.Measures
	}
	return &c.Whole
}

// heaviestFunctions are those with the most work, each block once.
func heaviestFunctions(c *Code) []Function {
	list := slices.Clone(c.Functions)
	slices.SortStableFunc(list, func(a, b Function) int { return cmp.Compare(b.SSA.Work, a.SSA.Work) })
	return list[:min(pageRows, len(list))]
}
