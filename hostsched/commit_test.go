package hostsched

import (
	"testing"

	"github.com/gpuevm/gpuevm/gpuevm"
)

// TestTightFit: whether a transaction still fits into the block is judged on the exact
// pool as soon as it could be in doubt, also where EIP-8037's two dimensions let the
// receipts add up to more than the limit.
func TestTightFit(t *testing.T) {
	tx, result := &gpuevm.Tx{Gas: 30}, &gpuevm.Result{}
	for _, c := range []struct {
		pool gpuevm.GasPool
		want bool
	}{
		{gpuevm.GasPool{Limit: 100}, true},
		{gpuevm.GasPool{Limit: 100, Receipts: 70}, true},
		{gpuevm.GasPool{Limit: 100, Receipts: 71}, false},
		{gpuevm.GasPool{Limit: 100, Receipts: 10, State: 71}, false},
		{gpuevm.GasPool{Limit: 100, Receipts: 150, Execution: 80, State: 70}, false},
	} {
		l := &ledger{pool: c.pool}
		if got := l.stands(tx, result, true); got != c.want {
			t.Errorf("%+v: stands %t, want %t", c.pool, got, c.want)
		}
	}
}
