package device

import (
	"unsafe"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/gpuevm/gpuevm/gpuevm"
)

// slab is memory that the results of a batch share: what is not used where it arrived. It
// is sized before, so that a batch costs as many allocations as a transaction.
type slab struct {
	logs    []types.Log
	logPtrs []*types.Log
	codes   []gpuevm.Code
}

// size makes room for all results of a batch; false: one of them names more than there is.
func (s *slab) size(b *batch) bool {
	var logs, codes int
	for i := range b.outs {
		at := b.lot[i].arena
		if at < 0 {
			continue
		}
		if !b.outs[i].fits(len(b.arenas[at])) {
			return false
		}
		logs += int(b.outs[i].logs)
		codes += int(b.outs[i].codes)
	}
	s.logs, s.logPtrs, s.codes = make([]types.Log, logs), make([]*types.Log, logs), make([]gpuevm.Code, codes)
	return true
}

// cut takes n elements off the front of a slab.
func cut[T any](from *[]T, n int) []T {
	if n == 0 {
		return nil
	}
	out := (*from)[:n:n]
	*from = (*from)[n:]
	return out
}

// cursor walks over a result in the arena.
type cursor []byte

func (c *cursor) bytes(n int) []byte {
	if n == 0 {
		return nil
	}
	return cut((*[]byte)(c), n)
}

// list takes n records, which must have no alignment, as a slice of the arena itself.
func list[T any](c *cursor, n uint32) []T {
	if n == 0 {
		return nil
	}
	var v T
	b := c.bytes(int(n) * int(unsafe.Sizeof(v)))
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

// fits reports whether the lists that a result names lie within its part of the arena: a
// device that has gone wrong must not make the host read elsewhere.
func (o *txOut) fits(arena int) bool {
	const read, cell = uint64(unsafe.Sizeof(readOut{})), uint64(unsafe.Sizeof(cellOut{}))
	const code, log = uint64(unsafe.Sizeof(codeOut{})), uint64(unsafe.Sizeof(logOut{}))
	need := uint64(o.reads)*read + (uint64(o.cells)+uint64(o.adds))*cell + 20*uint64(o.wiped) + uint64(o.codes)*code +
		uint64(o.logs)*log + 32*uint64(o.topics) + uint64(o.outputSize)
	return o.at <= uint64(arena) && o.size <= uint64(arena)-o.at && need <= o.size
}

// unpack makes the result of a transaction. Its lists stay where they are in the arena.
// false: the device wrote nonsense.
func (s *slab) unpack(r *gpuevm.Result, o *txOut, arena []byte, tx *gpuevm.Tx) bool {
	c := cursor(arena[o.at : o.at+o.size])
	r.Status = gpuevm.Status(o.status)
	r.GasUsed = o.gasUsed
	r.Err = errorOf(o)
	r.Fee, r.PaysFee = o.fee, o.paysFee != 0
	r.Reads = list[readOut](&c, o.reads)
	r.Diff.Cells = list[cellOut](&c, o.cells)
	r.Diff.Adds = list[cellOut](&c, o.adds)
	r.Diff.Wiped = list[common.Address](&c, o.wiped)
	codes := list[codeOut](&c, o.codes)
	logs := list[logOut](&c, o.logs)
	topics := list[common.Hash](&c, o.topics)
	r.Output = c.bytes(int(o.outputSize))
	if !sound(r.Reads, r.Diff.Cells, r.Diff.Adds) {
		return false
	}
	return s.unpackCodes(r, codes, &c) && s.unpackLogs(r, logs, topics, &c, tx)
}

// sound reports whether what the lists say is in gpuevm's words. Whoever reads them indexes
// by kind.
func sound(reads []gpuevm.Read, cells, adds []gpuevm.Cell) bool {
	for i := range reads {
		if reads[i].Key.Kind > gpuevm.Slot || reads[i].Op > gpuevm.AtLeast {
			return false
		}
	}
	for i := range cells {
		if cells[i].Key.Kind > gpuevm.Slot {
			return false
		}
	}
	for i := range adds {
		if adds[i].Key.Kind != gpuevm.Balance {
			return false
		}
	}
	return true
}

func (s *slab) unpackCodes(r *gpuevm.Result, codes []codeOut, c *cursor) bool {
	r.Diff.Codes = cut(&s.codes, len(codes))
	for i := range codes {
		n := little(codes[i].size)
		if n > len(*c) {
			return false
		}
		r.Diff.Codes[i] = gpuevm.Code{Hash: codes[i].hash, Blob: c.bytes(n)}
	}
	return true
}

func (s *slab) unpackLogs(r *gpuevm.Result, logs []logOut, topics []common.Hash, c *cursor, tx *gpuevm.Tx) bool {
	memory := cut(&s.logs, len(logs))
	r.Logs = cut(&s.logPtrs, len(logs))
	for i := range logs {
		n, size := little(logs[i].topics), little(logs[i].size)
		if n > len(topics) || size > len(*c) {
			return false
		}
		memory[i] = types.Log{Address: logs[i].addr, Topics: topics[:n:n], Data: c.bytes(size), TxHash: tx.Hash, TxIndex: uint(tx.Index)}
		topics = topics[n:]
		r.Logs[i] = &memory[i]
	}
	return true
}
