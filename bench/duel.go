package bench

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"
)

// Duelist is one of several ways to do the same piece of work.
type Duelist struct {
	Name string
	Run  func(context.Context) (Took, error)
}

// Took is what one run took and, to see that all made the same, what it made.
type Took struct {
	Wall   time.Duration
	Kernel time.Duration // 0 where there is none
	Gas    uint64        // of transactions
	Made   uint64
}

// Duel lets the duelists do the work in turns, rounds times and once before, which is
// returned apart: nothing was on the device, in a cache or compiled then. Who begins changes
// from round to round; none leaves its garbage to the next.
func Duel(ctx context.Context, rounds int, duelists ...Duelist) (first []Took, rest [][]Took, err error) {
	rest = make([][]Took, len(duelists))
	first = make([]Took, len(duelists))
	for round := range rounds + 1 {
		for turn := range duelists {
			if ctx.Err() != nil {
				return nil, nil, context.Cause(ctx)
			}
			at := (turn + round) % len(duelists)
			runtime.GC()
			took, err := duelists[at].Run(ctx)
			switch {
			case err != nil:
				return nil, nil, fmt.Errorf("%s: %w", duelists[at].Name, err)
			case (round > 0 || turn > 0) && took.Made != first[0].Made:
				return nil, nil, fmt.Errorf("%s made something else than %s", duelists[at].Name, duelists[0].Name)
			case round == 0:
				first[at] = took
			default:
				rest[at] = append(rest[at], took)
			}
		}
	}
	return first, rest, nil
}

// median takes the middle one of the times.
func median(list []Took, of func(Took) time.Duration) time.Duration {
	times := make([]time.Duration, len(list))
	for i, t := range list {
		times[i] = of(t)
	}
	slices.Sort(times)
	return times[len(times)/2]
}

func wallOf(t Took) time.Duration   { return t.Wall }
func kernelOf(t Took) time.Duration { return t.Kernel }

// Measured is what a duel of a device with the CPU came to. What does not apply is left out
// of the JSON.
type Measured struct {
	Bench  string `json:"bench"`         // "erc20", "keccak-64", "recover"
	What   string `json:"what"`          // what is and is not in the times
	Items  int    `json:"items"`         // in a run
	Unit   string `json:"unit"`          // "tx", "hash", "signature"
	Gas    uint64 `json:"gas,omitempty"` // of a run
	Rounds int    `json:"rounds"`
	Device string `json:"device"`
	CPU    string `json:"cpu"`

	WallMs   float64 `json:"wall_ms"` // medians
	KernelMs float64 `json:"kernel_ms,omitempty"`
	FirstMs  float64 `json:"first_ms,omitempty"` // the device's first run
	CPUMs    float64 `json:"cpu_ms"`
	Speedup  float64 `json:"speedup"` // CPU over device, by wall

	PerSecond       float64 `json:"per_s"` // items, by wall
	KernelPerSecond float64 `json:"kernel_per_s,omitempty"`
	CPUPerSecond    float64 `json:"cpu_per_s"`
	MgasPerSecond   float64 `json:"mgas_per_s,omitempty"`
	KernelMgas      float64 `json:"kernel_mgas_per_s,omitempty"`
	CPUMgas         float64 `json:"cpu_mgas_per_s,omitempty"`

	OnDevice    *float64 `json:"on_device,omitempty"`     // share of the transactions
	Launches    int64    `json:"launches,omitempty"`      // of a run: rounds of missing state, and sizes of scratch
	Permuted    float64  `json:"perms_per_s,omitempty"`   // Keccak permutations, by kernel time
	ShareOfPeak *float64 `json:"share_of_peak,omitempty"` // by kernel time, see Peak
}

// fill computes the figures from the times of the device and of the CPU, in this order.
func (m *Measured) fill(first []Took, rest [][]Took) {
	wall, kernel, cpu := median(rest[0], wallOf), median(rest[0], kernelOf), median(rest[1], wallOf)
	m.WallMs, m.KernelMs, m.CPUMs, m.FirstMs = inMs(wall), inMs(kernel), inMs(cpu), inMs(first[0].Wall)
	m.Speedup = round3(cpu.Seconds() / wall.Seconds())
	m.PerSecond, m.KernelPerSecond, m.CPUPerSecond = per(m.Items, wall), per(m.Items, kernel), per(m.Items, cpu)
	if m.Gas > 0 {
		mgas := func(d time.Duration) float64 { return round3(float64(m.Gas) / 1e6 / d.Seconds()) }
		m.MgasPerSecond, m.CPUMgas = mgas(wall), mgas(cpu)
		if kernel > 0 {
			m.KernelMgas = mgas(kernel)
		}
	}
}

// Print writes the measurement for people, after what it is of unless last says so already.
func (m *Measured) Print(w io.Writer, last *Measured) {
	if last == nil || last.What != m.What {
		fmt.Fprintf(w, "\n%s.\n", m.What)
	}
	fmt.Fprintf(w, "\n%s: %d %s a run", m.Bench, m.Items, plural(m.Unit))
	if m.Gas > 0 {
		fmt.Fprintf(w, ", %.0f Mgas", float64(m.Gas)/1e6)
	}
	fmt.Fprintln(w)
	row := func(name string, ms, perSecond, mgas float64, more string) {
		fmt.Fprintf(w, "  %-34s %10.2f ms %14.0f %s/s", name, ms, perSecond, m.Unit)
		if mgas > 0 {
			fmt.Fprintf(w, " %10.0f Mgas/s", mgas)
		}
		fmt.Fprintln(w, more)
	}
	row(m.Device+", wall", m.WallMs, m.PerSecond, m.MgasPerSecond, "")
	if m.KernelMs > 0 {
		row(m.Device+", kernels", m.KernelMs, m.KernelPerSecond, m.KernelMgas, m.kernelNote())
	}
	row(m.CPU, m.CPUMs, m.CPUPerSecond, m.CPUMgas, "")
	fmt.Fprintf(w, "  %s over the CPU, by wall: %.2fx", m.Device, m.Speedup)
	if m.FirstMs > 0 {
		fmt.Fprintf(w, "; first run %.2f ms", m.FirstMs)
	}
	if m.OnDevice != nil {
		fmt.Fprintf(w, "; %.2f%% finished on the device, %d launches a run", 100**m.OnDevice, m.Launches)
	}
	fmt.Fprintln(w)
}

func (m *Measured) kernelNote() (s string) {
	if m.Permuted > 0 {
		s = fmt.Sprintf("; %.1f M permutations/s", m.Permuted/1e6)
	}
	if m.ShareOfPeak != nil {
		s += fmt.Sprintf(", %.1f%% of the peak of int32 instructions", 100**m.ShareOfPeak)
	}
	return s
}

func plural(unit string) string {
	if unit == "hash" {
		return "hashes"
	}
	return unit + "s"
}

func per(items int, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(int64(float64(items) / d.Seconds()))
}

func inMs(d time.Duration) float64 { return round3(d.Seconds() * 1e3) }

func round3(x float64) float64 { return float64(int64(x*1000+0.5)) / 1000 }
