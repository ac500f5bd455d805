package device

import (
	"errors"
	"math/rand/v2"
	"sync"
	"unsafe"

	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/gpuevm/cuda"
	"github.com/holiman/uint256"
)

// machine is an open device with everything that stays on it from batch to batch. One
// batch uses it at a time. After an error it is of no more use.
type machine struct {
	mu      sync.Mutex // held by the batch that runs
	options *Options
	count   *counters
	bus     *bus
	table   *stateTable
	tiers   *tiers
	senders senders
	hashes  hasher
	scratch [classCount]scratch
	history map[uint64]uint8 // class of scratch that a kind of transaction came to need

	block, txs, bytes, order, outs buffer
	misses, marks, arena           buffer
	functions                      buffer
	arenaSize                      int

	hostOrder pinned[uint32]
	hostMarks pinned[launchMarks]
	hostMiss  pinned[miss]
	missRoom  int
}

// scratch is one class's, for as many lanes as there is memory for.
type scratch struct {
	in    scratchIn
	lanes int
	tried bool
}

// launchMarks are the numbers that lanes share.
type launchMarks struct {
	_         uint32 // the cursor, where lanes take the next item
	missCount uint32
	arenaUsed uint64
}

func newMachine(dev cuda.Device, options *Options, count *counters) (*machine, error) {
	m := &machine{options: options, count: count, bus: newBus(dev, count), history: make(map[uint64]uint8)}
	m.table = newStateTable(m.bus, options.CodeBytes, options.TableEntries, rand.Uint64())
	m.tiers = newTiers(dev, &options.Compile, count)
	m.table.codes.tiers = m.tiers
	m.senders.bus, m.hashes.bus = newBus(dev, count), newBus(dev, count)
	m.bus.room(&m.block, int(unsafe.Sizeof(blockIn{})))
	m.bus.room(&m.marks, classCount*int(unsafe.Sizeof(launchMarks{})))
	m.hostMarks.grow(m.bus, classCount)
	return m, m.bus.sync()
}

// close waits for what runs and closes the device. Who comes later finds it lost.
func (m *machine) close() error {
	m.tiers.close()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range []*bus{m.bus, m.senders.bus, m.hashes.bus} {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.err = cuda.ErrLost
	}
	return m.bus.dev.Close()
}

// startClass is the class of scratch in which a kind of transaction is tried first.
func (m *machine) startClass(kind uint64) uint8 { return m.history[kind] }

// finished counts a transaction, and remembers what its kind needs.
func (m *machine) finished(l *lot, o *txOut) {
	m.count.blocksRun.Add(int64(o.blocksRun))
	m.count.classes[l.class].Add(1)
	if l.class > m.history[l.kind] {
		if len(m.history) >= maxHints {
			clear(m.history)
		}
		m.history[l.kind] = l.class
	}
}

// reasonOf is why a transaction can't be finished here.
func (m *machine) reasonOf(o *txOut) Reason {
	switch {
	case o.status == outRefused:
		return Refused
	case o.status == outUnsupported && o.error == errNoPrecompile:
		if o.errorA < precompileCount {
			m.count.precompiles[o.errorA].Add(1)
		}
		return Precompile
	case o.status == outUnsupported && o.error == errTooLong:
		return TooLong
	}
	return Fault
}

// begin brings the batch's block and transactions over.
func (m *machine) begin(b *batch) {
	n := len(b.index)
	m.bus.room(&m.txs, n*int(unsafe.Sizeof(txIn{})))
	m.bus.room(&m.bytes, len(b.packer.bytes)+8)
	m.bus.room(&m.order, 4*n)
	m.bus.room(&m.outs, n*int(unsafe.Sizeof(txOut{})))
	m.missRoom = 8*n + 1024 // one that goes on after a miss may report many
	m.bus.room(&m.misses, m.missRoom*int(unsafe.Sizeof(miss{})))
	m.sizeArena(n)
	m.bus.upload(m.block.at, bytesOf(&b.block.in))
	m.bus.upload(m.txs.at, bytesOfSlice(b.packer.txs))
	m.bus.upload(m.bytes.at, b.packer.bytes)
	m.hostMarks.s[0] = launchMarks{}
}

