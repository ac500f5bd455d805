package workload

import (
	"crypto/ecdsa"
	"math/big"
	"runtime"
	"sync"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
)

// account is one that can sign.
type account struct {
	index int // among those made together
	key   *ecdsa.PrivateKey
	addr  common.Address
	nonce uint64 // of its next transaction or authorization
}

// accounts derives keys from the seed and funds them.
func (g *generator) accounts(label string, n int) []*account {
	list := make([]*account, n)
	inParallel(n, func(i int) {
		list[i] = newAccount(g.hash("key of "+label, i))
		list[i].index = i
	})
	for _, a := range list {
		g.world.fund(a.addr, number(walletFunds))
	}
	return list
}

func newAccount(secret common.Hash) *account {
	key, err := crypto.ToECDSA(secret[:])
	if err != nil { // zero or above the group order: 2^-128
		return newAccount(crypto.Keccak256Hash(secret[:]))
	}
	return &account{key: key, addr: crypto.PubkeyToAddress(key.PublicKey)}
}

// authorize signs that the account's code be the delegate's (EIP-7702). nonce is what the
// account's will be when the authorization is looked at.
func (a *account) authorize(chainID *big.Int, delegate common.Address, nonce uint64) types.SetCodeAuthorization {
	auth, err := types.SignSetCode(a.key, types.SetCodeAuthorization{
		ChainID: *mustUint256(chainID),
		Address: delegate,
		Nonce:   nonce,
	})
	if err != nil {
		panic(err)
	}
	return auth
}

// inParallel calls f(0) to f(n-1), on all cores, in pieces.
func inParallel(n int, f func(i int)) {
	const piece = 64
	var (
		wg   sync.WaitGroup
		work = make(chan int)
	)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for start := range work {
				for i := start; i < min(start+piece, n); i++ {
					f(i)
				}
			}
		})
	}
	for start := 0; start < n; start += piece {
		work <- start
	}
	close(work)
	wg.Wait()
}
