package workload

import (
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
)

// setCodeGas is for a batch of a token transfer and a payment; each authorization adds
// what it costs up front.
const (
	setCodeGas = 250_000
	authGas    = 25_000
)

// errand is an argument of Batch.run.
type errand struct {
	To    common.Address
	Value *big.Int
	Data  []byte
}

// delegates is what planSetCode's transactions share.
type delegates struct {
	g           *generator
	batch       common.Address
	token       common.Address
	authorities []*account
	recipients  []common.Address
	turn        int
}

// planSetCode: transactions that make accounts run code (EIP-7702). Every fourth of the
// accounts that others send for has been delegated before the first block.
func planSetCode(g *generator, txs int) maker {
	n := min(max(txs&^3, 4), 256)
	s := &delegates{
		g:           g,
		batch:       g.world.deploy("Batch"),
		token:       g.deployTokens("Allowance", 1)[0],
		authorities: g.accounts("authority", n),
		recipients:  g.addresses("recipient of a batch", n),
	}
	g.issue(s.token, addressesOf(s.authorities), common.Address{}, nil)
	g.issue(s.token, addressesOf(g.senders), common.Address{}, nil)
	for i := 3; i < n; i += 4 {
		s.authorities[i].nonce = 1
		a := g.world.alloc[s.authorities[i].addr]
		a.Nonce, a.Code = 1, types.AddressToDelegation(s.batch)
		g.world.alloc[s.authorities[i].addr] = a
	}
	return s.next
}

func (s *delegates) next(from *account) draft {
	s.turn++
	pick := s.g.rand.IntN(len(s.authorities))
	a := s.authorities[pick]
	switch s.turn % 6 {
	case 0: // the sender delegates itself: its nonce has gone up by then
		auth := from.authorize(s.g.config.ChainID, s.batch, from.nonce+1)
		d := s.draft(from.addr, s.run(), auth)
		d.selfAuths = 1
		return d
	case 1: // for the wrong nonce: passed over, which does not fail the transaction
		return s.draft(a.addr, nil, a.authorize(s.g.config.ChainID, s.batch, a.nonce+100))
	case 2: // no longer: one of those that are from the start
		a = s.authorities[pick|3]
		return s.draft(a.addr, nil, s.spend(a, common.Address{}))
	case 3: // two at once, the first one for any chain
		b := s.authorities[(pick+1)%len(s.authorities)]
		anywhere := a.authorize(new(big.Int), s.batch, a.nonce)
		a.nonce++
		return s.draft(b.addr, s.run(), anywhere, s.spend(b, s.batch))
	case 4: // one that was delegated before, or is not; either way the call is empty
		d := s.draft(a.addr, nil)
		d.envelope = usual
		return d
	}
	return s.draft(a.addr, s.run(), s.spend(a, s.batch))
}

// spend authorizes with the account's next nonce.
func (s *delegates) spend(a *account, delegate common.Address) types.SetCodeAuthorization {
	auth := a.authorize(s.g.config.ChainID, delegate, a.nonce)
	a.nonce++
	return auth
}

// run is a batch: the account sends some of its tokens and of its value.
func (s *delegates) run() []byte {
	to := s.recipients[s.turn%len(s.recipients)]
	return load("Batch").call("run", []errand{
		{To: s.token, Value: new(big.Int), Data: load("Token").call("transfer", to, s.g.wei(gwei))},
		{To: to, Value: s.g.wei(gwei), Data: []byte{}},
	})
}

func (s *delegates) draft(to common.Address, data []byte, auths ...types.SetCodeAuthorization) draft {
	return draft{
		envelope: setCode,
		to:       &to,
		value:    s.g.wei(gwei),
		gas:      setCodeGas + authGas*uint64(len(auths)),
		data:     data,
		auths:    auths,
	}
}
