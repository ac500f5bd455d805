package hostsched_test

import (
	"context"
	"fmt"
	"math/big"
	"math/rand"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/gpuevm/gpuevm/fallback"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/gpuevm/cuda"
	"github.com/gpuevm/gpuevm/gpuevm/device"
	"github.com/gpuevm/gpuevm/hostsched"
)

// delays is an Engine that takes its time, so that transactions finish in any order.
type delays struct {
	gpuevm.Engine
	mu  sync.Mutex
	rnd *rand.Rand
}

func (d *delays) Execute(ctx context.Context, env *gpuevm.BlockEnv, txs []gpuevm.Tx, pre gpuevm.StateView) ([]gpuevm.Result, error) {
	d.mu.Lock()
	before, after := d.rnd.Intn(60), d.rnd.Intn(60)
	d.mu.Unlock()
	time.Sleep(time.Duration(before) * time.Microsecond)
	defer time.Sleep(time.Duration(after) * time.Microsecond)
	return d.Engine.Execute(ctx, env, txs, pre)
}

// liar predicts at random: orders what is independent, and leaves the rest alone.
type liar struct {
	mu  sync.Mutex
	rnd *rand.Rand
}

func (l *liar) Predict(*gpuevm.Tx) gpuevm.AccessSet {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := func() []gpuevm.Key {
		return []gpuevm.Key{{Kind: gpuevm.Slot, Slot: common.Hash{byte(l.rnd.Intn(4))}}}
	}
	return gpuevm.AccessSet{Reads: key(), Writes: key()}
}
func (l *liar) Conflict(_, _ *gpuevm.Tx, _ gpuevm.Key) {}
func (l *liar) Outcome(_ *gpuevm.Tx, _ []gpuevm.Read)  {}

// ways are the configurations that must all give what a serial node gives.
func ways(seed int64) map[string]hostsched.Options {
	rnd := func() *rand.Rand { return rand.New(rand.NewSource(seed)) }
	cpu := fallback.New(2)
	slow := &delays{Engine: cpu, rnd: rnd()}
	all := map[string]hostsched.Options{
		"serial":     hostsched.Serial(cpu),
		"1 lane":     {Engine: cpu, Lanes: 1},
		"2 lanes":    {Engine: cpu, Lanes: 2},
		"8 lanes":    {Engine: slow, Referee: cpu, Lanes: 8},
		"unforeseen": {Engine: slow, Referee: cpu, Lanes: 8, Predictor: hostsched.NoPrediction{}},
		"deceived":   {Engine: slow, Referee: cpu, Lanes: 3, Predictor: &liar{rnd: rnd()}},
		"batches":    {Engine: cpu, Lanes: 1, Batch: 64},
		"recoverer":  {Engine: cpu, Lanes: 2, Recoverer: halfHearted{}},
	}
	if e := hostDevice(); e != nil {
		all["device"] = hostsched.Options{Engine: e, Referee: cpu, Recoverer: e, Lanes: 2, Batch: 64}
		all["device, deceived"] = hostsched.Options{Engine: e, Referee: cpu, Lanes: 3, Batch: 8, Predictor: &liar{rnd: rnd()}}
	}
	for name, o := range all {
		o.Settle = name != "1 lane"
		all[name] = o
	}
	return all
}

// hostDevice is an engine on this machine's cores as a device, one for all tests; nil
// where there is no compiler. It keeps its state table from block to block as far as the
// views allow.
var hostDevice = sync.OnceValue(func() *device.Engine {
	dev, err := cuda.OpenHost()
	if err != nil {
		return nil
	}
	e, err := device.New(dev, device.Options{CPU: fallback.New(2), Reopen: cuda.OpenHost})
	if err != nil {
		panic(err)
	}
	return e
})

// halfHearted recovers two of three senders.
type halfHearted struct{}

func (halfHearted) Recover(signer types.Signer, txs []*types.Transaction, from []common.Address, ok []bool) {
	for i, tx := range txs {
		addr, err := types.Sender(signer, tx)
		from[i], ok[i] = addr, err == nil && i%3 > 0
	}
}

