package spectest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gpuevm/gpuevm/fallback"
	"github.com/gpuevm/gpuevm/gpuevm/enginetest/shareddata"
	"github.com/gpuevm/gpuevm/gpuevm/enginetest/specfile"
)

// archives are run whole with GPUEVM_FULL=1, which takes three minutes on two cores;
// otherwise every n-th file of each, which takes some twenty seconds.
var archives = []struct {
	name  string
	every int
}{
	{"statetests-legacy-constantinople", 10},
	{"statetests-legacy-cancun", 10},
	{"statetests-eest", 10},
	{"blocktests-classic", 10},
	{"blocktests-eest", 5},
	{"blocktests-benchmark", 20},
}

func TestSpec(t *testing.T) {
	dir := shareddata.Folder(t, "conformance")
	known, err := specfile.ReadDeviations(filepath.Join(dir, "known-deviations.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	full, only := os.Getenv("GPUEVM_FULL") == "1", os.Getenv("GPUEVM_ARCHIVE")
	for _, a := range archives {
		if !strings.Contains(a.name, only) {
			continue
		}
		t.Run(a.name, func(t *testing.T) {
			r := &Runner{Engine: fallback.New(0), Index: -1, Known: known, Every: a.every}
			if full {
				r.Every = 1
			}
			sum, err := r.Paths(context.Background(), Any, filepath.Join(dir, a.name+".tar.gz"))
			if err != nil {
				t.Fatal(err)
			}
			t.Log(sum)
			reportResults(t, sum)
		})
	}
}

func reportResults(t *testing.T, sum *Summary) {
	const most = 50
	slow := &Result{}
	for i := range sum.Results {
		r := &sum.Results[i]
		if r.Seconds > slow.Seconds {
			slow = r
		}
		switch {
		case r.Pass && r.Known != nil:
			t.Logf("passes though listed: %s (%s)", strings.ReplaceAll(r.ID(), "\t", " "), r.Known.Reason)
		case !r.Pass && r.Known != nil:
			t.Logf("known deviation: %s (%s)", strings.ReplaceAll(r.ID(), "\t", " "), r.Known.Reason)
		case !r.Pass && sum.Failed <= most:
			t.Errorf("%s: %s", strings.ReplaceAll(r.ID(), "\t", " "), r.Error)
		}
	}
	if sum.Failed > most {
		t.Errorf("%d tests failed", sum.Failed)
	}
	if slow.Seconds > 5 {
		t.Logf("slowest: %.1fs %s", slow.Seconds, slow.Name)
	}
}
