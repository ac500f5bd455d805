package workload

import (
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
)

// planMixed: an ordinary day. Shares are in percent.
func planMixed(g *generator, txs int) maker {
	share := func(percent int) int { return max(txs*percent/100, 1) }
	erc20 := planERC20(g, share(28))
	shares := []struct {
		percent int
		next    maker
	}{
		{30, planTransfer(g, share(30))},
		{25, erc20},
		{3, withAccessList(g, erc20)},
		{15, planSwap(g, share(15))},
		{6, planNFT(g, share(6))},
		{6, planHot(g, share(6))},
		{2, planSerial(g, share(2))},
		{3, planDeploy(g, share(3))},
		{3, planSetCode(g, share(3))},
		{4, planRevert(g, share(4))},
		{3, planHalt(g, share(3))},
	}
	return func(from *account) draft {
		dice := g.rand.IntN(100)
		for _, s := range shares {
			if dice -= s.percent; dice < 0 {
				return s.next(from)
			}
		}
		panic("shares don't add up to 100")
	}
}

// withAccessList adds lists to token transfers: the two balances, and on every other
// transaction something that it never touches.
func withAccessList(g *generator, next maker) maker {
	n := 0
	return func(from *account) draft {
		d := next(from)
		recipient := common.BytesToAddress(d.data[4:36])
		d.list = types.AccessList{{
			Address:     *d.to,
			StorageKeys: []common.Hash{balanceSlot(from.addr), balanceSlot(recipient)},
		}}
		d.envelope = accessList
		if n++; n%2 == 0 {
			d.envelope = dynamicFee
			d.list = append(d.list, types.AccessTuple{Address: coinbase, StorageKeys: []common.Hash{g.hash("untouched", n)}})
		}
		return d
	}
}

// balanceSlot is where a Token keeps a balance: its first variable maps addresses to them.
func balanceSlot(holder common.Address) common.Hash {
	return crypto.Keccak256Hash(common.LeftPadBytes(holder[:], 32), make([]byte, 32))
}