func rounds(t *testing.T, n int) int {
	if s := os.Getenv("GPUEVM_ROUNDS"); s != "" {
		v, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if testing.Short() {
		return n / 10
	}
	return n
}

// TestSerialEquivalence runs random blocks in every way and in go-ethereum's.
func TestSerialEquivalence(t *testing.T) {
	defer hostsched.EarlyGroups(2)()
	var valid, invalid, again int
	for seed := range int64(rounds(t, 1000)) {
		v, r := checkSeed(t, seed, 2+int(seed%50))
		if v {
			valid++
		} else {
			invalid++
		}
		again += r
	}
	t.Logf("%d valid and %d invalid blocks, %d transactions executed again", valid, invalid, again)
	t.Logf("%d accounts were handed over early, %d changed again", early.accounts.Load(), early.broken.Load())
	if valid == 0 || again == 0 || early.accounts.Load() == 0 || early.broken.Load() == 0 {
		t.Fatal("the blocks test nothing")
	}
	if e := hostDevice(); e != nil {
		s := e.Stats()
		t.Log(s)
		if s.Kept == 0 || s.Faults > 0 {
			t.Errorf("the device kept its table %d times and failed %d times", s.Kept, s.Faults)
		}
	}
}

// early is over all blocks of the tests.
var early handed

func checkSeed(t *testing.T, seed int64, n int) (valid bool, again int) {
	w := newWorld(seed)
	parent := &types.Header{Number: big.NewInt(9), Time: 1000, Difficulty: big.NewInt(131072), GasLimit: 5_000_000}
	block := w.block(n, parent, seed%3 == 0)
	want := runGeth(t, w.config, parent, block, freshTries(t, w.alloc))
	for name, o := range ways(seed) {
		tries := freshTries(t, w.alloc)
		roots := newBoth(t, tries, w.alloc, &early)
		roots.wait = seed%2 == 0
		got, res := runOn(t, hostsched.New(o), w.config, parent, block, tries, roots)
		if d := got.diff(want); d != "" {
			t.Fatalf("seed %d, %s, %d txs, %s: ours against go-ethereum's: %s", seed, w.fork, n, name, d)
		}
		if res != nil {
			again += res.Stats.Reexecuted
		}
	}
	drop := hostsched.New(hostsched.Options{Engine: fallback.New(2), Lanes: 3})
	if d := runDropIn(t, drop, w.config, parent, block, freshTries(t, w.alloc)).diff(want); d != "" {
		t.Fatalf("seed %d, %s, %d txs, drop-in: ours against go-ethereum's: %s", seed, w.fork, n, d)
	}
	return want.err == "", again
}

func FuzzSerialEquivalence(f *testing.F) {
	f.Add(int64(1), uint8(10))
	f.Fuzz(func(t *testing.T, seed int64, n uint8) { checkSeed(t, seed, 1+int(n)%60) })
}

// TestCancel stops a block that would take minutes.
func TestCancel(t *testing.T) {
	w := newWorld(1)
	parent := &types.Header{Number: big.NewInt(9), Time: 1000, Difficulty: big.NewInt(131072)}
	h := types.CopyHeader(w.block(0, parent, false).Header())
	h.GasLimit = 1 << 60
	signer := types.MakeSigner(w.config, h.Number, h.Time)
	tx, err := types.SignNewTx(w.keys[0], signer, &types.LegacyTx{GasPrice: common.Big0, Gas: 1 << 50, To: &w.contracts[6], Value: common.Big0})
	if h.BaseFee != nil {
		h.BaseFee = common.Big0
	}
	if err != nil {
		t.Fatal(err)
	}
	block := types.NewBlockWithHeader(h).WithBody(types.Body{Transactions: types.Transactions{tx}})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	tries := freshTries(t, w.alloc)
	b := &hostsched.Block{Block: block, Config: w.config, Author: h.Coinbase, Pre: tries, BlockHash: func(uint64) common.Hash { return common.Hash{} }}
	start := time.Now()
	_, err = hostsched.New(hostsched.Options{Engine: fallback.New(2)}).Process(ctx, b)
	if err == nil || time.Since(start) > 5*time.Second {
		t.Fatalf("after %v: error %v", time.Since(start), err)
	}
	if got := fmt.Sprint(err); got != context.DeadlineExceeded.Error() {
		t.Fatalf("error %q does not say that time was up", got)
	}
}
