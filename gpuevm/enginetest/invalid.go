package enginetest

import (
	"context"
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/holiman/uint256"
)

// plain is a world of one rich sender and a few accounts that matter to the checks.
func plain(fork string) (*world, gpuevm.Tx) {
	w := newWorld(fork, 1)
	w.env.Coinbase = common.Address{0xcb}
	to := common.Address{0xf1}
	from := w.owners[0]
	w.pre.put(from, gpuevm.Balance, common.BigToHash(big.NewInt(params.Ether)))
	w.pre.put(from, gpuevm.Nonce, common.Hash{31: 5})
	w.pre.put(from, gpuevm.CodeHash, common.Hash{})
	price := uint256.NewInt(10)
	return w, gpuevm.Tx{
		Hash: common.Hash{1}, From: from, To: &to, Nonce: 5, Value: new(uint256.Int), Gas: 50_000,
		GasPrice: price, GasFeeCap: price, GasTipCap: uint256.NewInt(3),
	}
}

// spoilings are the ways in which a transaction can't be in a block. Which of them a fork
// knows is go-ethereum's to say.
var spoilings = []struct {
	name  string
	spoil func(*world, *gpuevm.Tx)
}{
	{"nothing", func(*world, *gpuevm.Tx) {}},
	{"nonce too low", func(_ *world, tx *gpuevm.Tx) { tx.Nonce-- }},
	{"nonce too high", func(_ *world, tx *gpuevm.Tx) { tx.Nonce++ }},
	{"nonce max", func(w *world, tx *gpuevm.Tx) {
		tx.Nonce = 1<<64 - 1
		w.pre.put(tx.From, gpuevm.Nonce, uint256.NewInt(tx.Nonce).Bytes32())
	}},
	{"balance for gas", func(w *world, tx *gpuevm.Tx) {
		w.pre.put(tx.From, gpuevm.Balance, common.BigToHash(big.NewInt(499_999)))
	}},
	{"balance for the cap", func(w *world, tx *gpuevm.Tx) {
		tx.GasFeeCap = uint256.NewInt(1000)
		w.pre.put(tx.From, gpuevm.Balance, common.BigToHash(big.NewInt(600_000)))
	}},
	{"balance for value", func(_ *world, tx *gpuevm.Tx) { tx.Value = uint256.NewInt(params.Ether) }},
	{"balance, exactly enough", func(w *world, tx *gpuevm.Tx) {
		tx.Value = uint256.NewInt(77)
		w.pre.put(tx.From, gpuevm.Balance, common.BigToHash(big.NewInt(500_077)))
	}},
	{"balance overflow", func(_ *world, tx *gpuevm.Tx) { tx.Value = new(uint256.Int).SetAllOne() }},
	{"price overflow", func(_ *world, tx *gpuevm.Tx) { tx.GasFeeCap = new(uint256.Int).SetAllOne() }},
	{"no such sender", func(_ *world, tx *gpuevm.Tx) { tx.From, tx.Nonce = common.Address{9, 9}, 0 }},
	{"intrinsic gas", func(_ *world, tx *gpuevm.Tx) { tx.Gas = 20_999 }},
	{"intrinsic gas of data", func(_ *world, tx *gpuevm.Tx) { tx.Gas, tx.Data = 21_100, make([]byte, 100) }},
	{"calldata floor", func(_ *world, tx *gpuevm.Tx) {
		tx.Data = make([]byte, 1000)
		for i := range tx.Data {
			tx.Data[i] = 1
		}
		tx.Gas = 50_000
	}},
	{"fee cap below base fee", func(_ *world, tx *gpuevm.Tx) { tx.GasFeeCap, tx.GasTipCap = uint256.NewInt(6), uint256.NewInt(1) }},
	{"tip above cap", func(_ *world, tx *gpuevm.Tx) { tx.GasTipCap = uint256.NewInt(11) }},
	{"sender with code", func(w *world, tx *gpuevm.Tx) {
		w.pre.put(tx.From, gpuevm.CodeHash, w.pre.get(w.contracts[3], gpuevm.CodeHash))
	}},
	{"access list", func(_ *world, tx *gpuevm.Tx) { tx.AccessList = types.AccessList{} }},
	{"gas pool", func(_ *world, tx *gpuevm.Tx) {
		tx.Pool = &gpuevm.GasPool{Limit: 30_000_000, Receipts: 30_000_000 - 49_999, Execution: 30_000_000 - 49_999, State: 21_000}
	}},
	{"gas pool, just enough", func(_ *world, tx *gpuevm.Tx) {
		tx.Pool = &gpuevm.GasPool{Limit: 30_000_000, Receipts: 30_000_000 - 50_000, Execution: 30_000_000 - 50_000, State: 21_000}
	}},
	{"block gas limit", func(_ *world, tx *gpuevm.Tx) { tx.Gas = 30_000_001 }},
	{"gas cap", func(_ *world, tx *gpuevm.Tx) { tx.Gas = params.MaxTxGas + 1 }},
	{"init code size", func(_ *world, tx *gpuevm.Tx) {
		tx.To, tx.Gas, tx.Data = nil, 5_000_000, make([]byte, params.MaxInitCodeSize+1)
	}},
	{"blob fee cap", func(_ *world, tx *gpuevm.Tx) { blobs(tx, 1, 2) }},
	{"blob balance", func(w *world, tx *gpuevm.Tx) {
		blobs(tx, 2, 3)
		w.pre.put(tx.From, gpuevm.Balance, common.BigToHash(big.NewInt(500_000+3*2*params.BlobTxBlobGasPerBlob-1)))
	}},
	{"blob balance, exactly enough", func(w *world, tx *gpuevm.Tx) {
		blobs(tx, 2, 3)
		w.pre.put(tx.From, gpuevm.Balance, common.BigToHash(big.NewInt(500_000+3*2*params.BlobTxBlobGasPerBlob)))
	}},
	{"blob version", func(_ *world, tx *gpuevm.Tx) { blobs(tx, 2, 5); tx.BlobHashes[1][0] = 2 }},
	{"too many blobs", func(_ *world, tx *gpuevm.Tx) { blobs(tx, params.BlobTxMaxBlobs+1, 5) }},
	{"no blobs", func(_ *world, tx *gpuevm.Tx) { blobs(tx, 0, 5); tx.BlobHashes = []common.Hash{} }},
	{"blob creation", func(_ *world, tx *gpuevm.Tx) { blobs(tx, 1, 5); tx.To = nil; tx.Gas = 100_000 }},
	{"no authorizations", func(_ *world, tx *gpuevm.Tx) { tx.Auths = []types.SetCodeAuthorization{} }},
	{"set-code creation", func(_ *world, tx *gpuevm.Tx) {
		tx.Auths, tx.To, tx.Gas = make([]types.SetCodeAuthorization, 1), nil, 100_000
	}},
	{"set-code intrinsic gas", func(_ *world, tx *gpuevm.Tx) { tx.Auths, tx.Gas = make([]types.SetCodeAuthorization, 1), 45_999 }},
}

