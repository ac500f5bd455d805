// Package ilp reports how much of contracts could run side by side: for codes, block by
// block and function by function, and for real blocks what their transactions ran of them.
//
// It measures nothing on a clock. Work and span are sums of the latencies in
// gpuevm/compiler, so that the figures are the same on every machine, and as good as these
// are. What it executes it executes with go-ethereum's EVM, which tells each step: a block
// of a contract counts as often as it ran, spans add up from block to block since control
// flow orders them, and from frame to frame since calls do.
package ilp

import (
	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/gpuevm/compiler"
)

// Format names the JSON of a Report.
const Format = "gpuevm-ilp/1"

// Report is all that there is to tell.
type Report struct {
	Format     string            `json:"format"`
	Registers  int               `json:"registers"`            // words that a thread holds
	Incomplete string            `json:"incomplete,omitempty"` // why something is missing
	Whole      compiler.Measures `json:"whole"`                // each block of each code once
	Executed   *Total            `json:"executed,omitempty"`
	Contracts  Distributions     `json:"contracts"`
	Txs        *Distributions    `json:"transactions,omitempty"`
	Codes      []*Code           `json:"codes"`            // heaviest first
	Blocks     []*Block          `json:"blocks,omitempty"` // that were executed
	Latencies  []Latency         `json:"latencies"`

	graphs []*graph
}

// Code is a contract's code under the rules of a fork.
type Code struct {
	Hash       common.Hash       `json:"hash"`
	Name       string            `json:"name,omitempty"`    // as it was given
	Address    *common.Address   `json:"address,omitempty"` // the lowest that ran it
	Fork       string            `json:"fork"`
	Bytes      int               `json:"bytes"`
	Ineligible string            `json:"ineligible,omitempty"`
	Blocks     int               `json:"blocks"`
	Whole      compiler.Measures `json:"whole"` // each block once
	Executed   *Total            `json:"executed,omitempty"`
	Functions  []Function        `json:"functions"`
	Heaviest   []BasicBlock      `json:"heaviest_blocks"`
	Leaves     []Leave           `json:"leaves,omitempty"` // most frames first

	code []byte
}

// Function is what a code does for a selector, each of its blocks once.
type Function struct {
	Selector string `json:"selector"`
	Blocks   int    `json:"blocks"`
	compiler.Measures
}

// BasicBlock is a block of a code, as the compiler finished it.
type BasicBlock struct {
	compiler.BlockILP
	Runs uint64 `json:"runs"` // 0 where nothing was executed
}

// Leave is where frames leave for the interpreter, though gas is left: behind the
// instruction at PC, mostly a jump whose target the compiler could not foresee.
type Leave struct {
	PC     int `json:"pc"`
	Frames int `json:"frames"`
}

// Total is what ran.
type Total struct {
	Txs    int    `json:"transactions"` // that ran any of it
	Frames int    `json:"frames"`
	Steps  uint64 `json:"steps"`
	compiler.Measures
}

func (t *Total) add(u *Total) {
	t.Txs += u.Txs
	t.Frames += u.Frames
	t.Steps += u.Steps
	t.Measures = compiler.Sum(&t.Measures, &u.Measures)
}

// Block is an Ethereum block.
type Block struct {
	Name  string `json:"name"`
	Fork  string `json:"fork,omitempty"`
	Error string `json:"error,omitempty"`
	Total
	Each []Tx `json:"each"` // transaction that ran code
}

// Tx is a transaction.
type Tx struct {
	Index int         `json:"index"`
	Hash  common.Hash `json:"hash"`
	Total
}

// Latency is a row of the table that all figures are under.
type Latency struct {
	Op      string `json:"op"`
	Class   string `json:"class"`
	Issue   int    `json:"issue"`
	Latency int    `json:"latency"`
}