// sizeArena makes an arena for n results of ordinary size, some kilobytes each at first.
func (m *machine) sizeArena(n int) {
	if want := max(m.options.ArenaBytes, n<<10); want > m.arenaSize {
		m.arenaSize = want
	}
	m.bus.room(&m.arena, m.arenaSize)
}

// launchAll starts one launch for each class of scratch that has transactions pending. They
// share the arena and the list of misses.
func (m *machine) launchAll(b *batch) {
	marks := m.hostMarks.s
	for c := range marks {
		marks[c] = launchMarks{arenaUsed: marks[0].arenaUsed}
	}
	m.bus.upload(m.marks.at, bytesOfSlice(marks))
	order := m.hostOrder.grow(m.bus, len(b.pending))
	if m.bus.err != nil {
		return
	}
	at := 0
	for c := range classCount {
		from := at
		for _, i := range b.pending {
			if int(b.lot[i].class) == c {
				order[at] = uint32(i)
				at++
			}
		}
		if at > from && m.bus.err == nil {
			m.bus.upload(m.order.at+ptr(4*from), bytesOfSlice(order[from:at]))
			m.launch(c, m.order.at+ptr(4*from), at-from)
		}
	}
}

// launch runs transactions in a class of scratch. Where that has lanes for less than a
// block, whose lanes all start, no more transactions than it has lanes may be in a launch.
func (m *machine) launch(c int, order ptr, n int) {
	s := m.scratchOf(c)
	mark := m.marks.at + ptr(c)*ptr(unsafe.Sizeof(launchMarks{}))
	for n > 0 {
		some := n
		if m.bus.info.Warp > 1 && s.lanes%blockLanes != 0 {
			some = min(n, s.lanes)
		}
		launch(m.bus, "run.cu", "run_transactions", min(some, s.lanes), &runArgs{
			count: uint32(some), missCapacity: uint32(m.missRoom), cursor: mark,
			block: m.block.at, txs: m.txs.at, order: order, outs: m.outs.at, bytes: m.bytes.at,
			arena: m.arena.at, arenaSize: uint64(m.arenaSize), arenaUsed: m.marks.at + 8,
			misses: m.misses.at, missCount: m.marks.at + 4,
			stepLimit: m.options.StepLimit, table: m.table.arg(), scratch: s.in,
		})
		n -= some
		order += ptr(4 * some)
	}
}

// blockLanes is the launch bound of run_transactions in kernels/run.cu.
const blockLanes = 128

// scratchOf is the scratch of a class, allocated when it is first needed. Where memory is
// short it has fewer lanes, perhaps none.
func (m *machine) scratchOf(c int) *scratch {
	s := &m.scratch[c]
	if s.tried || m.bus.err != nil {
		return s
	}
	s.tried = true
	info := &m.bus.info
	budget := m.options.ScratchBytes
	if budget == 0 {
		budget = info.Memory / 8
	}
	lanes, err := m.bus.dev.Lanes("run.cu", "run_transactions")
	if err != nil {
		m.bus.err = err
		return s
	}
	for ; ; lanes = fewer(lanes, info.Warp) {
		in, size := classes[c].layout(lanes, info.Warp)
		if budget != 0 && size > budget && lanes > info.Warp {
			continue
		}
		mem, err := m.bus.dev.Alloc(int(size))
		switch {
		case err == nil:
			s.in, s.lanes = in, lanes
			s.in.base = ptr(mem)
			return s
		case !errors.Is(err, cuda.ErrMemory):
			m.bus.err = err
			return s
		case lanes <= info.Warp:
			return s
		}
	}
}

// fewer is half as many lanes: whole blocks, or whole warps of one, or on the host any
// number.
func fewer(lanes, warp int) int {
	step := 1
	if warp > 1 {
		if step = blockLanes; lanes <= blockLanes {
			step = warp
		}
	}
	return max(step, lanes/2/step*step)
}

