package hostsched_test

import (
	"context"
	"errors"
	"log/slog"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/core/vm/program"
	"github.com/ethereum/go-ethereum/trie"
	"github.com/gpuevm/gpuevm/fallback"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/hostsched"
	"github.com/gpuevm/gpuevm/statedb"
)

// coverage is over many blocks.
type coverage struct {
	tally
	blocks, changed, expected int // changed: accounts
}

func (c *coverage) count(r *recorder, d *gpuevm.StateDiff) {
	expected, changed := make(map[common.Address]bool), make(map[common.Address]bool)
	for key := range r.expected {
		expected[key.Addr] = true
	}
	for _, cell := range d.Cells {
		changed[cell.Key.Addr] = true
	}
	for addr := range changed {
		c.changed++
		if expected[addr] {
			c.expected++
		}
	}
	c.blocks++
	c.accounts += r.tally.accounts
	c.again += r.tally.again
	c.unchanged += r.tally.unchanged
	c.wiped += r.tally.wiped
	c.back += r.tally.back
	c.backLate += r.tally.backLate
}

// TestEarlyIsCommitted: in random blocks, run in every way, what is handed over is
// go-ethereum's state after the transaction just committed, all of it; and who applies each
// hand-over and then the rest arrives where the block's diff alone leads.
func TestEarlyIsCommitted(t *testing.T) {
	var c coverage
	for seed := range int64(rounds(t, 200)) {
		fork := worldForks[3+seed%int64(len(worldForks)-3)] // from Byzantium on
		w := newWorldOf(fork, seed)
		block := w.block(16+int(seed%40), earlyParent, seed%5 == 0)
		h := historyOf(t, w, earlyParent, block)
		for name, o := range ways(seed) {
			runRecorded(t, o, w, block, h, 2, &c)
			if t.Failed() {
				t.Fatalf("seed %d, %s, %s", seed, fork, name)
			}
		}
	}
	t.Logf("%+v", c)
	if c.blocks == 0 || c.again == 0 || c.wiped == 0 {
		t.Error("the blocks test nothing")
	}
	if c.unchanged > 0 {
		t.Errorf("%d accounts were handed over again, unchanged", c.unchanged)
	}
	if c.expected*10 < c.changed*9 {
		t.Errorf("%d of %d accounts that changed were expected to", c.expected, c.changed)
	}
}

var earlyParent = &types.Header{Number: big.NewInt(9), Time: 1000, Difficulty: big.NewInt(131072), GasLimit: 5_000_000}

func runRecorded(t *testing.T, o hostsched.Options, w *world, block *types.Block, h *history, group int, c *coverage) *recorder {
	t.Helper()
	defer hostsched.EarlyGroups(group)()
	o.Settle = true
	pre, err := statedb.FromAlloc(w.alloc)
	if err != nil {
		t.Fatal(err)
	}
	r := newRecorder(t, h, block, pre)
	res, err := hostsched.New(o).Process(context.Background(), &hostsched.Block{
		Block: block, Config: w.config, Author: block.Coinbase(), Pre: pre, Roots: r, DeferRoot: true,
		OnCommit:  func(i int) { r.committed = i + 1 },
		BlockHash: hostsched.BlockHashes(block.Header(), &testChain{w.config, earlyParent}),
	})
	if (err == nil) != (h.err == nil) {
		t.Fatalf("error %v, go-ethereum's %v", err, h.err)
	}
	if err != nil {
		return r
	}
	r.kept()
	alone := pre.Copy()
	if err := alone.Apply(res.Diff()); err != nil {
		t.Fatal(err)
	}
	if got := alone.AllocRoot(); got != h.root {
		t.Errorf("the block's diff leads to root %s, go-ethereum to %s", got, h.root)
	}
	if got := r.mem.AllocRoot(); got != h.root {
		t.Errorf("hand-overs and the rest lead to root %s, go-ethereum to %s", got, h.root)
	}
	c.count(r, res.Diff())
	return r
}

// flips is a block whose transactions all flip one slot, none of them by calling its contract
// itself: nobody knows before they are executed.
func flips(n int) (w *world, block *types.Block, flipper common.Address) {
	w = newWorldOf("Osaka", 1)
	flipper = common.BytesToAddress([]byte{0xf1})
	w.alloc[flipper] = types.Account{Nonce: 1, Balance: new(big.Int), Code: program.New().Push(1).Op(vm.SLOAD, vm.ISZERO).Push(1).Op(vm.SSTORE).Bytes()}
	call := program.New().Push(0).Push(0).Push(0).Push(0).Push(0).Push(flipper).Push(60_000).Op(vm.CALL, vm.POP).Bytes()
	empty := w.block(0, earlyParent, false)
	h := types.CopyHeader(empty.Header())
	h.Coinbase = common.BytesToAddress([]byte{0xcb})
	body := types.Body{Withdrawals: types.Withdrawals{}}
	signer := types.MakeSigner(w.config, h.Number, h.Time)
	for i := range n {
		to := common.BytesToAddress([]byte{0xf2, byte(i)})
		w.alloc[to] = types.Account{Nonce: 1, Balance: new(big.Int), Code: call}
		body.Transactions = append(body.Transactions, types.MustSignNewTx(w.keys[i%5], signer, &types.LegacyTx{
			Nonce: uint64(i / 5), GasPrice: big.NewInt(9), Gas: 120_000, To: &to, Value: new(big.Int),
		}))
	}
	return w, types.NewBlock(h, &body, nil, trie.NewStackTrie(nil)), flipper
}

