package forest

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/statedb/keccak"
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

// part is how many small things are worth giving to another goroutine.
const part = 256

// parts does n things on all cores, some at a time. The error is that of the first part
// that has one.
func (f *Forest) parts(n int, do func(from, to int) error) error {
	if n <= part || f.opt.Workers == 1 {
		return do(0, n)
	}
	errs := make([]error, (n+part-1)/part)
	each(f.opt.Workers, len(errs), func(p int) { errs[p] = do(p*part, min((p+1)*part, n)) })
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// hashNames hashes n names, of accounts or slots.
func (f *Forest) hashNames(n int, name func(k int) []byte, hashed func(k int, hash *common.Hash)) {
	_ = f.parts(n, func(from, to int) error {
		batch := &f.scratch.batch
		if n > part {
			batch = batches.Get().(*keccak.Batch)
			defer batches.Put(batch)
		}
		batch.Reset()
		for k := from; k < to; k++ {
			batch.Add(name(k))
		}
		f.opt.Hasher.Hash(batch)
		for k := from; k < to; k++ {
			hashed(k, (*common.Hash)(batch.Digest(k-from)))
		}
		return nil
	})
}

var batches = sync.Pool{New: func() any { return new(keccak.Batch) }}
