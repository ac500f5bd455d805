package bulk

import (
	"encoding/binary"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/holiman/uint256"
)

// Records as they are sorted. The first 32 bytes are the key's hash.
const (
	slotWidth    = 32 + 32 + 32                   // slot, value
	accountWidth = 32 + 20 + 8 + 8 + 32 + 32 + 32 // address, line, nonce, balance, code hash, root
	codeWidth    = 32 + 20                        // address of an account that has it
)

// accountRecord is an account with its storage root.
type accountRecord []byte

func appendAccountRecord(buf []byte, hash *[32]byte, a *Account, root common.Hash) []byte {
	buf = append(append(buf, hash[:]...), a.Addr[:]...)
	buf = binary.BigEndian.AppendUint64(buf, uint64(a.Line))
	buf = binary.BigEndian.AppendUint64(buf, a.Nonce)
	buf = append(append(buf, a.Balance[:]...), a.CodeHash[:]...)
	return append(buf, root[:]...)
}

func (r accountRecord) account() Account {
	return Account{
		Addr: common.Address(r[32:52]), Line: int(binary.BigEndian.Uint64(r[52:])), Nonce: binary.BigEndian.Uint64(r[60:]),
		Balance: common.Hash(r[68:100]), CodeHash: common.Hash(r[100:132]),
	}
}

func (r accountRecord) root() common.Hash { return common.Hash(r[132:164]) }

// leaf is the account as the account trie has it.
func (r accountRecord) leaf() ([]byte, error) {
	a := r.account()
	code := a.CodeHash
	if code == (common.Hash{}) {
		code = types.EmptyCodeHash
	}
	return rlp.EncodeToBytes(&types.StateAccount{
		Nonce: a.Nonce, Balance: new(uint256.Int).SetBytes32(a.Balance[:]), Root: r.root(), CodeHash: code[:],
	})
}

// slotLeaf appends a value as a storage trie has it: the RLP of its bytes without leading
// zeros.
func slotLeaf(buf []byte, value []byte) []byte {
	value = common.TrimLeftZeroes(value)
	if len(value) == 1 && value[0] < 0x80 {
		return append(buf, value[0])
	}
	return append(append(buf, 0x80+byte(len(value))), value...)
}

// twice are the errors for records with the same key.
func accountTwice(a, b []byte) error {
	x, y := accountRecord(a).account(), accountRecord(b).account()
	if x.Line > y.Line {
		x, y = y, x
	}
	if x.Addr != y.Addr {
		return fmt.Errorf("%s and %s have the same hash", x.String(), y.String())
	}
	if x.Line == 0 {
		return fmt.Errorf("%s comes twice", x.String())
	}
	return fmt.Errorf("account %s comes twice, in line %d and in line %d", x.Addr.Hex(), x.Line, y.Line)
}

func slotTwice(a *Account, slot []byte) error {
	return fmt.Errorf("%s: slot %#x comes twice", a, slot)
}
