package workload

import (
	"bytes"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
)

// small is the size of the workloads whose effects are looked at.
var small = Options{Txs: 120, Blocks: 2, Seed: 5}

// each goes through all transactions and their receipts.
func (e *executed) each(f func(tx *types.Transaction, from common.Address, r *types.Receipt)) {
	signer := types.LatestSigner(e.Config)
	for b, block := range e.Blocks {
		for i, tx := range block.Transactions() {
			from, err := types.Sender(signer, tx)
			if err != nil {
				e.t.Fatal(err)
			}
			f(tx, from, e.receipts[b][i])
		}
	}
}

// number asks a contract for a number.
func (e *executed) number(to common.Address, name, method string, args ...any) *big.Int {
	e.t.Helper()
	return e.call(to, name, method, args...)[0].(*big.Int)
}

func TestTransferPays(t *testing.T) {
	e := execute(t, "transfer", small, maxSenders)
	want := map[common.Address]*big.Int{}
	fresh := 0
	e.each(func(tx *types.Transaction, _ common.Address, _ *types.Receipt) {
		to := *tx.To()
		if want[to] == nil {
			want[to] = new(big.Int)
			if a, ok := e.Alloc[to]; ok {
				want[to].Set(a.Balance)
			} else {
				fresh++
			}
		}
		want[to].Add(want[to], tx.Value())
	})
	for to, balance := range want {
		if got := e.state.GetBalance(to).ToBig(); got.Cmp(balance) != 0 {
			t.Errorf("%v has %v, want %v", to, got, balance)
		}
	}
	if len(want) != small.Txs || fresh != small.Txs/8 {
		t.Errorf("%d recipients, %d of them new", len(want), fresh)
	}
}

func TestERC20Moves(t *testing.T) {
	type holding struct{ token, holder common.Address }
	e := execute(t, "erc20", small, maxSenders)
	moved := map[holding]*big.Int{}
	add := func(h holding, amount *big.Int) {
		if moved[h] == nil {
			moved[h] = new(big.Int)
		}
		moved[h].Add(moved[h], amount)
	}
	e.each(func(tx *types.Transaction, from common.Address, _ *types.Receipt) {
		amount := new(big.Int).SetBytes(tx.Data()[36:68])
		add(holding{*tx.To(), from}, new(big.Int).Neg(amount))
		add(holding{*tx.To(), common.BytesToAddress(tx.Data()[4:36])}, amount)
	})
	for h, amount := range moved {
		want := e.Alloc[h.token].Storage[balanceSlot(h.holder)].Big()
		want.Add(want, amount)
		if got := e.number(h.token, "Token", "balanceOf", h.holder); got.Cmp(want) != 0 {
			t.Errorf("%v has %v of %v, want %v", h.holder, got, h.token, want)
		}
	}
	// Senders differ from block to block, recipients within one.
	if n := len(moved); n < 3*small.Txs {
		t.Errorf("%d balances moved", n)
	}
}

// A pool's reserves are its balances, and trading makes it richer.
func TestSwapKeepsReserves(t *testing.T) {
	e := execute(t, "swap", small, maxSenders)
	swaps := map[common.Address]int{}
	topic := load("Pair").abi.Events["Swap"].ID
	e.each(func(_ *types.Transaction, _ common.Address, r *types.Receipt) {
		for _, l := range r.Logs {
			if l.Topics[0] == topic {
				swaps[l.Address]++
			}
		}
	})
	total := 0
	for _, pair := range e.deployed["Pair"] {
		reserves := e.call(pair, "Pair", "reserves")
		product := big.NewInt(1)
		for i, name := range []string{"token0", "token1"} {
			token := e.call(pair, "Pair", name)[0].(common.Address)
			if got := e.number(token, "Token", "balanceOf", pair); got.Cmp(reserves[i].(*big.Int)) != 0 {
				t.Errorf("reserve is %v, balance %v", reserves[i], got)
			}
			product.Mul(product, reserves[i].(*big.Int))
		}
		before := new(big.Int).Exp(e.number(pair, "Pair", "totalSupply"), big.NewInt(2), nil)
		if swaps[pair] == 0 || product.Cmp(before) <= 0 {
			t.Errorf("%v: %d swaps, product %v, was %v", pair, swaps[pair], product, before)
		}
		total += swaps[pair]
	}
	if want := small.Txs * small.Blocks; total <= want || len(e.deployed["Pair"]) != small.Txs/swapsEach {
		t.Errorf("%d swaps in %d pairs", total, len(e.deployed["Pair"]))
	}
}

