package hostsched_test

import (
	"slices"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/bench/workload"
	"github.com/gpuevm/gpuevm/fallback"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/hostsched"
	"github.com/gpuevm/gpuevm/statedb"
)

// idle is a Roots, and idleEarly an Early, that do nothing: what is left is what finding out
// what to tell them costs.
type idle struct{}

func (idle) Apply(*gpuevm.StateDiff) error { return nil }
func (idle) Root() (common.Hash, error)    { return common.Hash{}, nil }

type idleEarly struct{ idle }

func (idleEarly) Expect([]gpuevm.Key)                              {}
func (idleEarly) Settled(*gpuevm.StateDiff, []common.Address, int) {}

// BenchmarkEarlyCost runs a block of 10,000 transfers with one and the other, in turns.
// Senders are known to the transactions after the first time, so that there is little else
// to do. The machine may be busy: the ratio is the median of those of neighbours.
func BenchmarkEarlyCost(b *testing.B) {
	w, err := workload.Generate("transfer", workload.Options{Txs: 10_000, Blocks: 1, Seed: 3})
	if err != nil {
		b.Fatal(err)
	}
	pre, err := statedb.FromAlloc(w.Alloc)
	if err != nil {
		b.Fatal(err)
	}
	block := w.Blocks[0]
	once := func(roots hostsched.Roots) (wall, commit time.Duration) {
		res, err := hostsched.New(hostsched.Options{Engine: fallback.New(2), Lanes: 2, Settle: true}).Process(b.Context(), &hostsched.Block{
			Block: block, Config: w.Config, Author: block.Coinbase(), Pre: pre, Roots: roots,
			BlockHash: func(uint64) common.Hash { return w.Parent.Hash() },
		})
		if err != nil {
			b.Fatal(err)
		}
		return res.Stats.Wall, res.Stats.Stage.Commit
	}
	once(idle{})
	var walls, commits []float64
	for i := 0; b.Loop(); i++ {
		var wall, commit [2]time.Duration
		for k := range 2 {
			if at := (i + k) % 2; at == 0 {
				wall[0], commit[0] = once(idle{})
			} else {
				wall[1], commit[1] = once(idleEarly{})
			}
		}
		walls = append(walls, float64(wall[1])/float64(wall[0]))
		commits = append(commits, float64(commit[1]-commit[0])/float64(len(block.Transactions())))
	}
	slices.Sort(walls)
	slices.Sort(commits)
	b.ReportMetric(walls[len(walls)/2], "wall-ratio")
	b.ReportMetric(commits[len(commits)/2], "commit-ns/tx-more")
}