// TestEarlyThereAndBack: a cell that is handed over and becomes again what it was before the
// block is in no diff of the block, yet whoever has the other value must be told.
func TestEarlyThereAndBack(t *testing.T) {
	cpu := fallback.New(1)
	var c coverage
	unclaimed := 0
	for n := 16; n < 24; n++ {
		w, block, flipper := flips(n)
		h := historyOf(t, w, earlyParent, block)
		for group := 2; group < 6; group++ {
			runRecorded(t, hostsched.Serial(cpu), w, block, h, group, &c)
			r := runRecorded(t, hostsched.Options{
				Engine: lost{}, Referee: cpu, Lanes: 1, Predictor: hostsched.NoPrediction{}, Log: slog.New(slog.DiscardHandler),
			}, w, block, h, group, &c)
			r.checkLost()
			if _, ok := r.last[flipper]; ok { // else it was as before the block each time
				unclaimed++
			}
		}
	}
	t.Logf("%+v", c)
	if c.back == 0 || c.backLate == 0 || unclaimed == 0 {
		t.Errorf("too little went there and back; what nobody claimed settled in %d blocks", unclaimed)
	}
}

// TestEarlyClaims: while somebody is known to change it, an account is not handed over, and
// when nobody is any longer it is.
func TestEarlyClaims(t *testing.T) {
	cpu := fallback.New(1)
	var c coverage
	once := 0
	for n := 16; n < 24; n++ {
		w, block, flipper := flips(n)
		h := historyOf(t, w, earlyParent, block)
		foreseen := foresight{{Addr: flipper, Kind: gpuevm.Slot, Slot: common.Hash{31: 1}}}
		for name, o := range map[string]hostsched.Options{ // all is known before the first is committed
			"executed": {Engine: cpu, Predictor: hostsched.NoPrediction{}, Batch: 64},
			"foreseen": {Engine: lost{}, Referee: cpu, Predictor: foreseen, Log: slog.New(slog.DiscardHandler)},
		} {
			o.Lanes, o.Recoverer = 1, halfHearted{}
			switch times := runRecorded(t, o, w, block, h, 2, &c).handed(flipper); {
			case times > 1:
				t.Errorf("%s, %d transactions: handed over %d times", name, n, times)
			case times == 1:
				once++
			}
		}
	}
	if once != 8 { // of 16: every other block ends as it began, which is nothing to hand over
		t.Errorf("handed over in %d of 16 blocks", once)
	}
}

// foresight predicts that every transaction writes these keys.
type foresight []gpuevm.Key

func (f foresight) Predict(*gpuevm.Tx) gpuevm.AccessSet  { return gpuevm.AccessSet{Writes: f} }
func (foresight) Conflict(_, _ *gpuevm.Tx, _ gpuevm.Key) {}
func (foresight) Outcome(_ *gpuevm.Tx, _ []gpuevm.Read)  {}

// lost is an Engine that never answers.
type lost struct{}

func (lost) Execute(context.Context, *gpuevm.BlockEnv, []gpuevm.Tx, gpuevm.StateView) ([]gpuevm.Result, error) {
	return nil, errors.New("device lost")
}

// checkLost: where nothing is executed ahead, senders and recipients are expected all the
// same.
func (r *recorder) checkLost() {
	signer := types.LatestSignerForChainID(r.block.Transactions()[0].ChainId())
	for _, tx := range r.block.Transactions() {
		from, err := types.Sender(signer, tx)
		if err != nil || !r.expected[gpuevm.Key{Addr: from}] || !r.expected[gpuevm.Key{Addr: *tx.To()}] {
			r.t.Errorf("%s or %s was not expected (%v)", from, tx.To(), err)
		}
	}
}

// TestEarlyNotWorthIt: small blocks, and those that want a root after every transaction,
// are told of at the end only.
func TestEarlyNotWorthIt(t *testing.T) {
	defer hostsched.EarlyGroups(1)()
	for _, c := range []struct {
		fork string
		txs  int
		told bool
	}{{"Osaka", 15, false}, {"Osaka", 16, true}, {"EIP158", 40, false}, {"Byzantium", 40, true}} {
		count := new(handed)
		for seed := range int64(5) {
			w := newWorldOf(c.fork, seed)
			block := w.block(c.txs, earlyParent, false)
			tries := freshTries(t, w.alloc)
			p := hostsched.New(hostsched.Options{Engine: fallback.New(2), Lanes: 2, Settle: true})
			runOn(t, p, w.config, earlyParent, block, tries, newBoth(t, tries, w.alloc, count))
		}
		if told := count.expected.Load() > 0 && count.accounts.Load() > 0; told != c.told || !told && count.expected.Load() > 0 {
			t.Errorf("%s, %d transactions: %d keys expected, %d accounts settled", c.fork, c.txs, count.expected.Load(), count.accounts.Load())
		}
	}
}
