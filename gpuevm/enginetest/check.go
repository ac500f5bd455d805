package enginetest

import (
	"context"
	"fmt"
	"math/rand"
	"slices"
	"sync"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/holiman/uint256"
)

// census counts what the random transactions came to, so that a generator that has gone
// stale (everything out of gas, say) is noticed.
type census struct {
	status     [gpuevm.Unsupported + 1]int
	errors     map[string]int
	logs, adds int
	created    int
	wiped      int
	atLeast    int
	unobserved int // cells read that the result does not depend on
}

func (c *census) count(r *gpuevm.Result) {
	c.status[r.Status]++
	if c.errors == nil {
		c.errors = make(map[string]int)
	}
	if r.Err != nil && r.Status != gpuevm.Invalid {
		c.errors[fmt.Sprintf("%.20s", r.Err.Error())]++
	}
	c.logs += len(r.Logs)
	c.adds += len(r.Diff.Adds)
	c.created += len(r.Diff.Codes)
	c.wiped += len(r.Diff.Wiped)
	for i := range r.Reads {
		if r.Reads[i].Op == gpuevm.AtLeast {
			c.atLeast++
		}
	}
}

func (c *census) String() string {
	return fmt.Sprintf("success %d, reverted %d, halted %d %v, invalid %d; %d logs, %d codes, %d wiped, %d lower bounds, %d reads without observation",
		c.status[gpuevm.Success], c.status[gpuevm.Reverted], c.status[gpuevm.Halted], c.errors, c.status[gpuevm.Invalid], c.logs, c.created, c.wiped, c.atLeast, c.unobserved)
}

func (c *census) verify(t *testing.T, worlds int) {
	if worlds < 8 {
		return
	}
	if c.status[gpuevm.Success] < 4*worlds || c.logs == 0 || c.created == 0 || c.status[gpuevm.Halted] == 0 {
		t.Errorf("the programs do too little: %v", c)
	}
}

// check runs a batch on the world and judges every result.
func (w *world) check(t *testing.T, engine gpuevm.Engine, txs []gpuevm.Tx, c *census) {
	t.Helper()
	ref, err := newReferee(w.env, w.pre)
	if err != nil {
		t.Fatal(err)
	}
	results, err := engine.Execute(context.Background(), w.env, txs, w.pre)
	if err != nil {
		t.Fatal(err)
	}
	if len(results) != len(txs) {
		t.Fatalf("%d results for %d transactions", len(results), len(txs))
	}
	for i := range results {
		r, tx := &results[i], &txs[i]
		c.count(r)
		if r.Status == gpuevm.Unsupported {
			t.Logf("tx %d: unsupported: %v", i, r.Err) // the scheduler's referee takes it
			continue
		}
		if err := ref.compare(tx, r, w.pre); err != nil {
			t.Errorf("tx %d to %v: %v", i, tx.To, err)
			continue
		}
		if err := observed(r, w.pre); err != nil {
			t.Errorf("tx %d to %v: %v", i, tx.To, err)
		}
	}
	for range 2 {
		w.again(t, engine, txs, results, c)
	}
}

// observed checks that what was observed is true of the state.
func observed(r *gpuevm.Result, pre *cells) error {
	for i := range r.Reads {
		if !r.Reads[i].Holds(pre.values[r.Reads[i].Key]) {
			return fmt.Errorf("observed %+v, which the state does not have", r.Reads[i])
		}
	}
	return nil
}

// again executes every transaction on a state in which everything that it observed holds
// and nothing else does: lower bounds are exact, unobserved cells have other values. The
// result must be the same, or what was observed was not all that mattered.
func (w *world) again(t *testing.T, engine gpuevm.Engine, txs []gpuevm.Tx, results []gpuevm.Result, c *census) {
	t.Helper()
	for i := range txs {
		if results[i].Status == gpuevm.Unsupported {
			continue
		}
		view := newScrambled(w, results[i].Reads)
		second, err := engine.Execute(context.Background(), w.env, txs[i:i+1], view)
		if err != nil {
			t.Fatal(err)
		}
		c.unobserved += view.unobserved
		if err := sameResult(&results[i], &second[0]); err != nil {
			t.Errorf("tx %d to %v, on a state that agrees with all it observed: %v\nobserved: %v", i, txs[i].To, err, results[i].Reads)
		}
	}
}

// scrambled is a state of which only the observed part is known.
type scrambled struct {
	w        *world
	observed map[gpuevm.Key]gpuevm.Read
	seed     int64

	mu         sync.Mutex
	unobserved int
}

