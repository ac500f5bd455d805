package device

import (
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
)

// senders recovers the signers of many transactions in one launch, on a stream of its own.
type senders struct {
	bus                    *bus
	sigs, hashes, from, ok buffer
	hostSigs, hostHashes   pinned[byte]
	hostFrom, hostOK       pinned[byte]
}

const signatureBytes = 65

// Recover implements hostsched.Recoverer. A transaction is left out where anything about
// its signature is unusual, so that go-ethereum finds the words for it.
func (e *Engine) Recover(signer types.Signer, txs []*types.Transaction, from []common.Address, ok []bool) {
	m, err := e.open()
	if err != nil {
		return
	}
	s := &m.senders
	s.bus.mu.Lock()
	err = s.recover(signer, txs, from, ok)
	s.bus.mu.Unlock()
	if err != nil {
		clear(ok)
		e.fault(m, err)
	}
}

func (s *senders) recover(signer types.Signer, txs []*types.Transaction, from []common.Address, ok []bool) error {
	n := len(txs)
	sigs, hashes := s.hostSigs.grow(s.bus, n*signatureBytes), s.hostHashes.grow(s.bus, n*32)
	found, good := s.hostFrom.grow(s.bus, n*20), s.hostOK.grow(s.bus, n)
	if s.bus.err != nil {
		return s.bus.err
	}
	index := make([]int, 0, n)
	for i, tx := range txs {
		at := len(index)
		if hash, usual := signed(signer, tx, sigs[at*signatureBytes:(at+1)*signatureBytes]); usual {
			copy(hashes[at*32:], hash[:])
			index = append(index, i)
		}
	}
	k := len(index)
	s.launch(k)
	s.bus.download(found[:k*20], s.from.at)
	s.bus.download(good[:k], s.ok.at)
	if err := s.bus.sync(); err != nil {
		return err
	}
	for at, i := range index {
		from[i], ok[i] = common.Address(found[at*20:at*20+20]), good[at] == 1
	}
	return nil
}

func (s *senders) launch(n int) {
	if n == 0 {
		return
	}
	s.bus.room(&s.sigs, n*signatureBytes)
	s.bus.room(&s.hashes, n*32)
	s.bus.room(&s.from, n*20)
	s.bus.room(&s.ok, n)
	s.bus.upload(s.sigs.at, s.hostSigs.s[:n*signatureBytes])
	s.bus.upload(s.hashes.at, s.hostHashes.s[:n*32])
	launch(s.bus, "recover.cu", "recover_senders", s.bus.lanes(n), &recoverArgs{
		count: uint32(n), signatures: s.sigs.at, hashes: s.hashes.at, addresses: s.from.at, ok: s.ok.at,
	})
}

// signed writes r, s and v (0 or 1) of a transaction and returns what was signed; false:
// something is unusual.
func signed(signer types.Signer, tx *types.Transaction, sig []byte) (hash common.Hash, ok bool) {
	v, r, s := tx.RawSignatureValues()
	var none [signatureBytes]byte
	_, _, plainV, err := signer.SignatureValues(tx, none[:]) // asks whether the type is known
	if err != nil || v == nil || v.BitLen() > 63 {
		return hash, false
	}
	id := v.Uint64()
	switch {
	case tx.Type() != types.LegacyTxType:
		if tx.ChainId().Cmp(signer.ChainID()) != 0 {
			return hash, false
		}
		hash = signer.Hash(tx)
	case !tx.Protected():
		id -= 27
		hash = types.HomesteadSigner{}.Hash(tx)
	case plainV.Cmp(big35) < 0 || tx.ChainId().Cmp(signer.ChainID()) != 0: // before EIP-155, or another chain's
		return hash, false
	default:
		id -= plainV.Uint64()
		hash = signer.Hash(tx)
	}
	// The stricter rule of Homestead; what only Frontier takes is unusual.
	if id > 1 || !crypto.ValidateSignatureValues(byte(id), r, s, true) {
		return hash, false
	}
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:64])
	sig[64] = byte(id)
	return hash, true
}

var big35 = big.NewInt(35)
