package hostsched

import (
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/gpuevm/gpuevm/gpuevm"
)

// Recoverer finds the senders of many transactions at once. It sets ok[i] and from[i] where
// it is sure; what it leaves out is recovered one by one, with go-ethereum's errors. It is
// safe for concurrent use.
type Recoverer interface {
	Recover(signer types.Signer, txs []*types.Transaction, from []common.Address, ok []bool)
}

// knownSender is a signer that knows the sender of one transaction.
type knownSender struct {
	types.Signer
	from common.Address
}

// Sender implements types.Signer.
func (k *knownSender) Sender(*types.Transaction) (common.Address, error) { return k.from, nil }

// recoverSenders recovers the senders of a chunk of transactions.
func (r *run) recoverSenders(from, to int) {
	txs := r.block.Transactions()
	known := make([]bool, to-from)
	var addrs []common.Address
	if r.options.Recoverer != nil {
		addrs = make([]common.Address, to-from)
		r.options.Recoverer.Recover(r.signer, txs[from:to], addrs, known)
	}
	for i := from; i < to; i++ {
		signer := r.signer
		if known[i-from] {
			signer = &knownSender{r.signer, addrs[i-from]}
		}
		r.txs[i], r.bad[i] = recoverSender(txs[i], i, signer, r.env.BaseFee)
	}
}

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
