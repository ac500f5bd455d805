package bulk

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"slices"
	"sync"
)

// sorter sorts records by their first 32 bytes, on disk where they exceed its memory. add may
// be called from any goroutine; merge after done.
type sorter struct {
	shape
	dir   *scratch
	limit int // bytes of a buffer; there are two

	mu     sync.Mutex
	buf    []byte
	spare  []byte
	spills sync.WaitGroup // one at a time
	runs   []*run
	err    error
	sorted []keyed // of what stays in memory
	count  [16]int
}

// keyed finds a record. Comparing prefixes here, without going to the record, is most of
// what makes sorting quick.
type keyed struct {
	prefix uint64
	at     uint32 // record number
}

// fan is how many runs are merged into one.
const fan = 32

// newSorter has this much memory: for two buffers, and the order of one.
func newSorter(dir *scratch, width, memory int) *sorter {
	perRecord := 2*width + 16
	n := max(memory/perRecord, 64)
	block := min(max(memory/1024, 1<<10), 64<<10)
	return &sorter{shape: shape{width, max(block/width, 1)}, dir: dir, limit: n * width}
}

// add takes a copy of some records.
func (s *sorter) add(records []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ; len(records) > 0; records = records[s.width:] {
		if len(s.buf) >= s.limit {
			if err := s.spill(); err != nil {
				return err
			}
		}
		if len(s.buf)+s.width > cap(s.buf) { // no further than the limit, as append would go
			s.buf = append(make([]byte, 0, min(s.limit, max(2*cap(s.buf), 64*s.width))), s.buf...)
		}
		s.count[records[0]>>4]++
		s.buf = append(s.buf, records[:s.width]...)
	}
	return nil
}

// spill sends the buffer to a run, while the other one fills.
func (s *sorter) spill() error {
	s.spills.Wait()
	if s.err != nil {
		return s.err
	}
	full := s.buf
	s.buf, s.spare = s.spare[:0], full
	s.spills.Add(1)
	go func() {
		defer s.spills.Done()
		order := s.order(full)
		i := 0
		s.err = s.write(0, func() ([]byte, error) {
			if i == len(order) {
				return nil, nil
			}
			i++
			return s.record(full, order[i-1]), nil
		})
	}()
	return nil
}

func (s *sorter) write(level int, next func() ([]byte, error)) error {
	r, err := writeRun(s.dir, s.shape, level, next)
	if err != nil {
		return err
	}
	s.runs = append(s.runs, r)
	return s.settle(level)
}

// settle merges runs of a level when there are many.
func (s *sorter) settle(level int) error {
	var same, others []*run
	for _, r := range s.runs {
		if r.level == level {
			same = append(same, r)
		} else {
			others = append(others, r)
		}
	}
	if len(same) < fan {
		return nil
	}
	m, err := newMerger(same, nil, 0, 15)
	if err != nil {
		return err
	}
	s.runs = others
	err = s.write(level+1, m.next)
	for _, r := range same {
		err = errors.Join(err, r.close(s.dir.fs))
	}
	return err
}

func (s *sorter) record(buf []byte, k keyed) []byte {
	return buf[int(k.at)*s.width:][:s.width]
}

func (s *sorter) order(buf []byte) []keyed {
	order := slices.Grow(s.sorted[:0], len(buf)/s.width)
	for i := 0; i < len(buf)/s.width; i++ {
		order = append(order, keyed{binary.BigEndian.Uint64(buf[i*s.width:]), uint32(i)})
	}
	slices.SortFunc(order, func(a, b keyed) int {
		if c := cmp.Compare(a.prefix, b.prefix); c != 0 {
			return c
		}
		return bytes.Compare(s.record(buf, a)[:32], s.record(buf, b)[:32])
	})
	s.sorted = order[:0]
	return order
}

// done ends the adding.
func (s *sorter) done() error {
	s.spills.Wait()
	if s.err == nil {
		s.sorted = s.order(s.buf)
		s.spare = nil
	}
	return s.err
}

