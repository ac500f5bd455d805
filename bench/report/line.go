// Package report says what running blocks came to: a table for people, JSON lines for
// machines, a progress bar for whoever waits.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/gpuevm/gpuevm/gpuevm/device"
	"github.com/gpuevm/gpuevm/hostsched"
)

// Line is what is known about one block. As JSON its names are stable. What was not
// measured is nil and left out, never 0.
type Line struct {
	Workload string `json:"workload,omitempty"`
	Seed     *int64 `json:"seed,omitempty"`

	Block  string  `json:"block"` // name: "mainnet-19932148", "erc20-1"
	Number *uint64 `json:"number,omitempty"`
	Txs    *int    `json:"txs,omitempty"`
	Gas    *uint64 `json:"gas,omitempty"`

	Waves       *int `json:"waves,omitempty"`
	LargestWave *int `json:"largest_wave,omitempty"`
	Reexecuted  *int `json:"reexecuted,omitempty"`

	Device   string `json:"device"`
	OnDevice *int   `json:"on_device,omitempty"`
	*Offload        // nil without a device
	Policy   string `json:"policy"`
	Threads  int    `json:"threads"`

	Stage *Stages `json:"stage_ms,omitempty"`
	Trie  *Trie   `json:"trie,omitempty"`  // nil where no state root was computed, or later
	Store *Store  `json:"store,omitempty"` // nil without a data directory; when the line was written
	Times

	StateRoot string   `json:"state_root,omitempty"` // found by us
	Checked   []string `json:"checked,omitempty"`    // what was compared
	Equal     *bool    `json:"equal,omitempty"`      // all that was compared
	Error     string   `json:"error,omitempty"`      // why it is not, or could not be
}

// Offload is what a device's engine tells of a block.
type Offload struct {
	// Asked is how many executions were asked of the device: more than transactions where
	// some are executed again or only to learn from, fewer where the CPU engine gave the
	// verdict. Finished is how many of them it finished.
	Asked    int64 `json:"device_asked"`
	Finished int64 `json:"device_finished"`
	// TakenOver are executions that the CPU engine did instead, by reason; one transaction
	// may have several. Precompiles are those that were missing on the device.
	TakenOver   map[string]int64 `json:"taken_over,omitempty"`
	Precompiles map[string]int64 `json:"precompiles,omitempty"`
	Kernels     *Millis          `json:"kernel_ms,omitempty"`
	Launches    int64            `json:"launches"`
	Faults      int64            `json:"faults"`
	// Codes that came to run compiled, and those that the interpreter keeps.
	Compiled   int64   `json:"compiled,omitempty"`
	Ineligible int64   `json:"ineligible,omitempty"`   // over a limit of the compiler
	Uncompiled int64   `json:"not_compiled,omitempty"` // that the device's compiler failed on
	Compiling  *Millis `json:"compile_ms,omitempty"`   // absent where nothing was compiled
}

// OffloadOf is what a device's engine counted from one moment to a later one.
func OffloadOf(from, to *device.Stats) *Offload {
	o := &Offload{
		Asked: to.Txs - from.Txs, Finished: to.OnDevice - from.OnDevice,
		TakenOver: make(map[string]int64), Precompiles: make(map[string]int64),
		Kernels: Of(to.KernelTime - from.KernelTime), Launches: to.Launches - from.Launches, Faults: to.Faults - from.Faults,
		Compiled: to.Compiled - from.Compiled, Ineligible: to.Ineligible - from.Ineligible, Uncompiled: to.NotCompiled - from.NotCompiled,
	}
	if took := to.CompileTime - from.CompileTime; took > 0 {
		o.Compiling = Of(took)
	}
	for reason, n := range to.TakenOver {
		if n -= from.TakenOver[reason]; n > 0 {
			o.TakenOver[reason.String()] = n
		}
	}
	for number, n := range to.Precompiles {
		if n -= from.Precompiles[number]; n > 0 {
			o.Precompiles[precompileName(number)] = n
		}
	}
	return o
}

