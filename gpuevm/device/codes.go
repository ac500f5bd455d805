package device

import (
	"unsafe"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/gpuevm/opcode"
)

// codeStore keeps contract codes, analysed for one revision, on the device. Memory is
// handed out from one piece and never taken back: when it is full everything is dropped,
// codes and the state table that names them, and what is still needed comes back as
// misses. A chain's working set changes slowly and one megabyte holds a hundred codes, so
// that this is rare; what keeps track of single codes would cost more than it saves.
type codeStore struct {
	b        *bus
	revision opcode.Revision
	index    map[common.Hash]uint32 // 1 + position in the table
	heads    buffer                 // codeIn[maxCodes]
	memory   buffer
	used     int // of memory
	sent     int // codes that are on the device
	sentTo   int // end of their memory

	staged []byte // memory[sentTo:used]
	new    []codeIn

	tiers *tiers // nil: codes are interpreted
}

const (
	maxCodes = 1 << 16
	codeTail = 33 // zeros behind a code: STOP, and what a last PUSH32 reads
)

func newCodeStore(b *bus, bytes int) *codeStore {
	c := &codeStore{b: b, index: make(map[common.Hash]uint32)}
	b.room(&c.heads, maxCodes*len(bytesOf(new(codeIn))))
	b.room(&c.memory, bytes)
	return c
}

// clear drops all codes.
func (c *codeStore) clear(r opcode.Revision) {
	clear(c.index)
	c.revision = r
	c.used, c.sent, c.sentTo = 0, 0, 0
	c.staged, c.new = c.staged[:0], c.new[:0]
}

// add returns the number of a code by which entries name it; false: there is no room.
func (c *codeStore) add(hash common.Hash, code []byte) (uint32, bool) {
	if n := c.index[hash]; n != 0 {
		return n, true
	}
	n := len(c.index) + 1
	a := analyse(code, c.revision)
	marks, blocks := bytesOfSlice(a.marks), bytesOfSlice(a.blocks)
	size := align(len(code)+codeTail) + align(len(marks)) + align(len(blocks))
	if n > maxCodes || size > c.memory.size-c.used || c.b.err != nil {
		return 0, false
	}
	in := codeIn{hash: hash, size: uint32(len(code)), blockCount: uint32(len(a.blocks))}
	in.code = c.put(code, codeTail)
	if a.marks != nil {
		in.marks, in.blocks = c.put(marks, 0), c.put(blocks, 0)
	}
	in.compiled = c.tiers.met(codeKey{hash, c.revision}, code)
	c.new = append(c.new, in)
	c.index[hash] = uint32(n)
	return uint32(n), true
}

func align(n int) int { return (n + 7) &^ 7 }

// put stages bytes and zeros behind them.
func (c *codeStore) put(b []byte, zeros int) ptr {
	at := c.memory.at + ptr(c.used)
	size := align(len(b) + zeros)
	c.staged = append(c.staged, b...)
	c.staged = append(c.staged, make([]byte, size-len(b))...)
	c.used += size
	return at
}

// send brings what is new to the device. What it sends must stay until the next sync;
// flushed says that this has passed.
func (c *codeStore) send() {
	if len(c.new) == 0 {
		return
	}
	c.b.upload(c.memory.at+ptr(c.sentTo), c.staged)
	c.b.upload(c.heads.at+ptr(c.sent*len(bytesOf(new(codeIn)))), bytesOfSlice(c.new))
	c.sent += len(c.new)
	c.sentTo = c.used
}

// head is where the record of a code lies.
func (c *codeStore) head(n uint32) ptr {
	return c.heads.at + ptr(n-1)*ptr(unsafe.Sizeof(codeIn{}))
}

// setCompiled tells the device the function of a code that it has. The code's address stays
// there for as long as the copy may be under way.
func (c *codeStore) setCompiled(hash common.Hash, function *uint64) {
	if n := c.index[hash]; n != 0 {
		c.b.upload(c.head(n)+ptr(unsafe.Offsetof(codeIn{}.compiled)), bytesOf(function))
	}
}

// ran are the codes that began in the interpreter at least so often.
func (c *codeStore) ran(often int) (list []common.Hash) {
	heads := make([]codeIn, c.sent)
	c.b.download(bytesOfSlice(heads), c.heads.at)
	if c.b.sync() != nil {
		return nil
	}
	for i := range heads {
		if int(heads[i].runs) >= often {
			list = append(list, heads[i].hash)
		}
	}
	return list
}

func (c *codeStore) flushed() { c.staged, c.new = c.staged[:0], c.new[:0] }
