package device_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/bench/workload"
	"github.com/gpuevm/gpuevm/fallback"
	"github.com/gpuevm/gpuevm/gpuevm/cuda"
	"github.com/gpuevm/gpuevm/gpuevm/device"
	"github.com/gpuevm/gpuevm/hostsched"
	"github.com/gpuevm/gpuevm/statedb"
)

var errInjected = errors.New("injected fault")

// breaking is a device whose operations fail, from the one that countdown reaches on until
// it is opened again, or that falsifies what is downloaded.
type breaking struct {
	cuda.Device
	countdown *atomic.Int64
	lost      atomic.Bool
	falsify   func([]byte)
	ran       atomic.Bool // a launch, whose TxOuts come next
	falsifyTx func([]byte)
}

func (d *breaking) fails() error {
	if d.countdown != nil && d.countdown.Add(-1) == 0 {
		d.lost.Store(true)
	}
	if d.lost.Load() {
		return errInjected
	}
	return nil
}

func (d *breaking) Alloc(n int) (cuda.Ptr, error) {
	if err := d.fails(); err != nil {
		return 0, err
	}
	return d.Device.Alloc(n)
}

func (d *breaking) Upload(s cuda.Stream, dst cuda.Ptr, src []byte) error {
	if err := d.fails(); err != nil {
		return err
	}
	return d.Device.Upload(s, dst, src)
}

func (d *breaking) Download(s cuda.Stream, dst []byte, src cuda.Ptr) error {
	if err := d.fails(); err != nil {
		return err
	}
	if err := d.Device.Download(s, dst, src); err != nil {
		return err
	}
	falsify := d.falsify
	if d.ran.Swap(false) && d.falsifyTx != nil {
		falsify = d.falsifyTx
	}
	if falsify == nil {
		return nil
	}
	if _, err := d.Device.Sync(s); err != nil {
		return err
	}
	falsify(dst)
	return nil
}

func (d *breaking) Launch(s cuda.Stream, source, kernel string, lanes int, args []byte) error {
	if err := d.fails(); err != nil {
		return err
	}
	d.ran.Store(kernel == "run_transactions")
	return d.Device.Launch(s, source, kernel, lanes, args)
}

