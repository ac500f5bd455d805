package workload

import (
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"math/big"
	"slices"
	"testing"

	"github.com/ethereum/go-ethereum/common"
)

// TestComputeResults: the contract computes what its methods are called after.
func TestComputeResults(t *testing.T) {
	for name, want := range map[string]func(seed *big.Int, work uint64) *big.Int{
		"pool": poolResult, "sort": sortResult, "sha256": sha256Result,
	} {
		e := execute(t, name, Options{Txs: 5, Blocks: 1, Seed: 3}, 5)
		for i, tx := range e.Blocks[0].Transactions() {
			logs := e.receipts[0][i].Logs
			if len(logs) != 1 {
				t.Fatalf("%s: %d logs", name, len(logs))
			}
			seed, work := new(big.Int).SetBytes(tx.Data()[4:36]), new(big.Int).SetBytes(tx.Data()[36:])
			if got, want := common.Hash(logs[0].Data), common.BigToHash(want(seed, work.Uint64())); got != want {
				t.Errorf("%s of %x: %x, want %x", name, seed, got, want)
			}
		}
	}
}

func sha256Result(seed *big.Int, blocks uint64) *big.Int {
	h := sha256.New()
	for b := range blocks {
		for i := range uint(16) {
			word := uint32(new(big.Int).And(new(big.Int).Rsh(seed, 8*i), big.NewInt(1<<32-1)).Uint64())
			_ = binary.Write(h, binary.BigEndian, word^uint32(b))
		}
	}
	state, err := h.(encoding.BinaryMarshaler).MarshalBinary() // "sha\x03", then h before the padding
	if err != nil {
		panic(err)
	}
	return new(big.Int).SetBytes(state[4:36])
}

func sortResult(seed *big.Int, length uint64) *big.Int {
	word := new(big.Int).Lsh(big.NewInt(1), 256)
	var list []*big.Int
	for range length {
		seed = new(big.Int).Mul(seed, big.NewInt(6364136223846793005))
		seed.Mod(seed.Add(seed, big.NewInt(1442695040888963407)), word)
		list = append(list, new(big.Int).Rsh(seed, 33))
	}
	slices.SortFunc(list, (*big.Int).Cmp)
	sum := new(big.Int)
	for _, x := range list {
		top := new(big.Int).Rsh(sum, 255)
		sum.Mod(sum.Lsh(sum, 1), word)
		sum.Xor(sum.Xor(sum, top), x)
	}
	return sum
}

func poolResult(seed *big.Int, steps uint64) *big.Int {
	q128 := new(big.Int).Lsh(big.NewInt(1), 128)
	mulDiv := func(a, b, d *big.Int) *big.Int { p := new(big.Int).Mul(a, b); return p.Div(p, d) }
	price := new(big.Int).Add(q128, new(big.Int).Mod(seed, q128))
	liquidity := new(big.Int).Add(new(big.Int).Rsh(seed, 128), big.NewInt(1e18))
	paid := new(big.Int)
	for i := range steps {
		low := new(big.Int).Xor(price, seed)
		low.And(low, new(big.Int).Sub(q128, big.NewInt(1)))
		amount := low.Add(low.Rsh(low, 70), new(big.Int).SetUint64(i+1))
		next := new(big.Int).Add(price, mulDiv(amount, q128, liquidity))
		paid.Add(paid, mulDiv(mulDiv(liquidity, new(big.Int).Sub(next, price), next), q128, price))
		price = new(big.Int).Lsh(new(big.Int).Sqrt(mulDiv(next, next, q128)), 64)
		if price.BitLen() <= 110 {
			price.Add(price, q128)
		}
	}
	return paid.Xor(paid, price)
}