// precompileName is the address, as it is spoken of; P256VERIFY is counted as 0.
func precompileName(number uint64) string {
	if number == 0 {
		return "0x0100"
	}
	return fmt.Sprintf("0x%02x", number)
}

// Stages are the times of the steps, summed over threads.
type Stages struct {
	Senders *Millis `json:"senders,omitempty"`
	Predict *Millis `json:"predict,omitempty"`
	Execute *Millis `json:"execute,omitempty"`
	Commit  *Millis `json:"commit,omitempty"`
	Root    *Millis `json:"root,omitempty"` // nil where no state root was computed
}

// Times are wall times, and what follows from them.
type Times struct {
	Wall    *Millis  `json:"wall_ms,omitempty"`   // from signed transactions to receipts
	Serial  *Millis  `json:"serial_ms,omitempty"` // the same by serial go-ethereum
	Speedup *float64 `json:"speedup,omitempty"`

	// The same with the state root.
	WallRoot    *Millis  `json:"wall_with_root_ms,omitempty"`
	SerialRoot  *Millis  `json:"serial_with_root_ms,omitempty"`
	SpeedupRoot *float64 `json:"speedup_with_root,omitempty"`

	MgasPerSecond *float64 `json:"mgas_per_s,omitempty"` // by Wall
	TxsPerSecond  *float64 `json:"tx_per_s,omitempty"`
}

// Millis is a time that is printed in milliseconds.
type Millis time.Duration

// Of is a measured time.
func Of(d time.Duration) *Millis { return new(Millis(d)) }

func (m *Millis) String() string {
	if m == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f", time.Duration(*m).Seconds()*1e3)
}

// MarshalJSON implements json.Marshaler.
func (m Millis) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "%.3f", time.Duration(m).Seconds()*1e3), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (m *Millis) UnmarshalJSON(raw []byte) error {
	var ms float64
	err := json.Unmarshal(raw, &ms)
	*m = Millis(ms * float64(time.Millisecond))
	return err
}

// Ran fills in what a run of our processor tells. A policy without prediction has no
// waves.
func (l *Line) Ran(gas uint64, s *hostsched.Stats, waves, root bool) {
	l.Txs, l.Gas = new(s.Txs), new(gas)
	l.Reexecuted, l.OnDevice = new(s.Reexecuted), new(s.OnDevice)
	if waves {
		l.Waves, l.LargestWave = new(s.Waves), new(s.LargestWave)
	}
	l.Stage = &Stages{
		Senders: Of(s.Stage.Senders), Predict: Of(s.Stage.Predict),
		Execute: Of(s.Stage.Execute), Commit: Of(s.Stage.Commit),
	}
	if root {
		l.Stage.Root = Of(s.Stage.Root)
	}
}

// Derive computes the ratios from the times.
func (t *Times) Derive(txs int, gas uint64) {
	t.Speedup, t.SpeedupRoot = ratio(t.Serial, t.Wall), ratio(t.SerialRoot, t.WallRoot)
	t.MgasPerSecond, t.TxsPerSecond = perSecond(float64(gas)/1e6, t.Wall), perSecond(float64(txs), t.Wall)
}

func ratio(a, b *Millis) *float64 {
	if a == nil || b == nil || *b <= 0 {
		return nil
	}
	return new(thousandths(float64(*a) / float64(*b)))
}

func perSecond(n float64, t *Millis) *float64 {
	if t == nil || *t <= 0 {
		return nil
	}
	return new(thousandths(n / time.Duration(*t).Seconds()))
}

func thousandths(x float64) float64 { return float64(int64(x*1000+0.5)) / 1000 }

// WriteJSON writes the line as one line.
func (l *Line) WriteJSON(w io.Writer) error { return writeJSON(w, l) }

func writeJSON(w io.Writer, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(raw, '\n'))
	return err
}
