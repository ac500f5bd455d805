package statedb

import (
	"fmt"
	"maps"
	"math/rand"
	"strings"
	"sync"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/holiman/uint256"
)

// world runs the same random changes through Mem, Tries and go-ethereum's StateDB.
type world struct {
	t     *testing.T
	rnd   *rand.Rand
	mem   *Mem
	tries *Tries
	geth  *state.StateDB
	known map[gpuevm.Key]bool
}

var frontier = params.Rules{} // empty accounts stay

func newWorld(t *testing.T, seed int64, alloc types.GenesisAlloc) *world {
	mem, err := FromAlloc(alloc)
	if err != nil {
		t.Fatal(err)
	}
	tries, err := TriesFromAlloc(alloc)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, rnd: rand.New(rand.NewSource(seed)), mem: mem, tries: tries, known: make(map[gpuevm.Key]bool)}
	w.openGeth()
	return w
}

func (w *world) openGeth() {
	var err error
	if w.geth, err = state.New(w.tries.ViewRoot(), w.tries.Database()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) addr() common.Address {
	return common.BytesToAddress(crypto.Keccak256([]byte{byte(w.rnd.Intn(60))}))
}

func (w *world) slot() common.Hash { return word(uint64(w.rnd.Intn(24))) }

// change makes one random transaction: its diff, and the same done to go-ethereum.
func (w *world) change() *gpuevm.StateDiff {
	d := new(gpuevm.StateDiff)
	seen := make(map[common.Address]bool)
	for range 1 + w.rnd.Intn(6) {
		addr := w.addr()
		if !seen[addr] {
			seen[addr] = true
			w.changeAccount(d, addr)
		}
	}
	w.geth.Finalise(frontier)
	return d
}

func (w *world) changeAccount(d *gpuevm.StateDiff, addr common.Address) {
	cell := func(kind gpuevm.Kind, slot, value common.Hash) {
		key := gpuevm.Key{Addr: addr, Kind: kind, Slot: slot}
		w.known[key] = true
		d.Cells = append(d.Cells, gpuevm.Cell{Key: key, Value: value})
	}
	exists := w.geth.Exist(addr)
	if exists && w.rnd.Intn(5) == 0 {
		d.Wiped = append(d.Wiped, addr)
		for kind := gpuevm.Exists; kind < gpuevm.Slot; kind++ {
			cell(kind, common.Hash{}, common.Hash{})
		}
		w.geth.SelfDestruct(addr)
		return
	}
	if !exists {
		cell(gpuevm.Exists, common.Hash{}, one)
		w.geth.CreateAccount(addr)
	}
	switch w.rnd.Intn(4) {
	case 0:
		v := w.rnd.Uint64()
		cell(gpuevm.Nonce, common.Hash{}, word(v))
		w.geth.SetNonce(addr, v, tracing.NonceChangeUnspecified)
	case 1:
		code := fmt.Appendf(nil, "code %d", w.rnd.Intn(9))
		hash := crypto.Keccak256Hash(code)
		cell(gpuevm.CodeHash, common.Hash{}, hash)
		d.Codes = append(d.Codes, gpuevm.Code{Hash: hash, Blob: code})
		w.geth.SetCode(addr, code, tracing.CodeChangeUnspecified)
	}
	if v := uint256.NewInt(w.rnd.Uint64()); w.rnd.Intn(2) == 0 {
		cell(gpuevm.Balance, common.Hash{}, v.Bytes32())
		w.geth.SetBalance(addr, v, tracing.BalanceChangeUnspecified)
	} else {
		v.Lsh(v, uint(w.rnd.Intn(250))) // overflows at times, as a debit does
		d.Adds = append(d.Adds, gpuevm.Cell{Key: gpuevm.Key{Addr: addr, Kind: gpuevm.Balance}, Value: v.Bytes32()})
		w.geth.SetBalance(addr, v.Add(v, w.geth.GetBalance(addr)), tracing.BalanceChangeUnspecified)
	}
	slots := make(map[common.Hash]common.Hash)
	for range w.rnd.Intn(12) {
		var v common.Hash
		if w.rnd.Intn(3) > 0 {
			v = word(uint64(w.rnd.Intn(1000)))
		}
		slots[w.slot()] = v
	}
	for slot, v := range slots {
		cell(gpuevm.Slot, slot, v)
		w.geth.SetState(addr, slot, v)
	}
}

func (w *world) check(what string) {
	w.t.Helper()
	want := w.geth.IntermediateRoot(frontier)
	if got := w.mem.AllocRoot(); got != want {
		w.t.Fatalf("%s: Mem has root %s, go-ethereum %s", what, got, want)
	}
	got, err := w.tries.Root()
	if err != nil {
		w.t.Fatal(err)
	}
	if got != want {
		w.t.Fatalf("%s: Tries have root %s, go-ethereum %s", what, got, want)
	}
}

func (w *world) apply(d *gpuevm.StateDiff) {
	w.t.Helper()
	if err := w.mem.Apply(d); err != nil {
		w.t.Fatal(err)
	}
	if err := w.tries.Apply(d); err != nil {
		w.t.Fatal(err)
	}
}

// next commits the tries, and reads every cell that was ever written back from them.
func (w *world) next() {
	w.t.Helper()
	tries, err := w.tries.Commit()
	if err != nil {
		w.t.Fatal(err)
	}
	w.tries = tries
	w.openGeth()
	for key := range w.known {
		want, _ := w.mem.Read(key)
		got, err := tries.Read(key)
		if err != nil {
			w.t.Fatal(err)
		}
		if got != want {
			w.t.Fatalf("%s: Tries have %s, Mem %s", key, got, want)
		}
		if key.Kind == gpuevm.CodeHash && got != (common.Hash{}) {
			a, err := tries.Code(got)
			if err != nil {
				w.t.Fatal(err)
			}
			if b, _ := w.mem.Code(got); string(a) != string(b) {
				w.t.Fatalf("%s: codes differ", key)
			}
		}
	}
}

var someAlloc = types.GenesisAlloc{
	{1}: {Balance: common.Big1, Nonce: 3, Code: []byte{0x60}, Storage: map[common.Hash]common.Hash{{5}: {6}, {7}: {}}},
	{2}: {Balance: common.Big0},
	{3}: {Balance: common.Big2},
}

func TestRootEveryTransaction(t *testing.T) {
	for seed := range int64(20) {
		w := newWorld(t, seed, someAlloc)
		w.check("at first")
		for block := range 6 {
			for tx := range 10 {
				w.apply(w.change())
				w.check(fmt.Sprintf("seed %d, block %d, tx %d", seed, block, tx))
			}
			w.next()
		}
	}
}

func TestRootEveryBlock(t *testing.T) {
	for seed := range int64(20) {
		w := newWorld(t, seed, nil)
		for block := range 6 {
			for range 40 {
				w.apply(w.change())
			}
			w.check(fmt.Sprintf("seed %d, block %d", seed, block))
			w.next()
		}
	}
}

// One diff may destroy an account and make it again.
func TestWipedAndMadeAgain(t *testing.T) {
	w := newWorld(t, 1, someAlloc)
	addr := common.Address{1}
	w.geth.SelfDestruct(addr)
	w.geth.Finalise(frontier)
	w.geth.CreateAccount(addr)
	w.geth.SetState(addr, common.Hash{9}, common.Hash{8})
	w.geth.Finalise(frontier)
	w.apply(&gpuevm.StateDiff{
		Wiped: []common.Address{addr},
		Cells: []gpuevm.Cell{
			{Key: gpuevm.Key{Addr: addr, Kind: gpuevm.Slot, Slot: common.Hash{9}}, Value: common.Hash{8}},
			{Key: gpuevm.Key{Addr: addr, Kind: gpuevm.Nonce}},
			{Key: gpuevm.Key{Addr: addr, Kind: gpuevm.Balance}},
			{Key: gpuevm.Key{Addr: addr, Kind: gpuevm.CodeHash}},
		},
	})
	w.check("made again")
	w.next()
}

func TestAllocRoundTrip(t *testing.T) {
	mem, _ := FromAlloc(someAlloc)
	again, err := FromAlloc(mem.Alloc())
	if err != nil {
		t.Fatal(err)
	}
	if mem.AllocRoot() != again.AllocRoot() {
		t.Error("Alloc loses something")
	}
	if copied := again.Copy(); copied.AllocRoot() != mem.AllocRoot() {
		t.Error("Copy loses something")
	} else if copied.accounts[common.Address{1}].set(common.Hash{5}, common.Hash{}); again.AllocRoot() != mem.AllocRoot() {
		t.Error("Copy shares storage")
	}
	loaded := NewMem(map[common.Hash][]byte{crypto.Keccak256Hash([]byte{0x60}): {0x60}})
	loaded.SetAccount(common.Address{1}, Account{Nonce: 3, Balance: uint256.NewInt(1), CodeHash: crypto.Keccak256Hash([]byte{0x60}),
		Storage: maps.Clone(someAlloc[common.Address{1}].Storage)})
	loaded.SetAccount(common.Address{2}, Account{CodeHash: types.EmptyCodeHash})
	loaded.SetAccount(common.Address{3}, Account{Balance: uint256.NewInt(2)})
	if mem.AllocRoot() != loaded.AllocRoot() {
		t.Error("SetAccount and FromAlloc disagree")
	}
	if got := NewMem(nil).AllocRoot(); got != types.EmptyRootHash {
		t.Errorf("no accounts have root %s", got)
	}
}

func TestDiffOfNothing(t *testing.T) {
	ghost := &gpuevm.StateDiff{Adds: []gpuevm.Cell{{Key: gpuevm.Key{Addr: common.Address{9}, Kind: gpuevm.Balance}, Value: one}}}
	mem, _ := FromAlloc(someAlloc)
	tries, _ := TriesFromAlloc(someAlloc)
	for _, err := range []error{mem.Apply(ghost), tries.Apply(ghost)} {
		if err == nil || !strings.Contains(err.Error(), "0x0900") || !strings.Contains(err.Error(), "balance") {
			t.Errorf("an account with a balance that does not exist: %v", err)
		}
	}
}

func TestCodeNotThere(t *testing.T) {
	mem, _ := FromAlloc(someAlloc)
	tries, _ := TriesFromAlloc(someAlloc)
	for _, view := range []gpuevm.StateView{mem, tries} {
		if _, err := view.Code(common.Hash{0xab}); err == nil || !strings.Contains(err.Error(), "0xab00") {
			t.Errorf("%T: %v", view, err)
		}
	}
}

func TestCommittedTriesAreAView(t *testing.T) {
	tries, _ := TriesFromAlloc(someAlloc)
	if _, err := tries.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := tries.Apply(new(gpuevm.StateDiff)); err != errCommitted {
		t.Errorf("Apply: %v", err)
	}
	if _, err := tries.Root(); err != errCommitted {
		t.Errorf("Root: %v", err)
	}
	if v, err := tries.Read(gpuevm.Key{Addr: common.Address{1}, Kind: gpuevm.Nonce}); err != nil || v != word(3) {
		t.Errorf("Read: %s, %v", v, err)
	}
}

func TestConcurrentReads(t *testing.T) {
	w := newWorld(t, 7, nil)
	for range 200 {
		w.apply(w.change())
	}
	w.next()
	d := w.change()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for key := range w.known {
				want, _ := w.mem.Read(key)
				if got, err := w.tries.Read(key); err != nil || got != want {
					t.Errorf("%s: %s, want %s, %v", key, got, want, err)
				}
			}
		})
	}
	if err := w.tries.Apply(d); err != nil { // beside the readers, who must not see it
		t.Error(err)
	}
	if _, err := w.tries.Root(); err != nil {
		t.Error(err)
	}
	wg.Wait()
}
