package device

import (
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/gpuevm/gpuevm/gpuevm"
)

// packer gathers the transactions of a batch for the bus.
type packer struct {
	txs   []txIn
	bytes []byte
	auths []common.Address // authorities: they will be looked up
}

// systemGas is what a call by the protocol gets.
const systemGas = 30_000_000

// add packs a transaction; false: the device can't run it, and nothing was added.
func (p *packer) add(b *block, tx *gpuevm.Tx) bool {
	var in txIn
	switch {
	case tx.System && tx.To != nil && len(tx.Data) <= maxBytes:
		in.flags, in.gas = txSystem, systemGas
	case tx.System || !p.price(b, tx, &in):
		return false
	}
	in.from = tx.From
	if tx.To != nil {
		in.to = *tx.To
	} else {
		in.flags |= txCreate
	}
	in.data, in.dataSize = p.put(tx.Data), uint32(len(tx.Data))
	if !tx.System {
		p.putLists(b, tx, &in)
	}
	p.txs = append(p.txs, in)
	return true
}

// price checks an ordinary transaction and sets its numbers.
func (p *packer) price(b *block, tx *gpuevm.Tx, in *txIn) bool {
	c, ok := b.check(tx)
	if !ok {
		return false
	}
	in.nonce, in.gas = tx.Nonce, tx.Gas
	in.intrinsicGas, in.floorGas = c.intrinsic, c.floor
	in.value, in.gasPrice = *tx.Value, *tx.GasPrice
	in.tip, in.upfront, in.prepaid = c.tip, c.upfront, c.prepaid
	if tx.TrustNonce {
		in.flags |= txTrustNonce
	}
	if len(tx.Auths) > 0 {
		in.flags |= txAuths
	}
	return true
}

// put adds bytes, 8-aligned as all records are, and returns where they lie.
func (p *packer) put(b []byte) uint32 {
	at := len(p.bytes)
	p.bytes = append(p.bytes, b...)
	for len(p.bytes)%8 != 0 {
		p.bytes = append(p.bytes, 0)
	}
	return uint32(at)
}

func (p *packer) putLists(b *block, tx *gpuevm.Tx, in *txIn) {
	in.blobs, in.blobCount = uint32(len(p.bytes)), uint32(len(tx.BlobHashes))
	for i := range tx.BlobHashes {
		p.put(tx.BlobHashes[i][:])
	}
	in.accessCount = uint32(len(tx.AccessList))
	in.access = p.putAccess(tx.AccessList)
	in.auths, in.authCount = uint32(len(p.bytes)), uint32(len(tx.Auths))
	for i := range tx.Auths {
		a := b.authorisation(&tx.Auths[i])
		p.put(bytesOf(&a))
		if a.valid != 0 {
			p.auths = append(p.auths, a.authority)
		}
	}
}

// putAccess puts the keys of all addresses, then the records that point at them.
func (p *packer) putAccess(list types.AccessList) uint32 {
	keys := uint32(len(p.bytes))
	for i := range list {
		for _, key := range list[i].StorageKeys {
			w := word(key)
			p.put(bytesOf(&w))
		}
	}
	at := uint32(len(p.bytes))
	for i := range list {
		n := uint32(len(list[i].StorageKeys))
		in := accessIn{addr: list[i].Address, keys: keys, keyCount: n}
		p.put(bytesOf(&in))
		keys += 32 * n
	}
	return at
}

// authorisation makes those checks of core's validateAuthorization that need no state.
func (b *block) authorisation(auth *types.SetCodeAuthorization) (in authIn) {
	in.target, in.nonce = auth.Address, auth.Nonce
	if !auth.ChainID.IsZero() && auth.ChainID.CmpBig(b.env.Config.ChainID) != 0 || auth.Nonce+1 == 0 {
		return in
	}
	authority, err := auth.Authority()
	if err == nil {
		in.authority, in.valid = authority, 1
	}
	return in
}
