package forest

import (
	"bytes"
	"slices"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/statedb/mpt"
)

// ahead is what can be done before the block ends. One goroutine does it, as long as there
// is something; it takes what it works on with the forest locked, so that nothing of it is
// under way when somebody else has the lock.
//
// Reading nodes that are in memory already would take time from those who execute. So once
// several chunks of keys in a row needed nothing from the source, only one of eight is
// looked at, until one does.
type ahead struct {
	mu       sync.Mutex
	running  bool
	expected []gpuevm.Key
	settled  []settled
	calm     int // chunks since one needed the source
}

type settled struct {
	diff    *gpuevm.StateDiff
	claimed []common.Address
	later   int
}

const (
	expectedChunk = 512
	expectedMost  = 1 << 16 // more are dropped: Root will read their nodes
	calmAfter     = 4
	calmSample    = 8
)

func (a *ahead) waiting() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.expected) + len(a.settled)
}

// drop forgets what waits: Apply brings all of it.
func (a *ahead) drop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.expected, a.settled = a.expected[:0], nil
}

// add queues what give adds, and has somebody see to it.
func (f *Forest) add(give func(*ahead)) {
	if f.opt.Partial {
		return
	}
	a := &f.ahead
	a.mu.Lock()
	defer a.mu.Unlock()
	give(a)
	if !a.running {
		a.running = true
		go f.workAhead()
	}
}

// Expect names cells that the block will change: their nodes are loaded in the background.
func (f *Forest) Expect(keys []gpuevm.Key) {
	f.add(func(a *ahead) {
		if n := expectedMost - len(a.expected); n < len(keys) {
			keys = keys[:n]
		}
		a.expected = append(a.expected, keys...)
	})
}

// Settled hands over accounts that no later transaction of the block is known to change,
// with absolute values; those claimed are still to come, and about later others. What it is
// given is the forest's from then on. Apply must bring the last value of every cell that was
// handed over, be it the one before the block.
func (f *Forest) Settled(d *gpuevm.StateDiff, claimed []common.Address, later int) {
	f.add(func(a *ahead) { a.settled = append(a.settled, settled{d, claimed, later}) })
}

func (f *Forest) workAhead() {
	for f.stepAhead() {
	}
}

// stepAhead does the next thing there is to do.
func (f *Forest) stepAhead() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	done, keys := f.ahead.take()
	switch {
	case len(done) > 0:
		f.settle(done)
	case len(keys) > 0:
		f.expect(keys)
	default:
		return false
	}
	return true
}

func (a *ahead) take() (done []settled, keys []gpuevm.Key) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if done, a.settled = a.settled, nil; len(done) > 0 {
		return done, nil
	}
	n := min(len(a.expected), expectedChunk)
	keys = slices.Clone(a.expected[:n])
	a.expected = append(a.expected[:0], a.expected[n:]...)
	a.running = n > 0
	return nil, keys
}

func (f *Forest) settle(done []settled) {
	for _, d := range done {
		if f.err == nil {
			f.err = f.changes.apply(d.diff, true)
		}
	}
	f.stats.Settled += len(f.changes.dirty)
	last := &done[len(done)-1]
	_ = f.fold(&rest{f.hashes(last.claimed), last.later}) // Root has the error
}

// hashes are where accounts are in their trie, in order.
func (f *Forest) hashes(addrs []common.Address) []common.Hash {
	b := &f.scratch.batch
	b.Reset()
	for i := range addrs {
		b.Add(addrs[i][:])
	}
	f.opt.Hasher.Hash(b)
	out := make([]common.Hash, len(addrs))
	for i := range out {
		out[i] = *b.Digest(i)
	}
	slices.SortFunc(out, func(a, b common.Hash) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(out)
}

// expect loads the nodes on the way to some cells. What can't be loaded is for Root to
// say, if it needs it.
func (f *Forest) expect(keys []gpuevm.Key) {
	if f.ahead.calm++; f.ahead.calm > calmAfter && f.ahead.calm%calmSample != 0 || f.err != nil {
		return
	}
	defer f.arena.Rest()
	start, before := time.Now(), f.source.loaded.Load()
	accounts, slots := f.places(keys)
	if f.accounts.Guess(accounts) == nil {
		f.expectSlots(slots)
	}
	if f.source.loaded.Load() != before {
		f.ahead.calm = 0
	}
	f.stats.Load += time.Since(start)
	f.stats.Early += time.Since(start)
}

// expectSlots loads the nodes on the way to slots, of many tries at once.
func (f *Forest) expectSlots(slots map[common.Hash][]mpt.Item) {
	tries := make([]*mpt.Trie, 0, len(slots))
	for owner := range slots {
		if t := f.expectTrie(owner); t != nil {
			tries = append(tries, t)
		}
	}
	each(f.opt.Readers, len(tries), func(i int) { _ = tries[i].Guess(slots[tries[i].Owner()]) })
}

// expectTrie is an account's storage trie, nil if it has none.
func (f *Forest) expectTrie(owner common.Hash) *mpt.Trie {
	if t := f.storage[owner]; t != nil {
		return t
	}
	leaf, err := f.accounts.Get(owner)
	if err != nil || leaf == nil {
		return nil
	}
	b, err := decodeBody(leaf)
	if err != nil {
		return nil
	}
	t := f.arena.New(owner, b.root, f.source)
	f.storage[owner] = t
	return t
}

// places are where cells are in the tries, each once and in order, with what may be there.
func (f *Forest) places(keys []gpuevm.Key) (accounts []mpt.Item, slots map[common.Hash][]mpt.Item) {
	b := &f.scratch.batch
	b.Reset()
	for i := range keys {
		b.Add(keys[i].Addr[:])
		if keys[i].Kind == gpuevm.Slot {
			b.Add(keys[i].Slot[:])
		}
	}
	f.opt.Hasher.Hash(b)
	from := f.recall()
	slots = make(map[common.Hash][]mpt.Item)
	n := 0
	for i := range keys {
		key := &keys[i]
		owner := common.Hash(*b.Digest(n))
		n++
		if i == 0 || key.Addr != keys[i-1].Addr {
			account := mpt.Item{Key: owner}
			if from != nil {
				account.Value = recallAccount(from, key.Addr, nil)
			}
			accounts = append(accounts, account)
		}
		if key.Kind == gpuevm.Slot {
			slot := mpt.Item{Key: *b.Digest(n)}
			n++
			if from != nil {
				slot.Value = recallSlot(from, key.Addr, key.Slot, nil)
			}
			slots[owner] = append(slots[owner], slot)
		}
	}
	for owner := range slots {
		slots[owner] = ascending(slots[owner])
	}
	return ascending(accounts), slots
}

func ascending(items []mpt.Item) []mpt.Item {
	slices.SortFunc(items, func(a, b mpt.Item) int { return bytes.Compare(a.Key[:], b.Key[:]) })
	return slices.CompactFunc(items, func(a, b mpt.Item) bool { return a.Key == b.Key })
}
