package statebench

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"

	"github.com/gpuevm/gpuevm/statedb/keccak"
)

// Result is all that was measured.
type Result struct {
	World
	Cores   int    `json:"cores"`
	CPU     string `json:"cpu"`
	Go      string `json:"go"`
	Hashers string `json:"hashers_available"`
	Workers int    `json:"workers"` // 0: all cores
	History bool   `json:"go_ethereum_keeps_state_histories"`
	Walked  bool   `json:"walked"`

	Phases []*Phase `json:"phases"`
	Reads  []*Read  `json:"reads,omitempty"`
	// Alone are the same warm blocks with one side in the process.
	Alone map[string]*Result `json:"alone,omitempty"`
}

func newResult(o *Options) *Result {
	return &Result{
		World: o.World, Cores: runtime.GOMAXPROCS(0), CPU: cpuModel(), Go: runtime.Version(),
		Hashers: strings.Join(keccak.Names(), " "), Workers: o.Forest.Workers, History: o.History, Walked: o.Walk,
	}
}

// Phase is some blocks of one kind and size under the same conditions.
type Phase struct {
	Kind             Kind                `json:"kind"`
	Dirty            int                 `json:"dirty"`
	Memory           string              `json:"memory"` // warm or cold
	PageCacheDropped bool                `json:"page_cache_dropped,omitempty"`
	Layers           bool                `json:"layers,omitempty"` // go-ethereum keeps the blocks in memory
	Sides            map[string]*Samples `json:"sides"`
	Roots            []string            `json:"roots"`
	Usage            *Usage              `json:"usage,omitempty"` // of one side alone
	// Ratios are go-ethereum's medians over ours in plain mode, and in the mode with hints; its
	// root in the mode that is faster.
	RootRatio    float64 `json:"root_ratio,omitempty"`
	AheadRatio   float64 `json:"root_ratio_ahead,omitempty"`
	DurableRatio float64 `json:"durable_ratio,omitempty"`
}

// Samples are the blocks of one side.
type Samples struct {
	Blocks []*Sample `json:"blocks"`
	// Medians are by mode.
	Medians map[string]*Sample `json:"medians"`
}

// best is the medians of the mode that is fastest to the root.
func (s *Samples) best() *Sample {
	var best *Sample
	for _, m := range s.Medians {
		if best == nil || m.ToRoot < best.ToRoot {
			best = m
		}
	}
	return best
}

// plain is ours without hints, where there are such blocks.
func (s *Samples) plain() *Sample {
	if m := s.Medians["plain"]; m != nil {
		return m
	}
	return s.best()
}

func (p *Phase) sum() {
	for _, s := range p.Sides {
		s.Medians = make(map[string]*Sample)
		by := make(map[string][]*Sample)
		for _, b := range s.Blocks {
			by[b.Mode] = append(by[b.Mode], b)
		}
		for mode, blocks := range by {
			s.Medians[mode] = medians(mode, blocks)
		}
	}
	if a, b := p.Sides["gpuevm"], p.Sides["go-ethereum"]; a != nil && b != nil {
		if m := a.Medians["plain"]; m != nil {
			p.RootRatio, p.DurableRatio = b.best().ToRoot/m.ToRoot, b.best().Durable/m.Durable
		}
		if m := a.Medians["ahead"]; m != nil {
			p.AheadRatio = b.best().ToRoot / m.ToRoot
		}
	}
}

// medians takes that of every field by itself; durable is the sum of its parts'.
func medians(mode string, blocks []*Sample) *Sample {
	mid := func(of func(*Sample) float64) float64 {
		values := make([]float64, len(blocks))
		for i, b := range blocks {
			values[i] = of(b)
		}
		slices.Sort(values)
		return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
	}
	m := &Sample{
		Mode:    mode,
		Load:    mid(func(s *Sample) float64 { return s.Load }),
		ToRoot:  mid(func(s *Sample) float64 { return s.ToRoot }),
		Commit:  mid(func(s *Sample) float64 { return s.Commit }),
		Flush:   mid(func(s *Sample) float64 { return s.Flush }),
		Cores:   mid(func(s *Sample) float64 { return s.Cores }),
		Batch:   int64(mid(func(s *Sample) float64 { return float64(s.Batch) })),
		Resolve: mid(func(s *Sample) float64 { return s.Resolve }),
		Update:  mid(func(s *Sample) float64 { return s.Update }),
		Hash:    mid(func(s *Sample) float64 { return s.Hash }),
		Collect: mid(func(s *Sample) float64 { return s.Collect }),
		Nodes:   int64(mid(func(s *Sample) float64 { return float64(s.Nodes) })),
		Mutate:  mid(func(s *Sample) float64 { return s.Mutate }),
	}
	m.Durable = m.ToRoot + m.Commit + m.Flush
	return m
}

// Read is how long a read takes.
type Read struct {
	Memory           string             `json:"memory"`
	PageCacheDropped bool               `json:"page_cache_dropped,omitempty"`
	Slots            bool               `json:"slots"`
	Absent           bool               `json:"absent"`
	Goroutines       int                `json:"goroutines"`
	Nanos            map[string]float64 `json:"ns_per_read"` // of wall time, by reader
}

func (p *Phase) name() string {
	name := fmt.Sprintf("%s %s %d", p.Memory, p.Kind, p.Dirty)
	if p.Layers {
		name += ", layers"
	}
	return name
}

func (p *Phase) line() string {
	var b strings.Builder
	b.WriteString(p.name() + ":")
	for _, side := range slices.Sorted(maps.Keys(p.Sides)) {
		for _, mode := range slices.Sorted(maps.Keys(p.Sides[side].Medians)) {
			m := p.Sides[side].Medians[mode]
			fmt.Fprintf(&b, " %s root %.1f durable %.1f ms;", strings.TrimSpace(side+" "+mode), m.ToRoot, m.Durable)
		}
	}
	if p.RootRatio > 0 {
		fmt.Fprintf(&b, " ratios %.2f (ahead %.2f), %.2f", p.RootRatio, p.AheadRatio, p.DurableRatio)
	}
	return strings.TrimSuffix(b.String(), ";")
}

func (r *Read) name() string {
	name := r.Memory + " account"
	if r.Slots {
		name = r.Memory + " slot"
	}
	if r.Absent {
		name += ", absent"
	}
	return fmt.Sprintf("%s, %d goroutines", name, r.Goroutines)
}

func (r *Read) line() string {
	line := r.name() + ":"
	for _, name := range slices.Sorted(maps.Keys(r.Nanos)) {
		line += fmt.Sprintf(" %s %.0f ns", name, r.Nanos[name])
	}
	return line
}