// parts is how many first nibbles there are among the keys.
func (s *sorter) parts() (n int) {
	for _, c := range s.count {
		if c > 0 {
			n++
		}
	}
	return n
}

// merge goes through the records whose keys begin with nibbles from first to last.
func (s *sorter) merge(first, last int) (*merger, error) {
	lo, _ := slices.BinarySearchFunc(s.sorted, uint64(first)<<60, func(k keyed, p uint64) int { return cmp.Compare(k.prefix, p) })
	hi := len(s.sorted)
	if last < 15 {
		hi, _ = slices.BinarySearchFunc(s.sorted, uint64(last+1)<<60, func(k keyed, p uint64) int { return cmp.Compare(k.prefix, p) })
	}
	return newMerger(s.runs, &inMemory{s, s.sorted[lo:hi]}, first, last)
}

// inMemory is what was not spilled.
type inMemory struct {
	s     *sorter
	order []keyed
}

func (m *inMemory) next() ([]byte, error) {
	if len(m.order) == 0 {
		return nil, nil
	}
	k := m.order[0]
	m.order = m.order[1:]
	return m.s.record(m.s.buf, k), nil
}

// close lets go of the files.
func (s *sorter) close() error {
	s.spills.Wait()
	var err error
	for _, r := range s.runs {
		err = errors.Join(err, r.close(s.dir.fs))
	}
	s.runs, s.buf, s.spare, s.sorted = nil, nil, nil, nil
	return err
}

// sequence is sorted records: from a file or from memory. A record is valid until the call
// after; nil is the end.
type sequence interface {
	next() ([]byte, error)
}

// merger goes through several sequences as one. It is a heap of their heads.
type merger struct {
	heads []headOf
	moved bool // the first head has been handed out
}

type headOf struct {
	prefix uint64
	rec    []byte
	from   sequence
}

func newMerger(runs []*run, memory *inMemory, first, last int) (*merger, error) {
	m := &merger{}
	var all []sequence
	for _, r := range runs {
		all = append(all, r.reader(first, last))
	}
	if memory != nil {
		all = append(all, memory)
	}
	for _, q := range all {
		h := headOf{from: q}
		if ok, err := h.advance(); err != nil {
			return nil, err
		} else if ok {
			m.heads = append(m.heads, h)
		}
	}
	for i := len(m.heads)/2 - 1; i >= 0; i-- {
		m.sink(i)
	}
	return m, nil
}

func (h *headOf) advance() (ok bool, err error) {
	if h.rec, err = h.from.next(); h.rec == nil || err != nil {
		return false, err
	}
	h.prefix = binary.BigEndian.Uint64(h.rec)
	return true, nil
}

func (h *headOf) before(o *headOf) bool {
	if h.prefix != o.prefix {
		return h.prefix < o.prefix
	}
	return bytes.Compare(h.rec[:32], o.rec[:32]) < 0
}

func (m *merger) sink(i int) {
	for {
		c := 2*i + 1
		if c >= len(m.heads) {
			return
		}
		if c+1 < len(m.heads) && m.heads[c+1].before(&m.heads[c]) {
			c++
		}
		if !m.heads[c].before(&m.heads[i]) {
			return
		}
		m.heads[i], m.heads[c] = m.heads[c], m.heads[i]
		i = c
	}
}

// next implements sequence.
func (m *merger) next() ([]byte, error) {
	if m.moved {
		ok, err := m.heads[0].advance()
		if err != nil {
			return nil, err
		}
		if !ok {
			m.heads[0] = m.heads[len(m.heads)-1]
			m.heads = m.heads[:len(m.heads)-1]
		}
		m.sink(0)
	}
	if m.moved = len(m.heads) > 0; !m.moved {
		return nil, nil
	}
	return m.heads[0].rec, nil
}

// total is how many records there are.
func (s *sorter) total() (n int) {
	for _, c := range s.count {
		n += c
	}
	return n
}
