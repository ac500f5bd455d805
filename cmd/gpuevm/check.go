package main

import (
	"fmt"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/gpuevm/gpuevm/bench/source"
	"github.com/gpuevm/gpuevm/hostsched"
)

// check compares what a block came to with what it must come to, field by field.
type check struct {
	checked []string
	wrong   []string
}

// field compares one value.
func field[T comparable](c *check, name string, got, want T) {
	c.checked = append(c.checked, name)
	if got != want {
		c.wrong = append(c.wrong, fmt.Sprintf("%s is %v, want %v", name, got, want))
	}
}

// bloom is not printed: nobody reads 256 bytes.
func (c *check) bloom(got, want types.Bloom) {
	c.checked = append(c.checked, "logs_bloom")
	if got != want {
		c.wrong = append(c.wrong, "logs_bloom differs")
	}
}

func (c *check) equal() bool { return len(c.wrong) == 0 }

// message names what differs, the transaction first: it explains the rest.
func (c *check) message() string { return strings.Join(c.wrong, "; ") }

// first compares up to the first transaction where something differs.
func (c *check) first(name string, n int, txs types.Transactions, differs func(i int) string) {
	c.checked = append(c.checked, name)
	for i := range n {
		if d := differs(i); d != "" {
			c.wrong = append(c.wrong, fmt.Sprintf("tx %d (%s): %s", i, txs[i].Hash().Hex(), d))
			return
		}
	}
}

// senders compares what signatures say.
func (c *check) senders(b *source.Block) {
	signer := types.MakeSigner(b.Config, b.Block.Number(), b.Block.Time())
	txs := b.Block.Transactions()
	c.first("senders", len(b.Expect.Senders), txs, func(i int) string {
		from, err := types.Sender(signer, txs[i])
		if err != nil {
			return "sender: " + err.Error()
		}
		if want := b.Expect.Senders[i]; from != want {
			return fmt.Sprintf("sender is %s, want %s", from, want)
		}
		return ""
	})
}

// receipts finds the first transaction whose receipt differs. withRoots: intermediate
// state roots were computed.
func (c *check) receipts(got types.Receipts, want []source.Receipt, txs types.Transactions, withRoots bool) {
	c.first("receipts", min(len(got), len(want)), txs, func(i int) string {
		g, w := got[i], &want[i]
		switch logs := logsHash(g.Logs); {
		case g.Status != w.Status:
			return fmt.Sprintf("status is %d, want %d", g.Status, w.Status)
		case g.GasUsed != w.GasUsed:
			return fmt.Sprintf("gas used is %d, want %d", g.GasUsed, w.GasUsed)
		case g.CumulativeGasUsed != w.CumulativeGas:
			return fmt.Sprintf("cumulative gas is %d, want %d", g.CumulativeGasUsed, w.CumulativeGas)
		case len(g.Logs) != w.Logs:
			return fmt.Sprintf("%d logs, want %d", len(g.Logs), w.Logs)
		case w.LogsHash != common.Hash{} && logs != w.LogsHash:
			return fmt.Sprintf("hash of its logs is %s, want %s", logs, w.LogsHash)
		case w.Contract != nil && g.ContractAddress != *w.Contract:
			return fmt.Sprintf("contract address is %s, want %s", g.ContractAddress, *w.Contract)
		case withRoots && w.StateRoot != nil && common.BytesToHash(g.PostState) != *w.StateRoot:
			return fmt.Sprintf("state root after it is %#x, want %s", g.PostState, *w.StateRoot)
		}
		return ""
	})
	if len(got) != len(want) {
		c.wrong = append(c.wrong, fmt.Sprintf("%d receipts, want %d", len(got), len(want)))
	}
}

func logsHash(logs []*types.Log) common.Hash {
	enc, err := rlp.EncodeToBytes(logs)
	if err != nil {
		panic(err) // logs have an encoding
	}
	return crypto.Keccak256Hash(enc)
}

// againstBlock compares a replayed block with its header and with what its source knows.
func againstBlock(b *source.Block, got *hostsched.BlockResult, txsOnly bool) (*check, error) {
	c, header, known := new(check), b.Block.Header(), b.Expect.Checks
	if b.Expect.Senders != nil {
		c.senders(b)
	}
	if b.Expect.Receipts != nil {
		c.receipts(got.Receipts, b.Expect.Receipts, b.Block.Transactions(), got.Root != nil)
	}
	if known.GasUsed {
		field(c, "gas", got.GasUsed, header.GasUsed)
	}
	if known.LogsBloom {
		c.bloom(got.Bloom, header.Bloom)
	}
	if known.ReceiptsRoot && (got.Root != nil || b.Config.IsByzantium(header.Number)) {
		field(c, "receipts_root", got.ReceiptsRoot, header.ReceiptHash)
	}
	if header.RequestsHash != nil && !txsOnly {
		field(c, "requests_hash", types.CalcRequestsHash(got.Requests), *header.RequestsHash)
	}
	if got.Root != nil {
		field(c, "state_root", *got.Root, header.Root)
	}
	if want := b.Expect.PostAllocRoot; want != (common.Hash{}) && txsOnly {
		root, err := b.PostAllocRoot(got.Diff())
		if err != nil {
			return nil, err
		}
		field(c, "alloc_root", root, want)
	}
	return c, nil
}

// againstSerial compares a block with what serial go-ethereum made of it.
func againstSerial(txs types.Transactions, got *hostsched.BlockResult, want *serialRun) *check {
	c := new(check)
	if got.ReceiptsRoot != want.ReceiptsRoot && want.comparable {
		c.receipts(got.Receipts, asExpected(want.Receipts), txs, false)
	}
	field(c, "gas", got.GasUsed, want.GasUsed)
	c.bloom(got.Bloom, want.Bloom)
	if want.comparable {
		field(c, "receipts_root", got.ReceiptsRoot, want.ReceiptsRoot)
	}
	if want.Requests != nil && !want.txsOnly {
		field(c, "requests_hash", types.CalcRequestsHash(got.Requests), types.CalcRequestsHash(want.Requests))
	}
	if got.Root != nil && want.root != nil {
		field(c, "state_root", *got.Root, *want.root)
	}
	return c
}

func asExpected(receipts types.Receipts) []source.Receipt {
	list := make([]source.Receipt, len(receipts))
	for i, r := range receipts {
		list[i] = source.Receipt{Status: r.Status, GasUsed: r.GasUsed, CumulativeGas: r.CumulativeGasUsed,
			Logs: len(r.Logs), LogsHash: logsHash(r.Logs), Contract: &r.ContractAddress}
	}
	return list
}
