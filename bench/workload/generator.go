package workload

import (
	"encoding/binary"
	"math/big"
	"math/rand/v2"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"
)

const (
	// maxSenders bounds the accounts that send; a longer workload uses them again in
	// turn. Making a key costs as much as signing a transaction.
	maxSenders = 10_000

	// walletFunds is what an account owns at the start, in wei and in units of each of
	// its tokens: so much that no length of workload spends it.
	walletFunds = "1000000000000000000000000"

	gwei  = 1_000_000_000
	ether = 1_000_000_000 * gwei
)

// generator is what plans draw on.
type generator struct {
	options Options
	config  *params.ChainConfig
	rand    *rand.Rand
	world   *world
	senders []*account
}

func newGenerator(o Options, senders int) *generator {
	config := chainConfig()
	g := &generator{
		options: o,
		config:  config,
		rand:    rand.New(rand.NewPCG(uint64(o.Seed), 0x67707565766d)),
		world:   newWorld(config),
	}
	g.senders = g.accounts("sender", min(o.Txs*o.Blocks, senders))
	return g
}

// chainConfig has every fork up to Osaka active from the first block.
func chainConfig() *params.ChainConfig {
	config := *params.MergedTestChainConfig
	config.ChainID = big.NewInt(1337)
	return &config
}

// draft asks for every transaction of every block.
func (g *generator) draft(next maker) [][]draft {
	blocks := make([][]draft, g.options.Blocks)
	n := 0
	for b := range blocks {
		blocks[b] = make([]draft, g.options.Txs)
		for i := range blocks[b] {
			from := g.senders[n%len(g.senders)]
			n++
			d := next(from)
			// The maker may have spent a nonce of the sender's on an authorization; that
			// one comes after the transaction's own.
			d.from = from
			d.nonce = from.nonce
			from.nonce += 1 + uint64(d.selfAuths)
			g.price(&d)
			blocks[b][i] = d
		}
	}
	return blocks
}

// hash derives a number from the seed, a label and an index.
func (g *generator) hash(label string, i int) common.Hash {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(g.options.Seed))
	binary.BigEndian.PutUint64(b[8:], uint64(i))
	return crypto.Keccak256Hash([]byte(label), b[:])
}

// addresses derives recipients: addresses that nobody has the key of.
func (g *generator) addresses(label string, n int) []common.Address {
	list := make([]common.Address, n)
	for i := range list {
		list[i] = common.BytesToAddress(g.hash(label, i).Bytes())
	}
	return list
}

// everyOther picks half of a list.
func everyOther(list []common.Address) []common.Address {
	var half []common.Address
	for i := 0; i < len(list); i += 2 {
		half = append(half, list[i])
	}
	return half
}

// failing notes which drafts are meant to fail.
func failing(blocks [][]draft) [][]bool {
	fails := make([][]bool, len(blocks))
	for b := range blocks {
		fails[b] = make([]bool, len(blocks[b]))
		for i := range blocks[b] {
			fails[b][i] = blocks[b][i].fails
		}
	}
	return fails
}

// wei is a random amount of about this many.
func (g *generator) wei(about uint64) *big.Int {
	return new(big.Int).SetUint64(about/2 + g.rand.Uint64N(about))
}

func number(decimal string) *big.Int {
	n, ok := new(big.Int).SetString(decimal, 10)
	if !ok {
		panic("not a number: " + decimal)
	}
	return n
}

func addressesOf(accounts []*account) []common.Address {
	list := make([]common.Address, len(accounts))
	for i, a := range accounts {
		list[i] = a.addr
	}
	return list
}
