package workload

import (
	"fmt"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"
)

// Options say how much to generate.
type Options struct {
	Txs    int // per block
	Blocks int
	Seed   int64
}

// Workload is a state and the blocks to execute on it.
type Workload struct {
	Name   string
	Config *params.ChainConfig
	Alloc  types.GenesisAlloc // the complete state before the first block
	Parent *types.Header      // the header before the first block; its Root is Alloc's
	Blocks []*types.Block

	fails    [][]bool // by block and transaction: the receipt's status is to be 0
	deployed map[string][]common.Address
}

// recipe is one kind of workload.
type recipe struct {
	name  string
	about string
	plan  plan
}

// plan sets up what a workload needs for so many transactions per block and returns the
// maker of its transactions. Plans compose: `mixed` is a maker that picks among makers.
type plan func(g *generator, txs int) maker

// maker drafts one more transaction from this sender. It is called in block order.
type maker func(from *account) draft

// In a function, since mixed's plan would otherwise make the table refer to itself.
func recipes() []recipe {
	return []recipe{
		{"transfer", "value transfers between distinct accounts", planTransfer},
		{"erc20", "independent ERC-20 transfers in a few tokens", planERC20},
		{"swap", "constant-product swaps through a router over many pairs", planSwap},
		{"nft", "ERC-721 mints that share a counter", planNFT},
		{"hot", "a third each: one recipient of value, one of a token, one pool", planHot},
		{"serial", "every transaction reads what the last one wrote: the worst case", planSerial},
		{"deploy", "contract creations, by transactions and by contracts", planDeploy},
		{"pool", "the arithmetic of swaps in concentrated-liquidity pools, which stores nothing", planCompute("pool", 20, 300_000)},
		{"sort", "quicksort of 200 numbers in memory", planCompute("sort", 200, 1_500_000)},
		{"sha256", "two blocks of SHA-256, written in Solidity", planCompute("sha256Blocks", 2, 500_000)},
		{"mixed", "a blend of those that store, with reverts, out-of-gas, access lists and set-code", planMixed},
	}
}

// Names lists the workloads.
func Names() []string {
	var names []string
	for _, r := range recipes() {
		names = append(names, r.name)
	}
	return names
}

// Describe is one line about a workload, empty if there is none of this name.
func Describe(name string) string {
	for _, r := range recipes() {
		if r.name == name {
			return r.about
		}
	}
	return ""
}

// Generate makes the workload of this name.
func Generate(name string, o Options) (*Workload, error) {
	if o.Txs < 0 || o.Blocks < 0 {
		return nil, fmt.Errorf("workload %s: %d blocks of %d transactions", name, o.Blocks, o.Txs)
	}
	for _, r := range recipes() {
		if r.name == name {
			return generate(r, o, maxSenders), nil
		}
	}
	return nil, fmt.Errorf("no workload %q; there are %s", name, strings.Join(Names(), ", "))
}

func generate(r recipe, o Options, senders int) *Workload {
	g := newGenerator(o, senders)
	next := r.plan(g, o.Txs)
	drafts := g.draft(next)
	txs := sign(drafts, types.LatestSigner(g.config))
	parent := g.parent(drafts)
	return &Workload{
		Name:     r.name,
		Config:   g.config,
		Alloc:    g.world.alloc,
		Parent:   parent,
		Blocks:   g.seal(parent, txs),
		fails:    failing(drafts),
		deployed: g.world.deployed,
	}
}
