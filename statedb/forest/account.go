package forest

import (
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/holiman/uint256"
)

// body is an account as its trie has it. The zero value is one that does not exist.
type body struct {
	exists  bool
	nonce   uint64
	balance uint256.Int
	root    common.Hash
	code    common.Hash
}

// fresh is an account that has just come to be.
func fresh() body {
	return body{root: types.EmptyRootHash, code: types.EmptyCodeHash}
}

// bodySize is how many bytes append adds at most.
const bodySize = 2 + 9 + 33 + 33 + 33

// append appends the account's RLP: [nonce, balance, root, code hash] (yellow paper,
// section 4.1).
func (b *body) append(to []byte) []byte {
	start := len(to)
	to = append(to, 0xf8, 0) // a list of 56 to 255 bytes: the two hashes alone have 66
	to = appendUint(to, uint256.NewInt(b.nonce))
	to = appendUint(to, &b.balance)
	to = append(append(to, 0xa0), b.root[:]...)
	to = append(append(to, 0xa0), b.code[:]...)
	to[start+1] = byte(len(to) - start - 2)
	return to
}

func appendUint(to []byte, x *uint256.Int) []byte {
	if x.IsUint64() && x.Uint64() < 0x80 {
		if x.IsZero() {
			return append(to, 0x80)
		}
		return append(to, byte(x.Uint64()))
	}
	word := x.Bytes32()
	n := x.ByteLen()
	return append(append(to, 0x80+byte(n)), word[32-n:]...)
}

// decodeBody reads an account's leaf.
func decodeBody(leaf []byte) (b body, err error) {
	fail := func(what string, err error) (body, error) {
		return body{}, fmt.Errorf("leaf %x: %s: %w", leaf, what, err)
	}
	list, _, err := rlp.SplitList(leaf)
	if err != nil {
		return fail("account", err)
	}
	if b.nonce, list, err = rlp.SplitUint64(list); err != nil {
		return fail("nonce", err)
	}
	var balance, root, code []byte
	if balance, list, err = rlp.SplitString(list); err != nil || len(balance) > 32 {
		return fail("balance", err)
	}
	if root, list, err = rlp.SplitString(list); err != nil || len(root) != 32 {
		return fail("storage root", err)
	}
	if code, _, err = rlp.SplitString(list); err != nil || len(code) != 32 {
		return fail("code hash", err)
	}
	b.balance.SetBytes(balance)
	b.exists, b.root, b.code = true, common.Hash(root), common.Hash(code)
	return b, nil
}

// appendSlot appends the RLP of a slot's value, which is not zero.
func appendSlot(to []byte, value *common.Hash) []byte {
	n := 32
	for value[32-n] == 0 {
		n--
	}
	if n == 1 && value[31] < 0x80 {
		return append(to, value[31])
	}
	return append(append(to, 0x80+byte(n)), value[32-n:]...)
}

// decodeSlot reads a slot's leaf; nil is a slot that is zero.
func decodeSlot(leaf []byte) (*big.Int, error) {
	if leaf == nil {
		return new(big.Int), nil
	}
	value, _, err := rlp.SplitString(leaf)
	if err == nil && len(value) > 32 {
		err = rlp.ErrValueTooLarge
	}
	if err != nil {
		return nil, fmt.Errorf("leaf %x: %w", leaf, err)
	}
	return new(big.Int).SetBytes(value), nil
}

// fields are what is set of an account, apart from its storage.
type fields struct {
	set     [gpuevm.Slot]bool
	exists  bool
	nonce   uint64
	balance uint256.Int
	code    common.Hash
	add     uint256.Int
}

func (s *fields) cell(kind gpuevm.Kind, v *common.Hash) error {
	s.set[kind] = true
	switch kind {
	case gpuevm.Exists:
		s.exists = *v != (common.Hash{})
	case gpuevm.Nonce:
		nonce := new(uint256.Int).SetBytes32(v[:])
		if !nonce.IsUint64() {
			return fmt.Errorf("nonce %s has more than 64 bits", v.Hex())
		}
		s.nonce = nonce.Uint64()
	case gpuevm.Balance:
		s.balance.SetBytes32(v[:])
		s.add.Clear()
	case gpuevm.CodeHash:
		if s.code = *v; *v == (common.Hash{}) {
			s.code = types.EmptyCodeHash
		}
	default:
		return fmt.Errorf("an account has no %s", kind)
	}
	return nil
}

// on is the account with the fields set.
func (s *fields) on(b body) body {
	if !b.exists {
		b = fresh()
	}
	exists := b.exists
	if s.set[gpuevm.Exists] {
		exists = s.exists
	}
	if s.set[gpuevm.Nonce] {
		b.nonce = s.nonce
	}
	if s.set[gpuevm.Balance] {
		b.balance = s.balance
	}
	if s.set[gpuevm.CodeHash] {
		b.code = s.code
	}
	b.balance.Add(&b.balance, &s.add)
	b.exists = exists
	return b
}

// ghost names a field of an account that does not exist.
func (b *body) ghost() (gpuevm.Kind, bool) {
	switch {
	case b.nonce != 0:
		return gpuevm.Nonce, true
	case !b.balance.IsZero():
		return gpuevm.Balance, true
	case b.code != types.EmptyCodeHash:
		return gpuevm.CodeHash, true
	}
	return 0, false
}
