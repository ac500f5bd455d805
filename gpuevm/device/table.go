package device

import (
	"encoding/binary"
	"hash/maphash"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/gpuevm/opcode"
)

// stateTable is the host's side of the state table on the device: what is there, how it
// gets there, and when it must go.
//
// It stands for one state, that of the last view it followed. A view that can tell what
// changed since then (gpuevm.Tracked) keeps the table; any other empties it. At a load
// above 1/2 the table moves into a larger one; at its largest it is emptied instead, and
// what is still needed comes back as misses, many at once: a table that large holds far
// more than any one block touches, so that this happens once in hundreds of blocks.
type stateTable struct {
	b              *bus
	codes          *codeStore
	entries, spare buffer
	capacity       int // entries in use, a power of 2
	largest        int
	count          int // entries that are taken, at most
	seed           uint64

	mark  gpuevm.Mark
	known map[uint64]struct{}       // hashes of the keys that are there
	hash  maphash.Seed              // of those
	hints map[common.Address]uint64 // the beginning of accounts' code hashes, to sort by

	staging pinned[entry]
	blobs   [][]byte
	from    buffer
	added   buffer
}

const (
	entryBytes   = 128
	smallestCap  = 1 << 10
	maxHints     = 1 << 18
	loadParallel = 128 // from so many cells on they are read by several goroutines
)

func newStateTable(b *bus, codeBytes, largest int, seed uint64) *stateTable {
	t := &stateTable{
		b: b, codes: newCodeStore(b, codeBytes), largest: largest, seed: seed,
		known: make(map[uint64]struct{}), hash: maphash.MakeSeed(), hints: make(map[common.Address]uint64),
	}
	b.room(&t.added, 256)
	t.clear(0)
	return t
}

// arg is the table as kernels take it.
func (t *stateTable) arg() table {
	return table{entries: t.entries.at, codes: t.codes.heads.at, mask: uint64(t.capacity - 1), seed: t.seed}
}

// capacityFor is a table in which n entries leave room for as many again.
func (t *stateTable) capacityFor(n int) int {
	c := smallestCap
	for c < 4*n && c < t.largest {
		c *= 2
	}
	return c
}

// clear empties the table, to take about n entries.
func (t *stateTable) clear(n int) {
	t.capacity, t.count = t.capacityFor(n), 0
	if len(t.known) > 1<<16 {
		t.known = make(map[uint64]struct{}) // clearing takes time in proportion to what it once held
	} else {
		clear(t.known)
	}
	t.b.room(&t.entries, t.capacity*entryBytes)
	t.b.zero(t.entries.at, t.capacity*entryBytes)
}

// grow makes room for n more entries, or empties the table where it is too large for that;
// false: it was emptied.
func (t *stateTable) grow(n int) bool {
	if 2*(t.count+n) <= t.capacity {
		return true
	}
	larger := t.capacityFor(t.count + n)
	if 2*(t.count+n) > larger {
		t.b.count.drops.Add(1)
		t.clear(n)
		return false
	}
	t.b.room(&t.spare, larger*entryBytes)
	t.b.zero(t.spare.at, larger*entryBytes)
	old, oldCapacity := t.entries, t.capacity
	t.entries, t.spare, t.capacity = t.spare, old, larger
	t.upsert(old.at, oldCapacity)
	return true
}

func (t *stateTable) upsert(from ptr, n int) {
	launch(t.b, "table.cu", "upsert_entries", t.b.lanes(n), &upsertArgs{count: uint32(n), from: from, added: t.added.at, table: t.arg()})
}

// accountKey is the key under which an account as a whole is known.
func accountKey(addr common.Address) gpuevm.Key { return gpuevm.Key{Addr: addr} }

// entryKey is the key of the entry that holds a cell.
func entryKey(k gpuevm.Key) gpuevm.Key {
	if k.Kind == gpuevm.Slot {
		return k
	}
	return accountKey(k.Addr)
}

// follow makes the table that of a view.
func (t *stateTable) follow(pre gpuevm.StateView, r opcode.Revision) {
	if t.codes.revision != r {
		t.codes.clear(r)
		t.mark = nil
	}
	tracked, ok := pre.(gpuevm.Tracked)
	if !ok {
		t.mark = nil
		t.clear(0)
		return
	}
	changed, now, ok := tracked.Since(t.mark)
	ok = ok && t.mark != nil
	t.mark = now
	if !ok {
		t.clear(t.count / 2)
		return
	}
	t.b.count.kept.Add(1)
	t.refresh(pre, changed)
}

// refresh reads again what changed and is there.
func (t *stateTable) refresh(pre gpuevm.StateView, changed []gpuevm.Key) {
	seen := make(map[uint64]struct{}, len(changed))
	var stale []gpuevm.Key
	for _, k := range changed {
		k = entryKey(k)
		h := maphash.Comparable(t.hash, k)
		if _, here := t.known[h]; !here {
			continue
		}
		if _, twice := seen[h]; !twice {
			seen[h] = struct{}{}
			stale = append(stale, k)
		}
	}
	t.b.count.refreshed.Add(int64(len(stale)))
	t.count -= len(stale) // load counts them again
	if loaded := t.load(pre, stale); loaded < len(stale) {
		t.clear(0) // what can't be read must not stay
	}
}