// fetch waits for the launches and brings what they say over, but for the arena.
func (m *machine) fetch(b *batch) error {
	const size = ptr(unsafe.Sizeof(txOut{}))
	lo, hi := b.pending[0], b.pending[0]
	for _, i := range b.pending {
		lo, hi = min(lo, i), max(hi, i)
	}
	// Those between that have a result already keep it: the device has not changed it.
	m.bus.download(bytesOfSlice(b.outs[lo:hi+1]), m.outs.at+ptr(lo)*size)
	m.bus.download(bytesOfSlice(m.hostMarks.s), m.marks.at)
	return m.bus.sync()
}

// bring loads what the launches missed; false: none of it could be.
func (m *machine) bring(b *batch) bool {
	n := min(int(m.hostMarks.s[0].missCount), m.missRoom)
	list := m.hostMiss.grow(m.bus, n)
	m.bus.download(bytesOfSlice(list), m.misses.at)
	if m.bus.sync() != nil {
		return false
	}
	var keys []gpuevm.Key
	hashes := false
	for i := range list {
		switch x := &list[i]; x.kind {
		case missAccount:
			keys = m.table.want(keys, accountKey(x.addr))
		case missSlot:
			keys = m.wantSlot(keys, x)
		case missBlockHash:
			hashes = b.block.fillHash(&x.slot) || hashes
		}
	}
	if hashes {
		m.bus.upload(m.block.at, bytesOf(&b.block.in))
	}
	m.count.misses.Add(int64(len(keys)))
	drops := m.count.drops.Load()
	return m.table.load(b.pre, keys) > 0 || hashes || m.count.drops.Load() > drops
}

// wantSlot wants a slot that was missed, and those that will be missed next. A transaction
// stops at its first miss, so that a guess that comes true saves a launch. A contract that
// reads one of its first variables soon reads the others; one that reads a slot behind one
// that it has read goes over an array or a struct.
func (m *machine) wantSlot(keys []gpuevm.Key, x *miss) []gpuevm.Key {
	slot := func(at *uint256.Int) gpuevm.Key {
		return gpuevm.Key{Addr: x.addr, Kind: gpuevm.Slot, Slot: at.Bytes32()}
	}
	keys = m.table.want(keys, slot(&x.slot))
	at, n := x.slot, uint64(0)
	if at.LtUint64(firstSlots) {
		at, n = uint256.Int{}, firstSlots
	} else if before := new(uint256.Int).SubUint64(&at, 1); m.table.has(slot(before)) {
		n = slotsAhead
	}
	for ; n > 0; n-- {
		keys = m.table.want(keys, slot(&at))
		at.AddUint64(&at, 1)
	}
	return keys
}

const (
	firstSlots = 16
	slotsAhead = 8
)

// fillHash finds out a block's hash; false: it was there.
func (b *block) fillHash(number *uint256.Int) bool {
	n := number.Uint64()
	if b.in.hashKnown[n%256] != 0 || b.env.BlockHash == nil {
		return false
	}
	b.in.blockHashes[n%256] = b.env.BlockHash(n)
	b.in.hashKnown[n%256] = 1
	b.in.hashCount++
	return true
}

// takeArena brings what the arena holds over, into memory that the results keep.
func (m *machine) takeArena(b *batch) error {
	used := int(min(m.hostMarks.s[0].arenaUsed, uint64(m.arenaSize)))
	arena := make([]byte, used)
	m.bus.download(arena, m.arena.at)
	b.arenas = append(b.arenas, arena)
	return m.bus.sync()
}

const largestArena = 1 << 33

// growArena takes a full arena's results and goes on with one twice as large.
func (m *machine) growArena(b *batch) error {
	if err := m.takeArena(b); err != nil {
		return err
	}
	if m.arenaSize *= 2; m.arenaSize > largestArena {
		return errors.New("device: no arena is large enough for the results")
	}
	m.bus.room(&m.arena, m.arenaSize)
	m.hostMarks.s[0].arenaUsed = 0
	return m.bus.err
}
