package hostsched_test

import (
	"context"
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/tests"
	"github.com/ethereum/go-ethereum/trie"
	"github.com/gpuevm/gpuevm/fallback"
	"github.com/gpuevm/gpuevm/hostsched"
	"github.com/holiman/uint256"
)

func TestVerifyBody(t *testing.T) {
	blob := types.NewTx(&types.BlobTx{BlobHashes: []common.Hash{{1}}, BlobFeeCap: uint256.NewInt(1), GasFeeCap: uint256.NewInt(1), GasTipCap: uint256.NewInt(1), Value: uint256.NewInt(0), ChainID: uint256.NewInt(1)})
	used := uint64(params.BlobTxBlobGasPerBlob)
	body := types.Body{Transactions: types.Transactions{blob}, Withdrawals: types.Withdrawals{{Amount: 1}}}
	good := types.NewBlock(&types.Header{BlobGasUsed: &used}, &body, nil, trie.NewStackTrie(nil)).Header()
	for name, c := range map[string]struct {
		spoil func(*types.Header, *types.Body)
		want  string
	}{
		"good":               {func(*types.Header, *types.Body) {}, ""},
		"uncles":             {func(h *types.Header, _ *types.Body) { h.UncleHash[0]++ }, "uncle root hash mismatch"},
		"transactions":       {func(h *types.Header, _ *types.Body) { h.TxHash[0]++ }, "transaction root hash mismatch"},
		"withdrawals":        {func(h *types.Header, _ *types.Body) { h.WithdrawalsHash[0]++ }, "withdrawals root hash mismatch"},
		"withdrawals gone":   {func(_ *types.Header, b *types.Body) { b.Withdrawals = nil }, "missing withdrawals"},
		"withdrawals early":  {func(h *types.Header, _ *types.Body) { h.WithdrawalsHash = nil }, "withdrawals present"},
		"blob gas":           {func(h *types.Header, _ *types.Body) { h.BlobGasUsed = new(uint64) }, "blob gas used mismatch (header 0, calculated 131072)"},
		"blobs before their": {func(h *types.Header, _ *types.Body) { h.BlobGasUsed = nil }, "data blobs present"},
	} {
		h, b := types.CopyHeader(good), body
		c.spoil(h, &b)
		err := hostsched.VerifyBody(params.TestChainConfig, types.NewBlockWithHeader(h).WithBody(b))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

func TestVerifyResult(t *testing.T) {
	root, requests := common.Hash{5}, types.CalcRequestsHash([][]byte{})
	result := func() *hostsched.BlockResult {
		return &hostsched.BlockResult{GasUsed: 7, ReceiptsRoot: common.Hash{6}, Root: &root, Requests: [][]byte{}}
	}
	header := &types.Header{GasUsed: 7, ReceiptHash: common.Hash{6}, Root: root, RequestsHash: &requests}
	if err := result().Verify(header); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(*hostsched.BlockResult){
		"invalid gas used":          func(r *hostsched.BlockResult) { r.GasUsed++ },
		"invalid bloom":             func(r *hostsched.BlockResult) { r.Bloom[9] = 1 },
		"invalid receipt root hash": func(r *hostsched.BlockResult) { r.ReceiptsRoot[0]++ },
		"invalid requests hash":     func(r *hostsched.BlockResult) { r.Requests = [][]byte{{1, 2}} },
		"invalid merkle root":       func(r *hostsched.BlockResult) { r.Root = new(common.Hash) },
	} {
		r := result()
		spoil(r)
		if err := r.Verify(header); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// TestUnfit: what can't be run is refused by name.
func TestUnfit(t *testing.T) {
	w := newWorldOf("Cancun", 1)
	parent := &types.Header{Number: big.NewInt(9), Time: 1000, Difficulty: big.NewInt(131072), GasLimit: 5_000_000}
	good := w.block(3, parent, false)
	processor := hostsched.New(hostsched.Options{Engine: fallback.New(1)})
	for want, spoil := range map[string]func(*hostsched.Block, *types.Header){
		"":                           func(*hostsched.Block, *types.Header) {},
		"no chain config":            func(b *hostsched.Block, _ *types.Header) { b.Config = nil },
		"no state before it":         func(b *hostsched.Block, _ *types.Header) { b.Pre = nil },
		"no source of block hashes":  func(b *hostsched.Block, _ *types.Header) { b.BlockHash = nil },
		"base fee <nil>":             func(_ *hostsched.Block, h *types.Header) { h.BaseFee = nil },
		"has excess blob gas: false": func(_ *hostsched.Block, h *types.Header) { h.ExcessBlobGas = nil },
		"London is active: false":    func(b *hostsched.Block, _ *types.Header) { b.Config = tests.Forks["Berlin"] },
		"no blob schedule":           func(b *hostsched.Block, _ *types.Header) { c := *b.Config; c.BlobScheduleConfig = nil; b.Config = &c },
		"no update fraction": func(b *hostsched.Block, _ *types.Header) {
			c := *b.Config
			c.BlobScheduleConfig = &params.BlobScheduleConfig{Cancun: &params.BlobConfig{Target: 3, Max: 6}}
			b.Config = &c
		},
		"for which there is no price": func(_ *hostsched.Block, h *types.Header) { h.ExcessBlobGas = new(uint64(1<<64 - 1)) },
	} {
		h := good.Header()
		tries := freshTries(t, w.alloc)
		b := &hostsched.Block{Config: w.config, Pre: tries, BlockHash: func(uint64) common.Hash { return common.Hash{} }, Author: h.Coinbase}
		spoil(b, h)
		b.Block = types.NewBlockWithHeader(h).WithBody(*good.Body())
		_, err := processor.Process(context.Background(), b)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