func newScrambled(w *world, reads []gpuevm.Read) *scrambled {
	s := &scrambled{w: w, observed: make(map[gpuevm.Key]gpuevm.Read), seed: w.rnd.Int63()}
	for _, r := range reads {
		s.observed[r.Key] = r
	}
	return s
}

// Read implements gpuevm.StateView.
func (s *scrambled) Read(k gpuevm.Key) (common.Hash, error) {
	if r, ok := s.observed[k]; ok {
		return r.Value, nil // of a lower bound: just that
	}
	s.mu.Lock()
	s.unobserved++
	s.mu.Unlock()
	if k.Kind == gpuevm.Exists && s.surelyExists(k.Addr) {
		return common.Hash{31: 1}, nil
	}
	if s.surelyMissing(k.Addr) {
		return common.Hash{}, nil
	}
	rnd := rand.New(rand.NewSource(s.seed ^ int64(k.Addr[0])<<8 ^ int64(k.Addr[19])<<32 ^ int64(k.Kind)<<16 ^ int64(k.Slot[31])<<24))
	switch k.Kind {
	case gpuevm.Exists:
		return common.Hash{31: byte(rnd.Intn(2))}, nil
	case gpuevm.Nonce:
		return uint256.NewInt(uint64(rnd.Intn(3) * rnd.Intn(1000))).Bytes32(), nil
	case gpuevm.Balance:
		return uint256.NewInt(uint64(rnd.Int63n(3) * rnd.Int63n(1e18))).Bytes32(), nil
	case gpuevm.CodeHash:
		hashes := s.w.hashes
		return hashes[rnd.Intn(len(hashes))], nil
	default:
		return common.Hash{31: byte(rnd.Intn(3)), 30: byte(rnd.Intn(2))}, nil
	}
}

// surelyExists and surelyMissing keep the state one that can be: an account with a field
// exists, one that does not exist has none.
func (s *scrambled) surelyExists(addr common.Address) bool {
	for k, r := range s.observed {
		if k.Addr == addr && r.Value != (common.Hash{}) {
			return true
		}
	}
	return false
}

func (s *scrambled) surelyMissing(addr common.Address) bool {
	r, ok := s.observed[gpuevm.Key{Addr: addr, Kind: gpuevm.Exists}]
	return ok && r.Value == (common.Hash{})
}

// Code implements gpuevm.StateView.
func (s *scrambled) Code(hash common.Hash) ([]byte, error) { return s.w.pre.Code(hash) }

// sameResult compares two results of one transaction.
func sameResult(a, b *gpuevm.Result) error {
	switch {
	case a.Status != b.Status || text(a.Err) != text(b.Err):
		return fmt.Errorf("%v (%v), then %v (%v)", a.Status, a.Err, b.Status, b.Err)
	case a.GasUsed != b.GasUsed || a.ExecutionGas != b.ExecutionGas || a.StateGas != b.StateGas:
		return fmt.Errorf("gas %d, then %d", a.GasUsed, b.GasUsed)
	case string(a.Output) != string(b.Output):
		return fmt.Errorf("output %x, then %x", a.Output, b.Output)
	case a.PaysFee != b.PaysFee || a.Fee != b.Fee:
		return fmt.Errorf("fee %v, then %v", &a.Fee, &b.Fee)
	}
	if err := sameLogs(a.Logs, b.Logs); err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		a, b any
	}{
		{"observations", sortedReads(a.Reads), sortedReads(b.Reads)},
		{"cells", sortedCells(a.Diff.Cells), sortedCells(b.Diff.Cells)},
		{"additions", sortedCells(a.Diff.Adds), sortedCells(b.Diff.Adds)},
		{"wiped accounts", len(a.Diff.Wiped), len(b.Diff.Wiped)},
	} {
		if x, y := fmt.Sprint(f.a), fmt.Sprint(f.b); x != y {
			return fmt.Errorf("%s\n%s, then\n%s", f.name, x, y)
		}
	}
	return nil
}

func sortedReads(list []gpuevm.Read) []gpuevm.Read {
	out := slices.Clone(list)
	slices.SortFunc(out, func(a, b gpuevm.Read) int { return compareKeys(a.Key, b.Key) })
	return out
}

func sortedCells(list []gpuevm.Cell) []gpuevm.Cell {
	out := slices.Clone(list)
	slices.SortFunc(out, func(a, b gpuevm.Cell) int { return compareKeys(a.Key, b.Key) })
	return out
}
