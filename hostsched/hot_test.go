package hostsched_test

import (
	"context"
	"math/big"
	"math/rand"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/trie"
	"github.com/gpuevm/gpuevm/fallback"
	"github.com/gpuevm/gpuevm/hostsched"
)

// TestHotAccounts: fees to one coinbase, transfers to one recipient (that does not exist
// before) and many transactions of one sender order nothing, with nobody predicting. Not
// one result may be refused, in whatever order they are found.
func TestHotAccounts(t *testing.T) {
	for _, fork := range []string{"Frontier", "London", "Osaka"} {
		w := newWorldOf(fork, 1)
		parent := &types.Header{Number: big.NewInt(9), Time: 1000, Difficulty: big.NewInt(131072), GasLimit: 5_000_000}
		h := w.block(0, parent, false).Header()
		h.Coinbase = common.BytesToAddress([]byte{0xcb})
		signer := types.MakeSigner(w.config, h.Number, h.Time)
		recipient := common.BytesToAddress([]byte{0xf0, 0xf0})
		var body types.Body
		for i := range 150 {
			key := w.keys[i%3]
			tx, err := types.SignNewTx(key, signer, &types.LegacyTx{Nonce: uint64(i / 3), GasPrice: big.NewInt(9), Gas: 21_000, To: &recipient, Value: common.Big1})
			if err != nil {
				t.Fatal(err)
			}
			body.Transactions = append(body.Transactions, tx)
		}
		if h.WithdrawalsHash != nil {
			body.Withdrawals = types.Withdrawals{}
		}
		block := types.NewBlock(h, &body, nil, trie.NewStackTrie(nil))
		cpu := fallback.New(2)
		p := hostsched.New(hostsched.Options{
			Engine: &delays{Engine: cpu, rnd: rand.New(rand.NewSource(1))}, Referee: cpu, Lanes: 8, Predictor: hostsched.NoPrediction{},
		})
		got, res := runOurs(t, p, w.config, parent, block, freshTries(t, w.alloc))
		if d := got.diff(runGeth(t, w.config, parent, block, freshTries(t, w.alloc))); d != "" {
			t.Fatalf("%s: ours against go-ethereum's: %s", fork, d)
		}
		if res.Stats.Reexecuted > 0 {
			t.Errorf("%s: %d of %d results were refused", fork, res.Stats.Reexecuted, res.Stats.Txs)
		}
	}
}

// TestSerialPolicy: serial means that every transaction runs on the exact state.
func TestSerialPolicy(t *testing.T) {
	w := newWorldOf("Cancun", 3)
	parent := &types.Header{Number: big.NewInt(9), Time: 1000, Difficulty: big.NewInt(131072), GasLimit: 5_000_000}
	tries := freshTries(t, w.alloc)
	b := &hostsched.Block{Block: w.block(20, parent, false), Config: w.config, Pre: tries, BlockHash: func(uint64) common.Hash { return common.Hash{} }}
	b.Author = b.Coinbase()
	res, err := hostsched.New(hostsched.Serial(fallback.New(1))).Process(context.Background(), b)
	if err != nil {
		t.Fatal(err)
	}
	if res.Stats.Reexecuted != 0 || res.Stats.OnDevice != 20 {
		t.Fatalf("%+v", res.Stats)
	}
}
