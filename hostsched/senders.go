package hostsched

import (
	"math/big"

	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/gpuevm/gpuevm/gpuevm"
)

// recoverSender turns a signed transaction into one that can run. Recovering the sender
// from the signature costs as much as running a typical transaction; go-ethereum keeps
// what it found in the transaction. An error makes the block invalid once its turn comes.
func recoverSender(tx *types.Transaction, index int, signer types.Signer, baseFee *big.Int) (gpuevm.Tx, error) {
	out := gpuevm.Tx{Index: index, Hash: tx.Hash(), To: tx.To()}
	msg, err := core.TransactionToMessage(tx, signer, baseFee)
	if err != nil {
		return out, err
	}
	out.From = msg.From
	out.Nonce = msg.Nonce
	out.Value = msg.Value
	out.Gas = msg.GasLimit
	out.GasPrice = msg.GasPrice
	out.GasFeeCap = msg.GasFeeCap
	out.GasTipCap = msg.GasTipCap
	out.BlobFeeCap = msg.BlobGasFeeCap
	out.BlobHashes = msg.BlobHashes
	out.Data = msg.Data
	out.AccessList = msg.AccessList
	out.Auths = msg.SetCodeAuthorizations
	return out, nil
}
