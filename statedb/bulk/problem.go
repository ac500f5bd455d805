package bulk

import (
	"errors"
	"fmt"
	"sync"

	"github.com/gpuevm/gpuevm/statedb/store"
)

// Kind is a kind of problem that Verify finds.
type Kind string

const (
	BrokenRecord  Kind = "broken record" // not as it was written, or newer than the head
	OrphanSlot    Kind = "slot without account"
	WrongRoot     Kind = "wrong state root"
	MissingNode   Kind = "missing trie node"
	ExtraNode     Kind = "extra trie node"
	DifferentNode Kind = "different trie node"
	MissingCode   Kind = "missing code"
	WrongCode     Kind = "code with another hash"
)

// Problem is one that Verify found.
type Problem struct {
	Kind Kind
	What string
}

// problems are collected from many goroutines: all counted, the first of each kind listed.
type problems struct {
	mu    sync.Mutex
	limit int
	rep   *Report
}

func (p *problems) add(kind Kind, format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rep.Problems == nil {
		p.rep.Problems = make(map[Kind]int)
	}
	if p.rep.Problems[kind]++; p.rep.Problems[kind] <= p.limit {
		p.rep.Listed = append(p.rep.Listed, Problem{kind, fmt.Sprintf(format, args...)})
	}
}

// broken is told of broken records; what else a walk says ends it.
func (p *problems) broken(err error) error {
	if !errors.Is(err, store.ErrCorrupt) {
		return err
	}
	p.add(BrokenRecord, "%v", err)
	return nil
}

// Err is nil where there was no problem.
func (r *Report) Err() error {
	if len(r.Listed) == 0 {
		return nil
	}
	total := 0
	for _, n := range r.Problems {
		total += n
	}
	first := r.Listed[0]
	return fmt.Errorf("%w: %d problems, the first: %s: %s", store.ErrCorrupt, total, first.Kind, first.What)
}
