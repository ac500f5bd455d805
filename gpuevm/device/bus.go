package device

import (
	"encoding/binary"
	"unsafe"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/gpuevm/opcode"
	"github.com/holiman/uint256"
)

// The Go twins of the structs in kernels/cells.cuh, in its order, where the comments are.
// bus_test.go holds their sizes and offsets to what the C++ compiler says.

// ptr is an address on the device.
type ptr = uint64

type opFact struct{ gas, need, room, defined uint16 }

type blockIn struct {
	revision, hashCount  uint32
	coinbase             [20]byte
	_                    uint32
	time, gasLimit       uint64
	number, prevrandao   uint256.Int
	baseFee, blobBaseFee uint256.Int
	chainID              uint256.Int
	ops                  [256]opFact
	blockHashes          [256][32]byte
	hashKnown            [256]byte
}

const (
	txCreate uint32 = 1 << iota
	txTrustNonce
	txSystem
	txAuths
)

type txIn struct {
	from, to                [20]byte
	flags, authCount        uint32
	nonce, gas              uint64
	intrinsicGas, floorGas  uint64
	value, gasPrice         uint256.Int
	tip, upfront, prepaid   uint256.Int
	data, dataSize          uint32
	access, accessCount     uint32
	auths, blobs, blobCount uint32
	_                       uint32
}

type accessIn struct {
	addr           [20]byte
	keys, keyCount uint32
	_              uint32
}

type authIn struct {
	authority, target [20]byte
	nonce             uint64
	valid, _          uint32
}

const (
	entryAccount uint32 = 1
	entrySlot    uint32 = 2
)

type entry struct {
	tag    uint64
	kind   uint32
	addr   [20]byte
	slot   uint256.Int
	value  uint256.Int
	nonce  uint64
	exists uint32
	code   uint32
	_      [2]uint64
}

type codeBlock struct {
	gas        uint32
	need, grow uint16
}

type codeIn struct {
	hash                [32]byte
	code, marks, blocks ptr
	size, blockCount    uint32
	compiled            uint64
	runs, _             uint32
}

type table struct {
	entries, codes ptr
	mask, seed     uint64
}

const (
	missAccount uint32 = 1 + iota
	missSlot
	missBlockHash
)

type miss struct {
	kind uint32
	addr [20]byte
	slot uint256.Int
}

const (
	outSuccess uint32 = iota
	outReverted
	outHalted
	outRefused
	outUnsupported
	outMissed
	outScratch
	outArena
)

const (
	errNone uint32 = iota
	errOutOfGas
	errCodeStoreOutOfGas
	errDepth
	errInsufficientBalance
	errAddressCollision
	errReverted
	errMaxInitCode
	errMaxCode
	errInvalidJump
	errWriteProtection
	errReturnDataBounds
	errGasOverflow
	errInvalidCode
	errNonceOverflow
	errStackUnderflow
	errStackOverflow
	errInvalidOpcode
	errSentry
	errPrecompile
	errNoPrecompile
	errTooLong
)

type txOut struct {
	status, error  uint32
	errorA, errorB uint64
	gasUsed        uint64
	fee            uint256.Int
	at, size       uint64
	paysFee        uint32
	reads, cells   uint32
	adds, wiped    uint32
	codes, logs    uint32
	topics         uint32
	outputSize     uint32
	blocksRun      uint32
	needs, _       uint32
}

// The lists of a result are used where they arrive: these are gpuevm's own types.
type (
	readOut = gpuevm.Read
	cellOut = gpuevm.Cell
)

type codeOut struct {
	hash [32]byte
	size [4]byte
}

type logOut struct {
	addr         [20]byte
	topics, size [4]byte
}

func little(b [4]byte) int { return int(binary.LittleEndian.Uint32(b[:])) }

const (
	partStack = iota
	partMemory
	partFrames
	partAccounts
	partAccountIndex
	partSlots
	partSlotIndex
	partJournal
	partLogs
	partCodes
	partCount
)

type scratchIn struct {
	base, laneBytes uint64
	offset          [partCount]uint64
	capacity        [partCount]uint32
}

type runArgs struct {
	count, missCapacity uint32
	cursor              ptr
	block, txs, order   ptr
	outs, bytes         ptr
	arena               ptr
	arenaSize           uint64
	arenaUsed           ptr
	misses, missCount   ptr
	stepLimit           uint64
	table               table
	scratch             scratchIn
}

type upsertArgs struct {
	count, _    uint32
	from, added ptr
	table       table
}

type recoverArgs struct {
	count, _           uint32
	signatures, hashes ptr
	addresses, ok      ptr
}

type listArgs struct {
	count, _  uint32
	functions ptr
}

type hashArgs struct {
	count, _               uint32
	bytes, offsets, hashes ptr
}

// word is a 32-byte word of the EVM as the device keeps numbers.
func word(h common.Hash) (w uint256.Int) {
	w.SetBytes32(h[:])
	return w
}

// rawWord is a hash whose bytes are kept in memory order.
func rawWord(h common.Hash) (w uint256.Int) {
	for i := range w {
		w[i] = binary.LittleEndian.Uint64(h[8*i:])
	}
	return w
}

func unrawWord(w *uint256.Int) (h common.Hash) {
	for i := range w {
		binary.LittleEndian.PutUint64(h[8*i:], w[i])
	}
	return h
}

// bytesOf are a value's bytes as they cross the bus.
func bytesOf[T any](v *T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v))
}

// bytesOfSlice are a slice's.
func bytesOfSlice[T any](s []T) []byte {
	var v T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(v)))
}

// opFacts is gpuevm/opcode's table as the device takes it.
func opFacts(r opcode.Revision) (ops [256]opFact) {
	for i, f := range opcode.Facts(r) {
		ops[i] = opFact{gas: f.Gas, need: f.Need, room: f.Room()}
		if f.Defined {
			ops[i].defined = 1
		}
	}
	return ops
}