func TestNFTOwners(t *testing.T) {
	e := execute(t, "nft", small, maxSenders)
	badge := e.deployed["Badge"][0]
	id := int64(0)
	e.each(func(_ *types.Transaction, from common.Address, _ *types.Receipt) {
		id++
		if owner := e.call(badge, "Badge", "ownerOf", big.NewInt(id))[0]; owner != from {
			t.Errorf("badge %d is %v's, want %v's", id, owner, from)
		}
	})
	if paid := e.state.GetBalance(badge).Uint64(); paid != uint64(id)*badgePrice {
		t.Errorf("%d badges brought %d", id, paid)
	}
}

func TestHotSpots(t *testing.T) {
	e := execute(t, "hot", small, maxSenders)
	to := map[common.Address]int{}
	e.each(func(tx *types.Transaction, _ common.Address, _ *types.Receipt) { to[*tx.To()]++ })
	if len(to) != 3 {
		t.Errorf("%d targets", len(to))
	}
	for target, n := range to {
		if n != small.Txs*small.Blocks/3 {
			t.Errorf("%d to %v", n, target)
		}
	}
}

func TestSerialChain(t *testing.T) {
	e := execute(t, "serial", small, maxSenders)
	var head common.Hash
	e.each(func(tx *types.Transaction, from common.Address, _ *types.Receipt) {
		head = crypto.Keccak256Hash(head[:], tx.Data()[4:36], common.LeftPadBytes(from[:], 32))
		for i := range int64(hashRounds) {
			head = crypto.Keccak256Hash(head[:], common.BigToHash(big.NewInt(i)).Bytes())
		}
	})
	if got := e.call(e.deployed["HashChain"][0], "HashChain", "head")[0].([32]byte); got != head {
		t.Errorf("head is %x, want %x", got, head)
	}
}

func TestDeployLeavesCode(t *testing.T) {
	e := execute(t, "deploy", small, maxSenders)
	created := map[int]int{} // by size of code
	e.each(func(tx *types.Transaction, from common.Address, r *types.Receipt) {
		addr := r.ContractAddress
		if tx.To() != nil {
			addr = common.BytesToAddress(r.Logs[0].Data)
		}
		created[e.state.GetCodeSize(addr)]++
		if tx.Value().Sign() == 0 {
			return
		}
		if owner := e.call(addr, "Vault", "owner")[0]; owner != from || e.state.GetBalance(addr).ToBig().Cmp(tx.Value()) != 0 {
			t.Errorf("vault %v is %v's, want %v's", addr, owner, from)
		}
	})
	if len(created) != 3 || created[0] != 0 { // vaults, tokens, proxies
		t.Errorf("sizes of code: %v", created)
	}
}

// The blend has every kind of transaction and of failure in it.
func TestMixedHasAll(t *testing.T) {
	e := execute(t, "mixed", Options{Txs: 1000, Blocks: 2, Seed: 5}, maxSenders)
	kinds := map[string]int{}
	batch := types.AddressToDelegation(e.deployed["Batch"][0])
	e.each(func(tx *types.Transaction, from common.Address, r *types.Receipt) {
		switch {
		case r.Status == 1:
			kinds["success"]++
		case tx.To() == nil:
			kinds["failed creation"]++
		case r.GasUsed == tx.Gas():
			kinds["out of gas"]++
		default:
			kinds["reverted"]++
		}
		kinds[[]string{"legacy", "access list", "dynamic fee", "blob", "set code"}[tx.Type()]]++
		if bytes.Equal(e.state.GetCode(from), batch) {
			kinds["delegated itself"]++
		}
		for _, auth := range tx.SetCodeAuthorizations() {
			authority, err := auth.Authority()
			if err != nil {
				t.Fatal(err)
			}
			before, after := e.Alloc[authority].Code, e.state.GetCode(authority)
			switch {
			case len(before) == 0 && bytes.Equal(after, batch):
				kinds["delegated"]++
			case len(before) > 0 && len(after) == 0:
				kinds["delegated no longer"]++
			}
		}
	})
	t.Log(kinds)
	for _, kind := range []string{
		"success", "failed creation", "out of gas", "reverted", "legacy", "access list",
		"dynamic fee", "set code", "delegated", "delegated itself", "delegated no longer",
	} {
		if kinds[kind] == 0 {
			t.Errorf("none %s", kind)
		}
	}
}

// The creation that is meant to fail for want of gas for its code gets as far as that.
func TestNeverReachesDeposit(t *testing.T) {
	e := execute(t, "deploy", small, maxSenders)
	e.each(func(tx *types.Transaction, _ common.Address, r *types.Receipt) {
		if tx.Gas() != tokenCreationGas {
			return
		}
		deposit := uint64(200 * e.state.GetCodeSize(r.ContractAddress))
		if given := uint64(tokenCreationGas / 3); given >= r.GasUsed || given < r.GasUsed-deposit {
			t.Fatalf("%d given, %d used, %d of it for the code", given, r.GasUsed, deposit)
		}
	})
}
