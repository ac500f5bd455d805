package forest

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/ethereum/go-ethereum/common"
)

// ranked is something to be sorted by hash; the first bytes mostly decide.
type ranked struct {
	prefix uint64
	index  int32
}

// bucketed is how many things are worth sorting by their first byte first.
const bucketed = 2048

// order sorts indices by hash, equal ones by index. It reuses the memory of list.
func (s *scratch) order(list []ranked, workers int, hash func(int32) *common.Hash) []ranked {
	for i := range list {
		list[i].prefix = binary.BigEndian.Uint64(hash(list[i].index)[:])
	}
	sort := func(list []ranked) {
		slices.SortFunc(list, func(a, b ranked) int {
			if a.prefix != b.prefix {
				return cmp.Compare(a.prefix, b.prefix)
			}
			if d := bytes.Compare(hash(a.index)[:], hash(b.index)[:]); d != 0 {
				return d
			}
			return cmp.Compare(a.index, b.index)
		})
	}
	if len(list) < bucketed {
		sort(list)
		return list
	}
	var start [257]int
	for i := range list {
		start[list[i].prefix>>56+1]++
	}
	for i := 1; i < len(start); i++ {
		start[i] += start[i-1]
	}
	next := start
	s.spare = slices.Grow(s.spare[:0], len(list))[:len(list)]
	for _, r := range list {
		b := r.prefix >> 56
		s.spare[next[b]] = r
		next[b]++
	}
	list, s.spare = s.spare, list
	each(workers, 256, func(b int) { sort(list[start[b]:start[b+1]]) })
	return list
}

// each calls do for 0 to n-1, on several goroutines.
func each(workers, n int, do func(i int)) {
	if workers = min(workers, n); workers <= 1 {
		for i := range n {
			do(i)
		}
		return
	}
	var (
		wg   sync.WaitGroup
		next atomic.Int64
	)
	work := func() {
		for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
			do(int(i))
		}
	}
	for range workers - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
}