// want adds a key to a list of those to load unless it is there or on the list already.
func (t *stateTable) want(list []gpuevm.Key, k gpuevm.Key) []gpuevm.Key {
	h := maphash.Comparable(t.hash, k)
	if _, here := t.known[h]; here {
		return list
	}
	t.known[h] = struct{}{}
	return append(list, k)
}

// has reports whether a key is there, or about to be.
func (t *stateTable) has(k gpuevm.Key) bool {
	_, here := t.known[maphash.Comparable(t.hash, k)]
	return here
}

// load reads entries from the view and puts them in the table, and says how many. Those
// that can't be read, or whose code has no room, are left out.
func (t *stateTable) load(pre gpuevm.StateView, keys []gpuevm.Key) (loaded int) {
	for len(keys) > 0 {
		n := min(len(keys), t.largest/4) // a table that was emptied takes that many
		loaded += t.loadSome(pre, keys[:n])
		keys = keys[n:]
	}
	return loaded
}

func (t *stateTable) loadSome(pre gpuevm.StateView, keys []gpuevm.Key) (loaded int) {
	entries := t.staging.grow(t.b, len(keys))
	for len(t.blobs) < len(keys) {
		t.blobs = append(t.blobs, nil)
	}
	if t.b.err != nil {
		return 0
	}
	t.read(pre, keys, entries)
	t.grow(len(keys))
	if !t.addCodes(entries) { // full: all are dropped, and these fit, or never will
		t.b.count.drops.Add(1)
		t.codes.clear(t.codes.revision)
		t.clear(len(keys))
		t.addCodes(entries)
	}
	for i, k := range keys {
		h := maphash.Comparable(t.hash, k)
		if entries[i].kind == 0 {
			delete(t.known, h)
			continue
		}
		t.known[h] = struct{}{}
		loaded++
	}
	t.count += loaded
	t.codes.send()
	t.b.room(&t.from, len(keys)*entryBytes)
	t.b.upload(t.from.at, bytesOfSlice(entries))
	t.upsert(t.from.at, len(keys))
	if t.b.sync() == nil {
		t.codes.flushed()
	}
	clear(t.blobs[:len(keys)])
	return loaded
}

// addCodes gives entries the numbers of their codes; false where one had no room: its entry
// is left out.
func (t *stateTable) addCodes(entries []entry) bool {
	all := true
	for i := range entries {
		e := &entries[i]
		if t.blobs[i] == nil {
			continue
		}
		hash := unrawWord(&e.value)
		n, ok := t.codes.add(hash, t.blobs[i])
		e.kind, e.code = entryAccount, n
		if !ok {
			e.kind, all = 0, false
		}
		if len(t.hints) >= maxHints {
			clear(t.hints)
		}
		t.hints[e.addr] = binary.LittleEndian.Uint64(hash[:])
	}
	return all
}

// read fills entries from the view. A state may be slow to answer, so that many keys are
// read by several goroutines.
func (t *stateTable) read(pre gpuevm.StateView, keys []gpuevm.Key, entries []entry) {
	one := func(i int) { entries[i], t.blobs[i] = readEntry(pre, &keys[i]) }
	workers := min(4*runtime.GOMAXPROCS(0), len(keys)/(loadParallel/4))
	if len(keys) < loadParallel || workers < 2 {
		for i := range keys {
			one(i)
		}
		return
	}
	const piece = 16
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for {
				from := int(next.Add(piece)) - piece
				if from >= len(keys) {
					return
				}
				for i := from; i < min(from+piece, len(keys)); i++ {
					one(i)
				}
			}
		})
	}
	wg.Wait()
}

// readEntry reads the entry of a key, and an account's code. An entry of kind 0 could not
// be read.
func readEntry(pre gpuevm.StateView, k *gpuevm.Key) (e entry, code []byte) {
	e.addr = k.Addr
	if k.Kind == gpuevm.Slot {
		v, err := pre.Read(*k)
		if err == nil {
			e.kind, e.slot, e.value = entrySlot, word(k.Slot), word(v)
		}
		return e, nil
	}
	var fields [gpuevm.Slot]common.Hash
	for kind := range fields {
		v, err := pre.Read(gpuevm.Key{Addr: k.Addr, Kind: gpuevm.Kind(kind)})
		if err != nil {
			return e, nil
		}
		fields[kind] = v
	}
	hash := fields[gpuevm.CodeHash]
	if hash != (common.Hash{}) {
		blob, err := pre.Code(hash)
		if err != nil {
			return e, nil
		}
		code = blob
		if code == nil {
			code = []byte{}
		}
	}
	if fields[gpuevm.Exists] != (common.Hash{}) {
		e.exists = 1
	}
	e.nonce = binary.BigEndian.Uint64(fields[gpuevm.Nonce][24:])
	e.slot, e.value = word(fields[gpuevm.Balance]), rawWord(hash)
	e.kind = entryAccount
	return e, code
}
