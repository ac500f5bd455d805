package hostsched

import (
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/consensus/misc/eip4844"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/trie"
)

// check refuses what can't be run at all: a block that lacks what running it needs, or
// whose header lacks or has what its fork decides. A node's header verification comes to
// the same; here it stands between a hostile header and a panic.
func (b *Block) check() error {
	switch {
	case b == nil || b.Block == nil:
		return errors.New("no block")
	case b.Config == nil:
		return errors.New("block has no chain config")
	case b.Pre == nil:
		return errors.New("block has no state before it")
	case b.BlockHash == nil:
		return errors.New("block has no source of block hashes")
	}
	h := b.Header()
	if h.Number == nil || h.Difficulty == nil {
		return errors.New("header has no number or no difficulty")
	}
	london, cancun := b.Config.IsLondon(h.Number), b.Config.IsCancun(h.Number, h.Time)
	switch {
	case london != (h.BaseFee != nil):
		return fmt.Errorf("header: base fee %v, London is active: %t", h.BaseFee, london)
	case cancun != (h.ExcessBlobGas != nil):
		return fmt.Errorf("header: has excess blob gas: %t, Cancun is active: %t", h.ExcessBlobGas != nil, cancun)
	case cancun && eip4844.MaxBlobsPerBlock(b.Config, h.Time) == 0:
		return errors.New("chain config has no blob schedule, which Cancun needs")
	}
	if cancun {
		return checkBlobFee(b.Config, h)
	}
	return nil
}

// mostBlobExponent bounds what e is raised to for the price of blob gas (EIP-4844), which takes
// steps and digits in proportion. A price of 2^256 wei is at 178.
const mostBlobExponent = 10_000

func checkBlobFee(config *params.ChainConfig, h *types.Header) error {
	blobs := config.BlobConfig(config.LatestFork(h.Time))
	switch {
	case blobs == nil || blobs.UpdateFraction == 0:
		return errors.New("chain config has no update fraction for the price of blob gas, which Cancun needs")
	case *h.ExcessBlobGas/blobs.UpdateFraction > mostBlobExponent:
		return fmt.Errorf("header: excess blob gas %d, for which there is no price", *h.ExcessBlobGas)
	}
	return nil
}

// VerifyBody checks a block's body against its header, as go-ethereum's BlockValidator
// does before it runs a block and with its errors. What needs the chain (uncles, known
// ancestors) or the body's block access list (EIP-7928) is not checked.
func VerifyBody(config *params.ChainConfig, block *types.Block) error {
	header := block.Header()
	if config.IsOsaka(block.Number(), block.Time()) && block.Size() > params.MaxBlockSize {
		return core.ErrBlockOversized
	}
	if hash := types.CalcUncleHash(block.Uncles()); hash != header.UncleHash {
		return fmt.Errorf("uncle root hash mismatch (header value %x, calculated %x)", header.UncleHash, hash)
	}
	if hash := types.DeriveSha(block.Transactions(), trie.NewStackTrie(nil)); hash != header.TxHash {
		return fmt.Errorf("transaction root hash mismatch (header value %x, calculated %x)", header.TxHash, hash)
	}
	if err := verifyWithdrawals(block, header); err != nil {
		return err
	}
	return verifyBlobs(block, header)
}

func verifyWithdrawals(block *types.Block, header *types.Header) error {
	switch {
	case header.WithdrawalsHash == nil && block.Withdrawals() != nil:
		return errors.New("withdrawals present in block body")
	case header.WithdrawalsHash == nil:
		return nil
	case block.Withdrawals() == nil:
		return errors.New("missing withdrawals in block body")
	}
	if hash := types.DeriveSha(block.Withdrawals(), trie.NewStackTrie(nil)); hash != *header.WithdrawalsHash {
		return fmt.Errorf("withdrawals root hash mismatch (header value %x, calculated %x)", *header.WithdrawalsHash, hash)
	}
	return nil
}

// verifyBlobs checks the blob gas (EIP-4844).
func verifyBlobs(block *types.Block, header *types.Header) error {
	var blobs int
	for i, tx := range block.Transactions() {
		blobs += len(tx.BlobHashes())
		if tx.BlobTxSidecar() != nil {
			return fmt.Errorf("unexpected blob sidecar in transaction at index %d", i)
		}
	}
	switch {
	case header.BlobGasUsed == nil && blobs > 0:
		return errors.New("data blobs present in block body")
	case header.BlobGasUsed != nil && *header.BlobGasUsed/params.BlobTxBlobGasPerBlob != uint64(blobs):
		return fmt.Errorf("blob gas used mismatch (header %v, calculated %v)", *header.BlobGasUsed, blobs*params.BlobTxBlobGasPerBlob)
	}
	return nil
}

// Verify checks a result against the block's header, as go-ethereum's BlockValidator does
// after it ran a block and with its errors. The state root is checked where there is one.
func (r *BlockResult) Verify(header *types.Header) error {
	if header.GasUsed != r.GasUsed {
		return fmt.Errorf("invalid gas used (remote: %d local: %d)", header.GasUsed, r.GasUsed)
	}
	if header.Bloom != r.Bloom {
		return fmt.Errorf("invalid bloom (remote: %x  local: %x)", header.Bloom, r.Bloom)
	}
	if header.ReceiptHash != r.ReceiptsRoot {
		return fmt.Errorf("invalid receipt root hash (remote: %x local: %x)", header.ReceiptHash, r.ReceiptsRoot)
	}
	if header.RequestsHash != nil {
		if hash := types.CalcRequestsHash(r.Requests); hash != *header.RequestsHash {
			return fmt.Errorf("invalid requests hash (remote: %x local: %x)", *header.RequestsHash, hash)
		}
	} else if r.Requests != nil {
		return errors.New("block has requests before prague fork")
	}
	if r.Root != nil && header.Root != *r.Root {
		return fmt.Errorf("invalid merkle root (remote: %x local: %x)", header.Root, *r.Root)
	}
	return nil
}
