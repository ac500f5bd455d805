package bulk

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/statedb/store"
)

// people is a source of n accounts, each with a slot, and one account with n slots more.
func people(n int) Source {
	return funcSource(func(to Sink) (common.Hash, error) {
		for i := range uint64(n) {
			if err := to.Slot(word(i), word(i+1)); err != nil {
				return common.Hash{}, err
			}
		}
		for i := range uint64(n) {
			var a Account
			binary.BigEndian.PutUint64(a.Addr[:], i*0x9e3779b97f4a7c15)
			binary.BigEndian.PutUint64(a.Addr[12:], i)
			a.Nonce, a.Balance = i, word(i<<20)
			if i > 0 {
				if err := to.Slot(word(i%16), word(i)); err != nil {
					return common.Hash{}, err
				}
			}
			if err := to.Account(a); err != nil {
				return common.Hash{}, err
			}
		}
		return common.Hash{}, nil
	})
}

// peak is the largest heap while something runs.
func peak(do func()) uint64 {
	ctx, stop := context.WithCancel(context.Background())
	most := make(chan uint64)
	go func() {
		var m runtime.MemStats
		top := uint64(0)
		for ctx.Err() == nil {
			runtime.ReadMemStats(&m)
			top = max(top, m.HeapInuse)
			time.Sleep(20 * time.Millisecond)
		}
		most <- top
	}()
	do()
	stop()
	return <-most
}

// BenchmarkState imports a state, verifies it, dumps it, and imports the dump.
// GPUEVM_ACCOUNTS says how many accounts there are, and GPUEVM_MEMORY how many MiB there is
// for sorting.
func BenchmarkState(b *testing.B) {
	n, memory := 200_000, 256
	if v, err := strconv.Atoi(os.Getenv("GPUEVM_ACCOUNTS")); err == nil {
		n = v
	}
	if v, err := strconv.Atoi(os.Getenv("GPUEVM_MEMORY")); err == nil {
		memory = v
	}
	records := float64(3 * n)
	opt := Options{Memory: memory << 20}
	report := func(name string, do func() *Report) {
		start := time.Now()
		var rep *Report
		heap := peak(func() { rep = do() })
		took := time.Since(start)
		b.Logf("%s: %v, %.0f records/s, peak heap %d MiB; %d nodes, %d MiB spilled; flat %v, top %v, rest %v", name, took.Round(time.Millisecond),
			records/took.Seconds(), heap>>20, rep.Nodes, rep.Spilled>>20, rep.Flat.Round(time.Millisecond), rep.Top.Round(time.Millisecond), rep.Rest.Round(time.Millisecond))
	}
	for b.Loop() {
		s, err := store.Open(b.TempDir(), store.Options{})
		if err != nil {
			b.Fatal(err)
		}
		importInto := func(s *store.Store, src Source) func() *Report {
			return func() *Report {
				rep, err := Import(b.Context(), s, 0, common.Hash{1}, common.Hash{}, src, opt)
				if err != nil {
					b.Fatal(err)
				}
				return rep
			}
		}
		report("import", importInto(s, people(n)))
		report("verify", func() *Report {
			rep, err := Verify(b.Context(), s, opt)
			if err != nil || rep.Err() != nil {
				b.Fatal(err, rep.Err())
			}
			return rep
		})
		var dump bytes.Buffer
		report("dump", func() *Report {
			if err := Dump(b.Context(), s, &dump); err != nil {
				b.Fatal(err)
			}
			return new(Report)
		})
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		if s, err = store.Open(b.TempDir(), store.Options{}); err != nil {
			b.Fatal(err)
		}
		b.Logf("a dump of %d MiB", dump.Len()>>20)
		report("import of the dump", importInto(s, DumpReader(&dump)))
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
