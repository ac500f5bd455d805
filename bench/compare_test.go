package bench

import (
	"context"
	"strings"
	"testing"

	"github.com/gpuevm/gpuevm/fallback"
)

func TestCompare(t *testing.T) {
	*mgas = 4
	defer func() { *mgas = 1000 }()
	jobs := jobsOf(t, "mixed")
	sides := []*Side{GethSide(false), GethSide(true), OurSide(fallback.New(2), 2)}
	samples, err := Compare(context.Background(), jobs, sides, 3)
	if err != nil {
		t.Fatal(err)
	}
	for i, side := range sides {
		s := samples[0][i]
		if len(s) != 3 || s[0].Gas == 0 || samples[0].Median(i) <= 0 {
			t.Errorf("%s: samples %v", side, s)
		}
	}
	if txs := samples[0][2][0].Stats.Txs; txs != len(jobs[0].Block.Transactions()) {
		t.Errorf("ran %d of %d transactions", txs, len(jobs[0].Block.Transactions()))
	}
}

// TestCompareDisagree: a side that makes something else of a block can't be measured.
func TestCompareDisagree(t *testing.T) {
	*mgas = 1
	defer func() { *mgas = 1000 }()
	honest := GethSide(false)
	cheat := &Side{Name: "cheat", Threads: 9, Begin: func() func(context.Context, *Job) (Outcome, error) {
		run := honest.Begin()
		return func(ctx context.Context, job *Job) (Outcome, error) {
			o, err := run(ctx, job)
			o.Receipts[0]++
			return o, err
		}
	}}
	_, err := Compare(context.Background(), jobsOf(t, "erc20"), []*Side{honest, cheat}, 1)
	if err == nil || !strings.Contains(err.Error(), "cheat") {
		t.Fatalf("error %v", err)
	}
}
