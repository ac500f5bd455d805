package device

import (
	"cmp"
	"context"
	"encoding/binary"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/gpuevm/gpuevm/gpuevm"
)

// batch is one call of Execute on its way through the device.
type batch struct {
	env     *gpuevm.BlockEnv
	block   *block
	txs     []gpuevm.Tx
	pre     gpuevm.StateView
	results []gpuevm.Result

	packer  packer
	index   []int32 // of packed transactions, into txs and results
	lot     []lot   // of packed transactions
	outs    []txOut // likewise
	pending []int32 // packed transactions that have no result yet, in the order they run in
	arenas  [][]byte

	left []leftover // for the CPU Engine
}

// lot is how a packed transaction fares.
type lot struct {
	kind  uint64 // transactions of one kind run the same code
	class uint8
	arena int8 // where its result is; -1: nowhere
}

// leftover is a transaction that the CPU Engine runs, and why.
type leftover struct {
	tx     int32
	reason Reason
}

// pack takes in the transactions of the batch that the device can run.
func (b *batch) pack() {
	b.packer.txs = make([]txIn, 0, len(b.txs))
	b.index = make([]int32, 0, len(b.txs))
	for i := range b.txs {
		switch {
		case b.block == nil:
			b.leave(int32(i), Environment)
		case len(b.packer.bytes) > 1<<30: // offsets have 32 bits
			b.leave(int32(i), TooLarge)
		case !b.packer.add(b.block, &b.txs[i]):
			b.leave(int32(i), Refused)
		default:
			b.index = append(b.index, int32(i))
		}
	}
	n := len(b.index)
	b.lot, b.outs, b.pending = make([]lot, n), make([]txOut, n), make([]int32, n)
	for i := range b.pending {
		b.pending[i] = int32(i)
		b.lot[i].arena = -1
	}
}

func (b *batch) leave(tx int32, why Reason) { b.left = append(b.left, leftover{tx, why}) }

// tx is a packed transaction as it came.
func (b *batch) tx(packed int32) *gpuevm.Tx { return &b.txs[b.index[packed]] }

// sortByKind puts transactions that run the same code side by side: a warp's lanes then
// stay together. The code is known by its hash where the account has been seen.
func (b *batch) sortByKind(hints map[common.Address]uint64) {
	for i := range b.lot {
		b.lot[i].kind = kindOf(b.tx(int32(i)), hints)
	}
	slices.SortStableFunc(b.pending, func(x, y int32) int { return cmp.Compare(b.lot[x].kind, b.lot[y].kind) })
}

func kindOf(tx *gpuevm.Tx, hints map[common.Address]uint64) uint64 {
	if tx.To == nil {
		return uint64(len(tx.Data)) // creations of one contract are alike
	}
	kind, ok := hints[*tx.To]
	if !ok {
		if len(tx.Data) == 0 {
			return 0
		}
		kind = binary.LittleEndian.Uint64(tx.To[8:])
	}
	var selector [4]byte
	copy(selector[:], tx.Data)
	return kind ^ uint64(binary.LittleEndian.Uint32(selector[:]))
}

// wanted lists what the batch surely or likely needs and the table lacks.
func (b *batch) wanted(t *stateTable) (keys []gpuevm.Key) {
	keys = t.want(keys, accountKey(b.block.env.Coinbase))
	for _, i := range b.index {
		tx := &b.txs[i]
		keys = t.want(keys, accountKey(tx.From))
		if tx.To != nil {
			keys = t.want(keys, accountKey(*tx.To))
		} else {
			keys = t.want(keys, accountKey(crypto.CreateAddress(tx.From, tx.Nonce)))
		}
		for _, e := range tx.AccessList {
			keys = t.want(keys, accountKey(e.Address))
			for _, slot := range e.StorageKeys {
				keys = t.want(keys, gpuevm.Key{Addr: e.Address, Kind: gpuevm.Slot, Slot: slot})
			}
		}
		for _, k := range tx.Access.Reads {
			keys = t.want(keys, entryKey(k))
		}
		for _, k := range tx.Access.Writes {
			keys = t.want(keys, entryKey(k))
		}
	}
	for i := range b.packer.auths {
		keys = t.want(keys, accountKey(b.packer.auths[i]))
	}
	return keys
}

// run takes the batch to its end on a device: rounds of launches, each with what the one
// before it missed. An error is the device's, or the context's.
func (b *batch) run(ctx context.Context, m *machine) error {
	m.table.follow(b.pre, b.block.revision)
	keys := b.wanted(m.table)
	m.count.prefetched.Add(int64(len(keys)))
	m.table.load(b.pre, keys)
	b.sortByKind(m.table.hints)
	for i := range b.lot {
		b.lot[i].class = m.startClass(b.lot[i].kind)
	}
	m.begin(b)
	for round := 0; len(b.pending) > 0; round++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if round == m.options.Rounds {
			b.leaveAll(Scattered)
			break
		}
		m.count.rounds.Add(1)
		if err := b.round(ctx, m); err != nil {
			return err
		}
	}
	m.promote()
	return m.takeArena(b)
}

func (b *batch) leaveAll(why Reason) {
	for _, i := range b.pending {
		b.leave(b.index[i], why)
	}
	b.pending = nil
}

// round launches what is pending, by class of scratch, and sees what came of it.
func (b *batch) round(ctx context.Context, m *machine) error {
	if b.leaveHomeless(m); len(b.pending) == 0 {
		return m.bus.err
	}
	if err := m.swapIn(ctx); err != nil {
		return err
	}
	m.launchAll(b)
	if err := m.fetch(b); err != nil {
		return err
	}
	next := b.pending[:0]
	missed, fullArena := 0, false
	for _, i := range b.pending {
		o := &b.outs[i]
		switch o.status {
		case outSuccess, outReverted, outHalted:
			b.lot[i].arena = int8(len(b.arenas))
			m.finished(&b.lot[i], o)
			continue
		case outMissed:
			missed++
		case outArena:
			fullArena = true
		case outScratch:
			b.lot[i].class = uint8(nextClass(int(b.lot[i].class), o.needs))
			if b.lot[i].class == classCount {
				b.leave(b.index[i], TooLarge)
				continue
			}
		default:
			b.leave(b.index[i], m.reasonOf(o))
			continue
		}
		next = append(next, i)
	}
	b.pending = next
	if fullArena {
		if err := m.growArena(b); err != nil {
			return err
		}
	}
	if missed > 0 && !m.bring(b) {
		b.leaveMissed()
	}
	return m.bus.err
}

// leaveHomeless gives up on transactions for whose class of scratch there is no memory.
func (b *batch) leaveHomeless(m *machine) {
	b.pending = slices.DeleteFunc(b.pending, func(i int32) bool {
		if m.scratchOf(int(b.lot[i].class)).lanes > 0 {
			return false
		}
		b.leave(b.index[i], TooLarge)
		return true
	})
}

// leaveMissed gives up on the transactions that miss what can't be brought.
func (b *batch) leaveMissed() {
	b.pending = slices.DeleteFunc(b.pending, func(i int32) bool {
		if b.outs[i].status == outMissed {
			b.leave(b.index[i], Unreadable)
			return true
		}
		return false
	})
}

// unpack makes the results; false: the device wrote nonsense.
func (b *batch) unpack() bool {
	var s slab
	if !s.size(b) {
		return false
	}
	for i, packed := range b.index {
		at := b.lot[i].arena
		if at >= 0 && !s.unpack(&b.results[packed], &b.outs[i], b.arenas[at], &b.txs[packed]) {
			return false
		}
	}
	return true
}
