package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/gpuevm"
)

// The key schema, version 2. The first byte of a key is its kind:
//
//	a address               account: nonce, balance, code hash
//	s address slot          storage slot, as the EVM names it
//	c codehash              code
//	t [deep] path           node of the account trie
//	n owner [deep] path     node of the storage trie of the account with hash owner
//	h number                block hash and state root, by block number
//	u number                what the block changed: cells before and after it
//	m name                  "schema", "genesis", "begun", "head", "loading"
//
// Numbers are 8 bytes big-endian, so that they sort. Paths are one byte a nibble, as in
// go-ethereum: nodes sort in the order of the trie, and Pebble's prefix compression
// takes the waste. Only a trie's upper levels stand before all others: each of their nodes
// would lie alone at the head of a large sub-trie, in a block of its own, and every
// way down a trie leads through them. Together, those of a million accounts are 2 MB. The
// byte that the paths of all other nodes begin with is larger than a nibble.
//
// Accounts and slots are kept under their plain names and not under the Keccak of
// them. The reader has the plain name, so a look-up costs no hash; neighbouring slots (the
// fields of a struct, an array) share a block; a state can be listed by address; and
// crafted names can't unbalance an LSM tree as they could a trie. The price is
// that recomputing a root must sort by hash what it reads, which only statedb/bulk does.
// Storage is under the account's address so that an account's slots are one range: what
// a destroyed account leaves is found by its prefix.
//
// Zero is the absence of a record, both for slots and for accounts.
//
// # Values
//
// Every value, whatever its kind, is
//
//	step    uvarint, the step that wrote it: steps of the disk are counted
//	height  uvarint, the block that wrote it
//	payload
//	crc     4 bytes, little-endian, CRC-32C of key and all of the above
//
// The height alone can't tell whether a record is newer than the head: a reorganization
// may lead to a block of less height, and what is the same on both branches
// (a node, a code, a cell that was changed back) keeps the record of the higher one.
//
// Pebble has a checksum for every block of a table and every chunk of its log, which
// finds what the disk does to them. It does not cover what happens between our encoder
// and theirs, in the block cache, or in a compaction that mixes up keys: the
// checksum in the value does, and it covers the key, so that a value under the wrong key is
// found as well. What no checksum finds is a record that is missing or old as a whole;
// the state root does (bulk.Verify), and for nodes the hash by which they are asked for.
const schemaVersion = 2

const (
	kindAccount = 'a'
	kindSlot    = 's'
	kindCode    = 'c'
	kindTop     = 't' // account trie
	kindNode    = 'n' // storage tries
	kindBlock   = 'h'
	kindUndo    = 'u'
	kindMeta    = 'm'
)

var (
	metaSchema  = []byte("mschema")
	metaGenesis = []byte("mgenesis")
	metaBegun   = []byte("mbegun")
	metaHead    = []byte("mhead")
	metaLoading = []byte("mloading")
)

const (
	upperLevels = 4    // nodes with shorter paths
	deep        = 0x10 // what the other paths begin with
	nodeKeySize = 1 + 32 + 1 + 64
)

type slotKey struct {
	addr common.Address
	slot common.Hash
}

func accountKey(buf []byte, addr common.Address) []byte {
	return append(append(buf[:0], kindAccount), addr[:]...)
}

func storageKey(buf []byte, k *slotKey) []byte {
	return append(append(append(buf[:0], kindSlot), k.addr[:]...), k.slot[:]...)
}

func codeKey(hash common.Hash) []byte { return append([]byte{kindCode}, hash[:]...) }

// nodeKey is where a trie node is; the account trie has no owner.
func nodeKey(buf []byte, owner common.Hash, path []byte) []byte {
	key := trieKey(buf, owner)
	if len(path) >= upperLevels {
		key = append(key, deep)
	}
	return append(key, path...)
}

// trieKey is what the keys of all nodes of a trie begin with.
func trieKey(buf []byte, owner common.Hash) []byte {
	if owner == (common.Hash{}) {
		return append(buf[:0], kindTop)
	}
	return append(append(buf[:0], kindNode), owner[:]...)
}

// splitNodeKey takes a trie node's key apart. The path aliases it.
func splitNodeKey(key []byte) (owner common.Hash, path []byte, err error) {
	path = key[1:]
	if key[0] == kindNode {
		if len(path) < len(owner) {
			return owner, nil, errors.New("storage trie node without an owner")
		}
		owner, path = common.Hash(path[:len(owner)]), path[len(owner):]
	}
	isDeep := len(path) > 0 && path[0] == deep
	if isDeep {
		path = path[1:]
	}
	if isDeep != (len(path) >= upperLevels) {
		return owner, nil, fmt.Errorf("trie node at path %x among those of other levels", path)
	}
	return owner, path, nil
}

func numberKey(kind byte, number uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{kind}, number)
}

