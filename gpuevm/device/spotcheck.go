package device

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/gpuevm"
)

// spotCheck runs one transaction of the batch on the CPU Engine and compares. It runs on
// what the device says it observed, since a scheduler's guess at the state may have
// changed meanwhile: where all observations hold, the result must be the same.
func (e *Engine) spotCheck(ctx context.Context, b *batch) error {
	i := rand.IntN(len(b.index))
	if b.lot[i].arena < 0 {
		return nil
	}
	at := b.index[i]
	r := &b.results[at]
	e.count.checks.Add(1)
	observed := &observedView{StateView: b.pre, cells: make(map[gpuevm.Key]common.Hash, len(r.Reads))}
	for k := range r.Reads {
		observed.cells[r.Reads[k].Key] = r.Reads[k].Value
	}
	again, err := e.options.CPU.Execute(ctx, b.env, b.txs[at:at+1], observed)
	if err != nil || again[0].Status == gpuevm.Unsupported {
		return nil // nothing was found out
	}
	if diff := difference(r, &again[0], observed); diff != "" {
		return fmt.Errorf("device: a wrong result, tx %v: %s", b.txs[at].Hash, diff)
	}
	return nil
}

// observedView answers what was observed, and the rest as the view below does.
type observedView struct {
	gpuevm.StateView
	cells map[gpuevm.Key]common.Hash
}

// Read implements gpuevm.StateView.
func (v *observedView) Read(k gpuevm.Key) (common.Hash, error) {
	if value, ok := v.cells[k]; ok {
		return value, nil
	}
	return v.StateView.Read(k)
}

// difference names what differs between two results of one transaction on a state.
func difference(a, b *gpuevm.Result, pre gpuevm.StateView) string {
	switch {
	case a.Status != b.Status:
		return fmt.Sprintf("%v (%v), not %v (%v)", a.Status, a.Err, b.Status, b.Err)
	case a.GasUsed != b.GasUsed:
		return fmt.Sprintf("gas %d, not %d", a.GasUsed, b.GasUsed)
	case !bytes.Equal(a.Output, b.Output):
		return "output"
	case a.PaysFee != b.PaysFee || a.Fee != b.Fee:
		return "fee"
	case len(a.Logs) != len(b.Logs):
		return "logs"
	case !slices.Equal(sorted(changes(a.Diff.Cells, pre)), sorted(changes(b.Diff.Cells, pre))) || !slices.Equal(sorted(a.Diff.Adds), sorted(b.Diff.Adds)):
		return "diff"
	}
	for i := range a.Logs {
		x, y := a.Logs[i], b.Logs[i]
		if x.Address != y.Address || !slices.Equal(x.Topics, y.Topics) || !bytes.Equal(x.Data, y.Data) {
			return fmt.Sprintf("log %d", i)
		}
	}
	return ""
}

// changes are the cells that are not as they were. Who has not looked whether an account is
// there writes that it is; and code that ends early, for lack of gas, looks at less.
func changes(cells []gpuevm.Cell, pre gpuevm.StateView) []gpuevm.Cell {
	return slices.DeleteFunc(slices.Clone(cells), func(c gpuevm.Cell) bool {
		before, err := pre.Read(c.Key)
		return err == nil && before == c.Value
	})
}

func sorted(cells []gpuevm.Cell) []gpuevm.Cell {
	out := slices.Clone(cells)
	slices.SortFunc(out, func(a, b gpuevm.Cell) int {
		return cmp.Or(bytes.Compare(a.Key.Addr[:], b.Key.Addr[:]), cmp.Compare(a.Key.Kind, b.Key.Kind), bytes.Compare(a.Key.Slot[:], b.Key.Slot[:]))
	})
	return out
}
