package workload

import (
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/holiman/uint256"
)

const baseFee = gwei

// envelope is the type of a transaction, where it matters to the draft.
type envelope uint8

const (
	usual      envelope = iota // mostly dynamic fee, some legacy
	accessList                 // EIP-2930
	dynamicFee                 // EIP-1559
	setCode                    // EIP-7702
)

// draft is a transaction that is not signed yet.
type draft struct {
	envelope envelope
	to       *common.Address // nil: contract creation
	value    *big.Int        // nil: none
	gas      uint64
	data     []byte
	list     types.AccessList
	auths    []types.SetCodeAuthorization
	// selfAuths counts the authorizations among auths that use up a nonce of the sender.
	selfAuths int
	fails     bool // is meant to

	// Filled in by the generator.
	from   *account
	nonce  uint64
	legacy bool
	tip    *big.Int
}

// price picks the fee, and the envelope where the draft left it open.
func (g *generator) price(d *draft) {
	d.legacy = g.rand.IntN(8) == 0 && d.envelope == usual
	d.tip = big.NewInt(gwei/10 + g.rand.Int64N(gwei))
}

// sign turns the drafts into transactions.
func sign(blocks [][]draft, signer types.Signer) [][]*types.Transaction {
	signed := make([][]*types.Transaction, len(blocks))
	for b, drafts := range blocks {
		txs := make([]*types.Transaction, len(drafts))
		inParallel(len(drafts), func(i int) {
			d := &drafts[i]
			tx, err := types.SignNewTx(d.from.key, signer, d.body(signer.ChainID()))
			if err != nil {
				panic(err)
			}
			txs[i] = tx
		})
		signed[b] = txs
	}
	return signed
}

func (d *draft) body(chainID *big.Int) types.TxData {
	price := new(big.Int).Add(big.NewInt(baseFee), d.tip)
	feeCap := new(big.Int).Add(big.NewInt(2*baseFee), d.tip)
	switch {
	case d.legacy:
		return &types.LegacyTx{
			Nonce: d.nonce, GasPrice: price, Gas: d.gas, To: d.to, Value: d.value, Data: d.data,
		}
	case d.envelope == accessList:
		return &types.AccessListTx{
			ChainID: chainID, Nonce: d.nonce, GasPrice: price, Gas: d.gas, To: d.to,
			Value: d.value, Data: d.data, AccessList: d.list,
		}
	case d.envelope == setCode:
		return &types.SetCodeTx{
			ChainID: mustUint256(chainID), Nonce: d.nonce, GasTipCap: mustUint256(d.tip),
			GasFeeCap: mustUint256(feeCap), Gas: d.gas, To: *d.to, Value: mustUint256(d.value),
			Data: d.data, AccessList: d.list, AuthList: d.auths,
		}
	}
	return &types.DynamicFeeTx{
		ChainID: chainID, Nonce: d.nonce, GasTipCap: d.tip, GasFeeCap: feeCap, Gas: d.gas,
		To: d.to, Value: d.value, Data: d.data, AccessList: d.list,
	}
}

func mustUint256(n *big.Int) *uint256.Int {
	if n == nil {
		return new(uint256.Int)
	}
	return uint256.MustFromBig(n)
}
