package hostsched

import (
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"
	"github.com/gpuevm/gpuevm/gpuevm"
)

// receipts collects the receipts of a block in order.
type receipts struct {
	block  *Block
	env    *gpuevm.BlockEnv
	hash   common.Hash
	memory []types.Receipt
	list   types.Receipts
	logs   []*types.Log
	digest *digest
}

func newReceipts(b *Block, env *gpuevm.BlockEnv, n int) receipts {
	return receipts{block: b, env: env, hash: b.Hash(), memory: make([]types.Receipt, n), list: make(types.Receipts, 0, n), digest: newDigest(n)}
}

// add makes the receipt of a transaction that was just committed. Before Byzantium it
// holds the state root at that point.
func (rs *receipts) add(r *run, i int, a *attempt) error {
	tx, result := rs.block.Transactions()[i], a.result
	rec := &rs.memory[i]
	*rec = types.Receipt{
		Type:              tx.Type(),
		Status:            types.ReceiptStatusSuccessful,
		CumulativeGasUsed: r.pool.Receipts,
		Bloom:             a.bloom,
		Logs:              result.Logs,
		TxHash:            r.txs[i].Hash,
		GasUsed:           result.GasUsed,
		BlockHash:         rs.hash,
		BlockNumber:       rs.env.Number,
		TransactionIndex:  uint(i),
	}
	if result.Status != gpuevm.Success {
		rec.Status = types.ReceiptStatusFailed
	}
	if tx.Type() == types.BlobTxType {
		rec.BlobGasUsed = uint64(len(tx.BlobHashes()) * params.BlobTxBlobGasPerBlob)
		rec.BlobGasPrice = rs.env.BlobBaseFee
	}
	if tx.To() == nil {
		rec.ContractAddress = crypto.CreateAddress(r.txs[i].From, tx.Nonce())
	}
	for _, l := range result.Logs {
		l.Index = uint(len(rs.logs))
		l.BlockHash, l.BlockNumber, l.BlockTimestamp = rs.hash, rs.env.Number.Uint64(), rs.env.Time
		rs.logs = append(rs.logs, l)
	}
	if r.roots != nil {
		root, err := r.roots.Root()
		if err != nil {
			return err
		}
		rec.PostState = root.Bytes()
	}
	rs.list = append(rs.list, rec)
	rs.digest.feed(rec)
	return nil
}
