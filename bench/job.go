// Package bench measures gpuevm against go-ethereum: workloads, sources of real blocks,
// baselines, reports.
package bench

import (
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/hostsched"
)

// Job is a block to run, by us and by the baseline.
type Job struct {
	Name      string
	Config    *params.ChainConfig
	Block     *types.Block
	Author    common.Address
	Parent    *types.Header // nil where unknown
	BlockHash func(uint64) common.Hash
	Pre       gpuevm.StateView
	TxsOnly   bool // see hostsched.Block
}

// Fresh is the job with transactions whose senders are not known yet.
func (j *Job) Fresh() (*Job, error) {
	b, err := Fresh(j.Block)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", j.Name, err)
	}
	c := *j
	c.Block = b
	return &c, nil
}

// Ready is the job as our processor takes it. roots may be nil.
func (j *Job) Ready(roots hostsched.Roots) *hostsched.Block {
	return &hostsched.Block{
		Block: j.Block, Config: j.Config, Author: j.Author, BlockHash: j.BlockHash, Pre: j.Pre, Roots: roots, TxsOnly: j.TxsOnly,
	}
}
