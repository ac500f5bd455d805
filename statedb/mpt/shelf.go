package mpt

import (
	"math/rand/v2"
	"runtime"
	"sync/atomic"
)

// shelf is where goroutines leave what the next one can use: as many things as there are
// cores, the others are forgotten. Each has a place and a cache line for itself, and who
// comes begins to look anywhere, so that the cores seldom meet. It is not a sync.Pool: the
// runtime knows all pools with something in them until its second collection from then, and
// with the pool of an arena its slabs. A program that made one small arena after another
// (spectest does) had twice as many of them alive at every collection as garbage had been
// expected, and grew until memory was full.
type shelf[T any] []spot[T]

type spot[T any] struct {
	atomic.Pointer[T]
	_ [56]byte
}

func newShelf[T any]() shelf[T] { return make(shelf[T], runtime.GOMAXPROCS(0)) }

// take is nil where there is nothing.
func (s shelf[T]) take() *T {
	for i := range s.from() {
		if t := s[i].Load(); t != nil && s[i].CompareAndSwap(t, nil) {
			return t
		}
	}
	return nil
}

func (s shelf[T]) put(t *T) {
	for i := range s.from() {
		if s[i].Load() == nil && s[i].CompareAndSwap(nil, t) {
			return
		}
	}
}

// from are all places, from any on.
func (s shelf[T]) from() func(yield func(int) bool) {
	return func(yield func(int) bool) {
		i := int(rand.Uint32N(uint32(len(s))))
		for range s {
			if !yield(i) {
				return
			}
			if i++; i == len(s) {
				i = 0
			}
		}
	}
}
