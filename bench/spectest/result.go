package spectest

import (
	"fmt"
	"regexp"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/gpuevm/gpuevm/gpuevm/enginetest/specfile"
)

// Result is the outcome of one test, as JSON the same as that of go-ethereum's evm.
type Result struct {
	Name  string       `json:"name"`
	Pass  bool         `json:"pass"`
	Root  *common.Hash `json:"stateRoot,omitempty"`
	Fork  string       `json:"fork"`
	Error string       `json:"error,omitempty"`
	State *state.Dump  `json:"state,omitempty"`
	Stats *BenchStats  `json:"benchStats,omitempty"`

	// What evm does not tell.
	Archive string          `json:"-"` // name without .tar.gz; empty for a loose file
	File    string          `json:"-"`
	Index   int             `json:"-"` // of a state test within its fork; -1 for a block test
	Known   *specfile.Known `json:"-"` // the test is listed as a deviation
	Blocks  Blocks          `json:"-"`
	Seconds float64         `json:"-"`
}

// BenchStats is how long a state test takes.
type BenchStats struct {
	Time           int64  `json:"time"` // ns
	Allocs         int64  `json:"allocs"`
	BytesAllocated int64  `json:"bytesAllocated"`
	GasUsed        uint64 `json:"gasUsed"`
}

// Blocks counts what happened to the blocks of a block test.
type Blocks struct {
	Valid   int // executed by our processor to its end
	Invalid int // refused by our processor, with go-ethereum's error
	Txs     int // transactions that our processor committed
}

func (b *Blocks) add(o Blocks) {
	b.Valid += o.Valid
	b.Invalid += o.Invalid
	b.Txs += o.Txs
}

// ID is the test as known-deviations.tsv names it.
func (r *Result) ID() string {
	id := r.Fork
	if r.Index >= 0 {
		id = fmt.Sprintf("%s/%d", r.Fork, r.Index)
	}
	return fmt.Sprintf("%s\t%s\t%s\t%s", r.Archive, r.File, r.Name, id)
}

// eestName is how execution-spec-tests names its tests.
var eestName = regexp.MustCompile(`tests\/([^\/]+)\/([^\/]+)\/([^:]+)::([^[]+)\[fork_([^-\]]+)-[^-]+-(.+)\]`)

// String is the line that evm --human prints.
func (r *Result) String() string {
	info, status, extra := r.Name, "\033[32mPASS\033[0m", ""
	if m := eestName.FindStringSubmatch(r.Name); m != nil {
		info = fmt.Sprintf("%s %s, param=%s", m[2], m[4], m[6])
	}
	if !r.Pass {
		status = "\033[31mFAIL\033[0m"
		extra = fmt.Sprintf(", err=%v, fork=%s", r.Error, r.Fork)
	}
	return fmt.Sprintf("[%s] %s%s", status, info, extra)
}
