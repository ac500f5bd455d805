package bench

import (
	"context"
	"time"

	"github.com/gpuevm/gpuevm/gpuevm/device"
)

const blockWhat = "Whole blocks in waves, from signed transactions to receipts with root and bloom; no state root; " +
	"nothing is known of a block before, but the device keeps the codes of the rounds before"

// DuelBlocks runs whole blocks on a processor over a device and on one over the CPU. The
// time is the sum over the blocks of their medians.
func DuelBlocks(ctx context.Context, name string, jobs []*Job, dev *device.Engine, ours, cpu *Side, rounds int) (*Measured, error) {
	before := dev.Stats()
	samples, err := Compare(ctx, jobs, []*Side{ours, cpu}, rounds)
	if err != nil {
		return nil, err
	}
	after := dev.Stats()
	m := &Measured{Bench: "block-" + name, What: blockWhat, Unit: "tx", Rounds: rounds, Device: ours.Name, CPU: cpu.String()}
	var sum [2]Took
	for i, s := range samples {
		for side := range sum {
			sum[side].Wall += s.Median(side)
		}
		m.Items += len(jobs[i].Block.Transactions())
		m.Gas += s[0][0].Gas
	}
	runs := int64(rounds + 1)
	sum[0].Kernel = (after.KernelTime - before.KernelTime) / time.Duration(runs)
	m.Launches = (after.Launches - before.Launches) / runs
	if asked := after.Txs - before.Txs; asked > 0 {
		m.OnDevice = new(round3(float64(after.OnDevice-before.OnDevice) / float64(asked)))
	}
	m.fill(make([]Took, 2), [][]Took{sum[:1], sum[1:]})
	return m, nil
}