// after is the first key beyond those with this prefix.
func after(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// stamp says what wrote a record.
type stamp struct{ step, height uint64 }

// seal begins a value: finish it with the key. The payload goes between the two.
func seal(buf []byte, st stamp) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(buf[:0], st.step), st.height)
}

func finish(value, key []byte) []byte {
	sum := crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
	return binary.LittleEndian.AppendUint32(value, sum)
}

// appendSealed appends a whole value.
func appendSealed(buf []byte, st stamp, key, payload []byte) []byte {
	start := len(buf)
	buf = binary.AppendUvarint(binary.AppendUvarint(buf, st.step), st.height)
	buf = append(buf, payload...)
	sum := crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, buf[start:])
	return binary.LittleEndian.AppendUint32(buf, sum)
}

// open takes a value apart. The payload aliases it.
func open(key, value []byte) (st stamp, payload []byte, err error) {
	if len(value) < 4 {
		return st, nil, corrupt(key, "value of %d bytes is too short", len(value))
	}
	body := value[:len(value)-4]
	want := binary.LittleEndian.Uint32(value[len(body):])
	if got := crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, body); got != want {
		return st, nil, corrupt(key, "checksum %08x, value says %08x", got, want)
	}
	var n, m int
	if st.step, n = binary.Uvarint(body); n > 0 {
		st.height, m = binary.Uvarint(body[n:])
	}
	if n <= 0 || m <= 0 {
		return st, nil, corrupt(key, "value without a stamp")
	}
	return st, body[n+m:], nil
}

// account is the account part of a state; its zero value is an account that is absent.
type account struct {
	nonce    uint64
	balance  common.Hash
	codeHash common.Hash
	exists   bool
}

func (a *account) field(kind gpuevm.Kind) (v common.Hash) {
	switch kind {
	case gpuevm.Exists:
		if a.exists {
			v[31] = 1
		}
	case gpuevm.Nonce:
		binary.BigEndian.PutUint64(v[24:], a.nonce)
	case gpuevm.Balance:
		v = a.balance
	case gpuevm.CodeHash:
		v = a.codeHash
	}
	return v
}

func (a *account) set(kind gpuevm.Kind, v common.Hash) error {
	switch kind {
	case gpuevm.Exists:
		a.exists = v != (common.Hash{})
	case gpuevm.Nonce:
		if [24]byte(v[:24]) != ([24]byte{}) {
			return fmt.Errorf("nonce %s has more than 64 bits", v.Hex())
		}
		a.nonce = binary.BigEndian.Uint64(v[24:])
	case gpuevm.Balance:
		a.balance = v
	case gpuevm.CodeHash:
		a.codeHash = v
	default:
		return fmt.Errorf("an account has no %s", kind)
	}
	return nil
}

// appendAccount writes an account that exists.
func appendAccount(buf []byte, a *account) []byte {
	buf = binary.AppendUvarint(buf, a.nonce)
	buf = appendWord(buf, a.balance)
	if a.codeHash != (common.Hash{}) {
		buf = append(buf, a.codeHash[:]...)
	}
	return buf
}

func decodeAccount(b []byte) (a account, err error) {
	nonce, n := binary.Uvarint(b)
	if n <= 0 {
		return a, fmt.Errorf("account without a nonce")
	}
	balance, b, err := readWord(b[n:])
	switch {
	case err != nil:
		return a, err
	case len(b) == 32:
		a.codeHash = common.Hash(b)
	case len(b) != 0:
		return a, fmt.Errorf("account with a code hash of %d bytes", len(b))
	}
	a.nonce, a.balance, a.exists = nonce, balance, true
	return a, nil
}

// appendWord writes a word without its leading zeros, its length first.
func appendWord(buf []byte, w common.Hash) []byte {
	n := trimmed(&w)
	return append(append(buf, byte(n)), w[32-n:]...)
}

func readWord(b []byte) (w common.Hash, rest []byte, err error) {
	if len(b) == 0 || b[0] > 32 || len(b) < 1+int(b[0]) {
		return w, nil, fmt.Errorf("word cut short")
	}
	n := int(b[0])
	copy(w[32-n:], b[1:1+n])
	return w, b[1+n:], nil
}

func trimmed(w *common.Hash) int {
	n := 32
	for n > 0 && w[32-n] == 0 {
		n--
	}
	return n
}

// head is the block that the disk is at.
type head struct {
	height     uint64
	hash, root common.Hash
}

func (h *head) append(buf []byte) []byte {
	return append(append(buf, h.hash[:]...), h.root[:]...)
}

func decodeHead(height uint64, b []byte) (h head, err error) {
	if len(b) != 64 {
		return h, fmt.Errorf("block record of %d bytes, want 64", len(b))
	}
	return head{height, common.Hash(b[:32]), common.Hash(b[32:])}, nil
}
