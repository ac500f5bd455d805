package bench

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gpuevm/gpuevm/fallback"
	"github.com/gpuevm/gpuevm/gpuevm/cuda"
	"github.com/gpuevm/gpuevm/gpuevm/device"
	"github.com/gpuevm/gpuevm/hostsched"
)

// TestDuels runs every measurement small, on this machine's cores as a device.
func TestDuels(t *testing.T) {
	ctx := t.Context()
	dev, err := cuda.OpenHost()
	if err != nil {
		t.Skip(err)
	}
	if took, err := FirstLaunch(dev); err != nil || took <= 0 {
		t.Fatal(took, err)
	}
	cpu := fallback.New(2)
	e, err := device.New(dev, device.Options{CPU: cpu})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	job, err := GeneratedJob("mixed", 3)
	if err != nil {
		t.Fatal(err)
	}
	check := func(m *Measured, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if m.Items == 0 || m.WallMs <= 0 || m.KernelMs <= 0 || m.CPUMs <= 0 || m.Speedup <= 0 || m.What == "" ||
			m.Unit == "tx" && (m.Gas < 1e6 || m.OnDevice == nil || *m.OnDevice < 0.9 || m.Launches == 0) {
			t.Errorf("%+v", m)
		}
		var out strings.Builder
		m.Print(&out, nil)
		if !strings.Contains(out.String(), m.Bench) || !strings.Contains(out.String(), "host, kernels") {
			t.Error(out.String())
		}
	}
	check(DuelEngines(ctx, job, "host", e, "go", cpu, 2))
	check(DuelKeccak(ctx, 532, "host", dev, 2, 1))
	check(DuelRecover(ctx, "host", dev, 2, 1))
	check(DuelMultiply(ctx, "host", dev, 2, 1))
	ours := ProcessorSide("host", hostsched.Options{Engine: e, Referee: cpu, Lanes: 2, Batch: 1000})
	check(DuelBlocks(ctx, "mixed", []*Job{job}, e, ours, OurSide(cpu, 2), 1))
}

// TestDuelDisagree: who makes something else can't be measured.
func TestDuelDisagree(t *testing.T) {
	made := func(name string, what uint64) Duelist {
		return Duelist{name, func(context.Context) (Took, error) { return Took{Wall: time.Millisecond, Made: what}, nil }}
	}
	if _, rest, err := Duel(t.Context(), 3, made("a", 1), made("b", 1)); err != nil || len(rest[0]) != 3 || len(rest[1]) != 3 {
		t.Error(rest, err)
	}
	if _, _, err := Duel(t.Context(), 1, made("a", 1), made("b", 2)); err == nil || !strings.Contains(err.Error(), "b made something else") {
		t.Error(err)
	}
}
