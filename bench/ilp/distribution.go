package ilp

import (
	"cmp"
	"slices"

	"github.com/gpuevm/gpuevm/gpuevm/compiler"
)

// Quantiles of a distribution.
type Quantiles struct {
	P5  float64 `json:"p5"`
	P25 float64 `json:"p25"`
	P50 float64 `json:"p50"`
	P75 float64 `json:"p75"`
	P95 float64 `json:"p95"`
}

// Spread is how parallel things are in each form.
type Spread struct {
	Stack  Quantiles `json:"stack"`
	SSA    Quantiles `json:"ssa"`
	Budget Quantiles `json:"budget"`
}

// Distributions are over contracts, or transactions: each counted once, and by the work of
// its stack form.
type Distributions struct {
	Count  int    `json:"count"`
	Each   Spread `json:"each"`
	ByWork Spread `json:"by_work"`

	samples []sample
}

// sample is a contract or a transaction.
type sample struct {
	ilp  [3]float64 // stack, SSA, budget
	work float64
}

func sampleOf(m *compiler.Measures) sample {
	return sample{[3]float64{m.Stack.ILP, m.SSA.ILP, m.Budget.ILP}, float64(m.Stack.Work)}
}

func distributionsOf(samples []sample) Distributions {
	return Distributions{len(samples), spreadOf(samples, false), spreadOf(samples, true), samples}
}

func spreadOf(samples []sample, byWork bool) Spread {
	return Spread{quantilesOf(samples, 0, byWork), quantilesOf(samples, 1, byWork), quantilesOf(samples, 2, byWork)}
}

// weight of a sample.
func (s *sample) weight(byWork bool) float64 {
	if byWork {
		return s.work
	}
	return 1
}

func quantilesOf(samples []sample, form int, byWork bool) Quantiles {
	sorted := slices.Clone(samples)
	slices.SortFunc(sorted, func(a, b sample) int { return cmp.Compare(a.ilp[form], b.ilp[form]) })
	total := 0.0
	for i := range sorted {
		total += sorted[i].weight(byWork)
	}
	at := func(share float64) float64 {
		sum := 0.0
		for i := range sorted {
			if sum += sorted[i].weight(byWork); sum >= share*total {
				return sorted[i].ilp[form]
			}
		}
		return 0
	}
	return Quantiles{at(0.05), at(0.25), at(0.5), at(0.75), at(0.95)}
}

// distribute fills in the distributions. Codes of which nothing is to be measured, for they
// have no instructions or ran none, are left out.
func (r *Report) distribute() {
	var codes, txs []sample
	for _, c := range r.Codes {
		if r.Executed != nil && c.Executed == nil {
			continue // was not run, where others were
		}
		if m := c.measures(); m.Stack.Work > 0 {
			codes = append(codes, sampleOf(m))
		}
	}
	r.Contracts = distributionsOf(codes)
	if r.Executed == nil {
		return
	}
	for _, b := range r.Blocks {
		for i := range b.Each {
			txs = append(txs, sampleOf(&b.Each[i].Measures))
		}
	}
	d := distributionsOf(txs)
	r.Txs = &d
}