func blobs(tx *gpuevm.Tx, n int, feeCap uint64) {
	tx.BlobFeeCap = uint256.NewInt(feeCap)
	for i := range n {
		tx.BlobHashes = append(tx.BlobHashes, common.Hash{0: 1, 31: byte(i)})
	}
}

// runInvalid spoils a good transaction in every way, on every fork.
func runInvalid(t *testing.T, engine gpuevm.Engine) {
	refused := make(map[string]int)
	for _, fork := range forks {
		for _, s := range spoilings {
			w, tx := plain(fork)
			s.spoil(w, &tx)
			var c census
			w.check(t, engine, []gpuevm.Tx{tx}, &c)
			refused[s.name] += c.status[gpuevm.Invalid]
			if t.Failed() {
				t.Fatalf("%s, %s", fork, s.name)
			}
		}
	}
	for _, s := range spoilings {
		if refused[s.name] == 0 && s.name != "nothing" && !strings.Contains(s.name, "enough") {
			t.Errorf("no fork refuses %q: the test spoils nothing", s.name)
		}
	}
}

// runTrustNonce: the nonce before is taken for the transaction's, unread, and recorded.
func runTrustNonce(t *testing.T, engine gpuevm.Engine) {
	for _, fork := range forks {
		w, tx := plain(fork)
		tx.To = &w.contracts[4]
		tx.Nonce = 8
		trusting := tx
		trusting.TrustNonce = true
		results, err := engine.Execute(context.Background(), w.env, []gpuevm.Tx{trusting}, w.pre)
		if err != nil {
			t.Fatal(err)
		}
		key := gpuevm.Key{Addr: tx.From, Kind: gpuevm.Nonce}
		noted := false
		for _, r := range results[0].Reads {
			noted = noted || r.Key == key && r.Op == gpuevm.Equal && r.Value == common.Hash{31: 8}
		}
		if !noted && results[0].Status != gpuevm.Unsupported {
			t.Errorf("%s: the trusted nonce is not among the observations: %v", fork, results[0].Reads)
		}
		w.pre.put(tx.From, gpuevm.Nonce, common.Hash{31: 8})
		ref, err := newReferee(w.env, w.pre)
		if err != nil {
			t.Fatal(err)
		}
		if err := ref.compare(&tx, &results[0], w.pre); err != nil && results[0].Status != gpuevm.Unsupported {
			t.Errorf("%s: %v", fork, err)
		}
	}
}
