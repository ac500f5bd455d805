package bench

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/gpuevm/gpuevm/bench/source"
	"github.com/gpuevm/gpuevm/fallback"
	"github.com/gpuevm/gpuevm/gpuevm/enginetest/shareddata"
)

// BenchmarkBlocks measures all sides on generated blocks of 1 Ggas and on the real
// blocks, interleaved: the first sub-benchmark of a workload runs -rounds rounds of all
// sides, and each sub-benchmark then reports a sample of its own side per -count. Run it
// with -benchtime=1x -count equal to -rounds. -summary writes medians and ratios.
var (
	rounds   = flag.Int("rounds", 1, "interleaved rounds that BenchmarkBlocks measures")
	jsonFile = flag.String("summary", "", "file for BenchmarkBlocks's medians and ratios")
	mgas     = flag.Float64("mgas", 1000, "size of BenchmarkBlocks's generated blocks")
)

var measured = map[string]*measurement{}

type measurement struct {
	jobs    []*Job
	samples []Samples // by job
	used    map[int]int
}

func BenchmarkBlocks(b *testing.B) {
	threads := runtime.GOMAXPROCS(0)
	sides := []*Side{GethSide(false), GethSide(true), OurSide(fallback.New(1), 1)}
	if threads > 1 {
		sides = append(sides, OurSide(fallback.New(threads), threads))
	}
	for _, name := range []string{"transfer", "erc20", "swap", "serial", "mixed", "real"} {
		for i, side := range sides {
			b.Run(fmt.Sprintf("workload=%s/%s", name, side), func(b *testing.B) {
				report(b, name, sides, i)
			})
		}
	}
	if *jsonFile != "" {
		if err := writeSummary(*jsonFile, sides); err != nil {
			b.Fatal(err)
		}
	}
}

func report(b *testing.B, name string, sides []*Side, side int) {
	m := measured[name]
	if m == nil {
		jobs := jobsOf(b, name)
		samples, err := Compare(context.Background(), jobs, sides, *rounds)
		if err != nil {
			b.Fatal(err)
		}
		m = &measurement{jobs, samples, map[int]int{}}
		measured[name] = m
	}
	round := m.used[side] % *rounds
	m.used[side]++
	var wall time.Duration
	var gas uint64
	for _, s := range m.samples {
		wall += s[side][round].Wall
		gas += s[side][round].Gas
	}
	for range b.N { // measured above
	}
	b.ReportMetric(float64(wall.Nanoseconds()), "ns/op")
	b.ReportMetric(float64(gas)/1e6/wall.Seconds(), "mgas/s")
}

func jobsOf(tb testing.TB, name string) (jobs []*Job) {
	if name == "real" {
		return realJobs(tb)
	}
	job, err := GeneratedJob(name, *mgas)
	if err != nil {
		tb.Fatal(err)
	}
	return []*Job{job}
}

func realJobs(tb testing.TB) (jobs []*Job) {
	set, err := source.Open(shareddata.Folder(tb, "blocks"))
	if err != nil {
		tb.Fatal(err)
	}
	for b, err := range set.All() {
		if err != nil {
			tb.Fatal(err)
		}
		jobs = append(jobs, &Job{Name: b.Name, Config: b.Config, Block: b.Block, Author: b.Author,
			Parent: b.Parent, Pre: b.Pre, BlockHash: b.BlockHash, TxsOnly: b.Tries == nil})
	}
	return jobs
}

// summary is one line of the JSON: a workload, or one real block.
type summary struct {
	Workload string             `json:"workload"`
	Block    string             `json:"block,omitempty"`
	Txs      int                `json:"txs"`
	Gas      uint64             `json:"gas"`
	Cores    int                `json:"cores"`
	Rounds   int                `json:"rounds"`
	MedianMs map[string]float64 `json:"median_ms"`
	// Speedup is of our side on all cores, over each baseline.
	OverSerial  float64 `json:"over_geth_serial"`
	OverNode    float64 `json:"over_geth_node"`
	Waves       int     `json:"waves"`
	LargestWave int     `json:"largest_wave"`
	Reexecuted  int     `json:"reexecuted"`
}

func writeSummary(path string, sides []*Side) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	e := json.NewEncoder(f)
	for name, m := range measured {
		total := newSummary(name, "", sides)
		for i, s := range m.samples {
			one := newSummary(name, m.jobs[i].Name, sides)
			one.add(s, sides)
			total.add(s, sides)
			if len(m.samples) > 1 {
				if err := e.Encode(one.ratios(sides)); err != nil {
					return err
				}
			}
		}
		if err := e.Encode(total.ratios(sides)); err != nil {
			return err
		}
	}
	return f.Close()
}

func newSummary(name, block string, sides []*Side) *summary {
	return &summary{Workload: name, Block: block, Cores: runtime.GOMAXPROCS(0), Rounds: *rounds, MedianMs: map[string]float64{}}
}

func (s *summary) add(samples Samples, sides []*Side) {
	for i, side := range sides {
		s.MedianMs[side.String()] += math.Round(samples.Median(i).Seconds()*1e6) / 1e3
	}
	last := samples[len(sides)-1][0]
	s.Txs += last.Stats.Txs
	s.Gas += last.Gas
	s.Waves += last.Stats.Waves
	s.LargestWave = max(s.LargestWave, last.Stats.LargestWave)
	s.Reexecuted += last.Stats.Reexecuted
}

func (s *summary) ratios(sides []*Side) *summary {
	ours := s.MedianMs[sides[len(sides)-1].String()]
	s.OverSerial = math.Round(s.MedianMs[sides[0].String()]/ours*1000) / 1000
	s.OverNode = math.Round(s.MedianMs[sides[1].String()]/ours*1000) / 1000
	return s
}