func (d *breaking) Sync(s cuda.Stream) (time.Duration, error) {
	if err := d.fails(); err != nil {
		return 0, err
	}
	return d.Device.Sync(s)
}

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// openBreaking opens an engine whose device breaks, and breaks again after being reopened
// as often as open says.
func openBreaking(t *testing.T, o device.Options, wrap func(cuda.Device) cuda.Device) *device.Engine {
	open := func() (cuda.Device, error) {
		dev, err := cuda.OpenHost()
		if err != nil {
			return nil, err
		}
		return wrap(dev), nil
	}
	dev, err := open()
	if err != nil {
		t.Skip(err)
	}
	o.CPU, o.Log = fallback.New(0), quiet
	if o.Reopen == nil {
		o.Reopen = open
	}
	e, err := device.New(dev, o)
	if err != nil {
		_ = dev.Close()
		return nil // it broke before it was open
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// ground is a small chain of blocks, and what they come to.
type ground struct {
	w        *workload.Workload
	receipts []common.Hash
}

func newGround(t *testing.T, name string, txs int) *ground {
	w, err := workload.Generate(name, workload.Options{Seed: 2, Blocks: 2, Txs: txs})
	if err != nil {
		t.Fatal(err)
	}
	g := &ground{w: w}
	g.receipts = g.run(t, hostsched.New(hostsched.Options{Engine: fallback.New(0)}))
	return g
}

func (g *ground) run(t *testing.T, p *hostsched.Processor) (roots []common.Hash) {
	t.Helper()
	mem, err := statedb.FromAlloc(g.w.Alloc)
	if err != nil {
		t.Fatal(err)
	}
	hashes := []common.Hash{g.w.Parent.Hash()}
	for _, block := range g.w.Blocks {
		result, err := p.Process(context.Background(), &hostsched.Block{
			Block: block, Config: g.w.Config, Author: block.Coinbase(), Pre: mem, BlockHash: func(n uint64) common.Hash { return hashes[n] },
		})
		if err != nil {
			t.Fatal(err)
		}
		roots = append(roots, result.ReceiptsRoot)
		if err := mem.Apply(result.Diff()); err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, block.Hash())
	}
	return roots
}

func (g *ground) check(t *testing.T, e *device.Engine) {
	t.Helper()
	for i, root := range g.run(t, processor(e)) {
		if root != g.receipts[i] {
			t.Errorf("block %d: receipts %x, want %x", i, root, g.receipts[i])
		}
	}
}

// TestAnyOperationFails: whichever operation of the device fails, the blocks come out
// right, the device is opened again and used again.
func TestAnyOperationFails(t *testing.T) {
	g := newGround(t, "mixed", 60)
	faults, used, step := int64(0), int64(0), 1
	for n := 1; n < 2000; n += step {
		countdown := new(atomic.Int64)
		countdown.Store(int64(n))
		e := openBreaking(t, device.Options{}, func(d cuda.Device) cuda.Device { return &breaking{Device: d, countdown: countdown} })
		if e == nil {
			continue
		}
		g.check(t, e)
		s := e.Stats()
		faults += s.Faults
		if countdown.Load() > 0 {
			break // it was over before
		}
		if s.Faults != 1 || s.TakenOver[device.Fault] == 0 {
			t.Errorf("operation %d: %v", n, s)
		}
		used += s.OnDevice * s.Reopened
		if n > 60 {
			step = 7
		}
		_ = e.Close()
	}
	if faults == 0 || used == 0 {
		t.Errorf("%d faults, %d transactions on a device that was opened again", faults, used)
	}
	t.Logf("%d faults", faults)
}

// TestRetired: a device that fails again and again is let go.
func TestRetired(t *testing.T) {
	g := newGround(t, "mixed", 60)
	var opened atomic.Int64
	e := openBreaking(t, device.Options{MaxFaults: 3}, func(d cuda.Device) cuda.Device {
		opened.Add(1)
		countdown := new(atomic.Int64)
		countdown.Store(40)
		return &breaking{Device: d, countdown: countdown}
	})
	g.check(t, e)
	g.check(t, e)
	s := e.Stats()
	if s.Faults != 3 || opened.Load() != 3 || s.TakenOver[device.Retired] == 0 {
		t.Errorf("opened %d times: %v", opened.Load(), s)
	}
}

// TestSpotCheck: results that are wrong are found out, before anybody sees them.
func TestSpotCheck(t *testing.T) {
	g := newGround(t, "transfer", 60)
	e := openBreaking(t, device.Options{SpotCheck: 1, MaxFaults: 2}, func(d cuda.Device) cuda.Device {
		return &breaking{Device: d, falsifyTx: func(b []byte) {
			for at := 24; at < len(b); at += 128 { // gas_used
				b[at] ^= 1
			}
		}}
	})
	g.check(t, e)
	if s := e.Stats(); s.Faults != 2 || s.OnDevice != 0 {
		t.Error(s)
	}
}

// TestNonsense: whatever bytes come from the device, nothing but its own results suffers.
func TestNonsense(t *testing.T) {
	g := newGround(t, "erc20", 40)
	for seed := range int64(60) {
		rnd, mu := rand.New(rand.NewSource(seed)), new(sync.Mutex)
		e := openBreaking(t, device.Options{MaxFaults: 1 << 20, SpotCheck: -1, Rounds: 20}, func(d cuda.Device) cuda.Device {
			return &breaking{Device: d, falsify: func(b []byte) {
				mu.Lock()
				defer mu.Unlock()
				for range 1 + rnd.Intn(3) {
					if n := len(b); n > 0 && rnd.Intn(3) == 0 {
						b[rnd.Intn(n)] = byte(rnd.Intn(256))
					}
				}
			}}
		})
		mem, err := statedb.FromAlloc(g.w.Alloc)
		if err != nil {
			t.Fatal(err)
		}
		block := g.w.Blocks[0]
		_, _ = processor(e).Process(context.Background(), &hostsched.Block{ // must come back, that is all
			Block: block, Config: g.w.Config, Author: block.Coinbase(), Pre: mem, BlockHash: func(uint64) common.Hash { return common.Hash{} },
		})
		_ = e.Close()
	}
}

// TestConcurrent: blocks on different states share one device, while it breaks now and
// then.
func TestConcurrent(t *testing.T) {
	grounds := []*ground{newGround(t, "mixed", 50), newGround(t, "erc20", 50), newGround(t, "hot", 50)}
	var ops atomic.Int64
	e := openBreaking(t, device.Options{MaxFaults: 1 << 20, SpotCheck: 2}, func(d cuda.Device) cuda.Device {
		countdown := new(atomic.Int64)
		countdown.Store(300 + ops.Add(137)%1000)
		return &breaking{Device: d, countdown: countdown}
	})
	var wg sync.WaitGroup
	for _, g := range grounds {
		wg.Go(func() {
			p := hostsched.New(hostsched.Options{Engine: e, Referee: fallback.New(0), Recoverer: e, Batch: 4096, Log: quiet})
			for range 3 {
				for i, root := range g.run(t, p) {
					if root != g.receipts[i] {
						t.Errorf("block %d: receipts %x, want %x", i, root, g.receipts[i])
					}
				}
			}
		})
	}
	wg.Wait()
	t.Log(e.Stats())
}
