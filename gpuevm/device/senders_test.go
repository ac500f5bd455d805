package device

import (
	"crypto/ecdsa"
	"math/big"
	"math/rand"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"
	"github.com/holiman/uint256"
)

// someTx is a transaction of any type, signed for some chain, sometimes badly.
func someTx(rnd *rand.Rand, keys []*ecdsa.PrivateKey) *types.Transaction {
	to, chain := common.Address{1}, big.NewInt(1)
	if rnd.Intn(8) == 0 {
		chain = big.NewInt(5)
	}
	price, u := big.NewInt(int64(rnd.Intn(1000))), uint256.NewInt(1)
	inner := []types.TxData{
		&types.LegacyTx{Nonce: rnd.Uint64(), To: &to, GasPrice: price, Gas: 21000, Data: make([]byte, rnd.Intn(300))},
		&types.AccessListTx{ChainID: chain, To: &to, GasPrice: price},
		&types.DynamicFeeTx{ChainID: chain, To: &to, GasFeeCap: price, GasTipCap: price},
		&types.BlobTx{ChainID: uint256.MustFromBig(chain), To: to, GasFeeCap: u, GasTipCap: u, Value: u, BlobFeeCap: u},
		&types.SetCodeTx{ChainID: uint256.MustFromBig(chain), To: to, GasFeeCap: u, GasTipCap: u, Value: u},
	}[rnd.Intn(5)]
	signer := types.NewPragueSigner(chain)
	if _, legacy := inner.(*types.LegacyTx); legacy && rnd.Intn(3) == 0 {
		signer = types.HomesteadSigner{}
	}
	tx := types.MustSignNewTx(keys[rnd.Intn(len(keys))], signer, inner)
	if rnd.Intn(4) == 0 {
		tx = spoilSignature(rnd, tx)
	}
	return tx
}

// spoilSignature changes v, r or s of a legacy transaction.
func spoilSignature(rnd *rand.Rand, tx *types.Transaction) *types.Transaction {
	v, r, s := tx.RawSignatureValues()
	v, r, s = new(big.Int).Set(v), new(big.Int).Set(r), new(big.Int).Set(s)
	n := crypto.S256().Params().N
	switch rnd.Intn(7) {
	case 0:
		v.Xor(v, big.NewInt(int64(rnd.Intn(256))))
	case 1:
		r.SetInt64(0)
	case 2:
		s.Sub(n, s) // the other half, with the other parity
	case 3:
		r.Set(n)
	case 4:
		r.SetInt64(int64(1 + rnd.Intn(10))) // perhaps no point of the curve
	case 5:
		v.Lsh(v, uint(rnd.Intn(90)))
	case 6:
		s.SetInt64(1)
	}
	to := common.Address{1}
	return types.NewTx(&types.LegacyTx{Nonce: tx.Nonce(), To: &to, GasPrice: tx.GasPrice(), Gas: 21000, V: v, R: r, S: s})
}

// TestRecover holds recovery in batches to types.Sender, for every kind of signer.
func TestRecover(t *testing.T) {
	e := open(t, Options{})
	rnd := rand.New(rand.NewSource(1))
	var keys []*ecdsa.PrivateKey
	for i := range byte(5) {
		key, err := crypto.ToECDSA(crypto.Keccak256([]byte{i}))
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	signers := []types.Signer{
		types.FrontierSigner{}, types.HomesteadSigner{}, types.NewEIP155Signer(big.NewInt(1)), types.NewEIP2930Signer(big.NewInt(1)),
		types.NewLondonSigner(big.NewInt(1)), types.NewCancunSigner(big.NewInt(1)), types.NewPragueSigner(big.NewInt(1)),
		types.MakeSigner(params.MainnetChainConfig, big.NewInt(1), 0),
	}
	var recovered, left int
	for range 40 {
		signer := signers[rnd.Intn(len(signers))]
		txs := make([]*types.Transaction, rnd.Intn(40))
		for i := range txs {
			txs[i] = someTx(rnd, keys)
		}
		from, ok := make([]common.Address, len(txs)), make([]bool, len(txs))
		e.Recover(signer, txs, from, ok)
		for i, tx := range txs {
			want, err := types.Sender(signer, tx)
			switch {
			case !ok[i]:
				left++
			case err != nil || from[i] != want:
				t.Fatalf("%T, type %d: %v, go-ethereum: %v (%v)", signer, tx.Type(), from[i], want, err)
			default:
				recovered++
			}
		}
	}
	t.Logf("%d recovered, %d left", recovered, left)
	if recovered < left/4 || recovered == 0 {
		t.Error("too much is left")
	}
}

// TestKeccak256 holds hashing in batches to go-ethereum's.
func TestKeccak256(t *testing.T) {
	e := open(t, Options{})
	rnd := rand.New(rand.NewSource(1))
	var bytes []byte
	offsets := []uint64{0}
	for i := range 500 {
		b := make([]byte, rnd.Intn(300)*(i%3))
		rnd.Read(b)
		bytes = append(bytes, b...)
		offsets = append(offsets, uint64(len(bytes)))
	}
	hashes := make([]common.Hash, 500)
	if err := e.Keccak256(bytes, offsets, hashes); err != nil {
		t.Fatal(err)
	}
	for i, h := range hashes {
		if want := crypto.Keccak256Hash(bytes[offsets[i]:offsets[i+1]]); h != want {
			t.Fatalf("%d bytes: %x, want %x", offsets[i+1]-offsets[i], h, want)
		}
	}
}
