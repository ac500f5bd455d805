package specfile

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/math"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/holiman/uint256"
)

// build makes the transaction of one choice as go-ethereum's state test runner does: what
// is nil and what is empty decides which checks it has to pass. An error is one that a
// transaction in wire format could not even have, so it counts as the transaction's.
func (tx *stateTx) build(post *statePost, baseFee *big.Int) (gpuevm.Tx, error) {
	out := gpuevm.Tx{
		BlobHashes: tx.BlobHashes,
		BlobFeeCap: number(tx.BlobFeeCap),
		GasFeeCap:  number(tx.FeeCap),
		GasTipCap:  number(tx.TipCap),
		Auths:      tx.auths(),
	}
	if tx.Nonce != nil {
		n := (*big.Int)(tx.Nonce)
		if !n.IsUint64() {
			return out, fmt.Errorf("nonce %v exceeds 2^64-1 (EIP-2681)", n)
		}
		out.Nonce = n.Uint64()
	}
	if err := tx.parties(&out); err != nil {
		return out, err
	}
	if err := tx.choose(post, &out); err != nil {
		return out, err
	}
	return out, tx.price(&out, baseFee)
}

// parties sets the sender and the recipient.
func (tx *stateTx) parties(out *gpuevm.Tx) error {
	if tx.Sender != nil {
		out.From = *tx.Sender
	} else if len(tx.SecretKey) > 0 {
		key, err := crypto.ToECDSA(tx.SecretKey)
		if err != nil {
			return fmt.Errorf("invalid private key: %v", err)
		}
		out.From = crypto.PubkeyToAddress(key.PublicKey)
	}
	if tx.To != "" {
		out.To = new(common.Address)
		if err := out.To.UnmarshalText([]byte(tx.To)); err != nil {
			return fmt.Errorf("invalid to address: %v", err)
		}
	}
	return nil
}

// choose sets what the indexes select.
func (tx *stateTx) choose(post *statePost, out *gpuevm.Tx) error {
	at := post.Indexes
	if at.Data >= len(tx.Data) || at.Value >= len(tx.Value) || at.Gas >= len(tx.GasLimit) {
		return fmt.Errorf("indexes %+v are out of bounds", at)
	}
	value := new(big.Int)
	if v := tx.Value[at.Value]; v != "0x" {
		var ok bool
		if value, ok = math.ParseBig256(v); !ok {
			return fmt.Errorf("invalid tx value %q", v)
		}
	}
	var err error
	out.Value = uint256.MustFromBig(value)
	out.Gas = uint64(tx.GasLimit[at.Gas])
	if out.Data, err = hex.DecodeString(strings.TrimPrefix(tx.Data[at.Data], "0x")); err != nil {
		return fmt.Errorf("invalid tx data %q", tx.Data[at.Data])
	}
	if tx.Access != nil && at.Data < len(tx.Access) && tx.Access[at.Data] != nil {
		out.AccessList = *tx.Access[at.Data]
	}
	return nil
}

// price sets the effective gas price; from London on a transaction without caps has both
// equal to its price.
func (tx *stateTx) price(out *gpuevm.Tx, baseFee *big.Int) error {
	price := number(tx.GasPrice)
	if baseFee != nil {
		if out.GasFeeCap == nil {
			out.GasFeeCap = price
		}
		if out.GasFeeCap == nil {
			out.GasFeeCap = new(uint256.Int)
		}
		if out.GasTipCap == nil {
			out.GasTipCap = out.GasFeeCap
		}
		sum := new(big.Int).Add(out.GasTipCap.ToBig(), baseFee)
		if sum.Cmp(out.GasFeeCap.ToBig()) > 0 {
			sum = out.GasFeeCap.ToBig()
		}
		price = uint256.MustFromBig(sum)
	}
	if price == nil {
		return errors.New("no gas price provided")
	}
	out.GasPrice = price
	return nil
}

func (tx *stateTx) auths() []types.SetCodeAuthorization {
	if tx.Auths == nil {
		return nil
	}
	list := make([]types.SetCodeAuthorization, len(tx.Auths))
	for i, a := range tx.Auths {
		list[i] = types.SetCodeAuthorization{
			ChainID: *number(a.ChainID),
			Address: *a.Address,
			Nonce:   uint64(*a.Nonce),
			V:       uint8(*a.V),
			R:       *number(a.R),
			S:       *number(a.S),
		}
	}
	return list
}

// number converts what ParseBig256 has limited to 256 bits.
func number(n *math.HexOrDecimal256) *uint256.Int {
	if n == nil {
		return nil
	}
	return uint256.MustFromBig((*big.Int)(n))
}
