package store

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/gpuevm"
)

// BenchmarkAddCold resolves a block's diff of 10,000 accounts and slots that are in no cache: read
// from the device (as far as fadvise does what it says) and from the kernel's page cache, by
// one goroutine and by several, in turns.
func BenchmarkAddCold(b *testing.B) {
	s := benchStore(b, Options{BlockCache: 1 << 20})
	n := uint64(benchAccounts(b))
	for _, device := range []bool{true, false} {
		times := map[int][]time.Duration{}
		for round := range 7 {
			rng := rand.New(rand.NewPCG(uint64(round), 1))
			d := new(gpuevm.StateDiff)
			for range 5000 {
				i := rng.Uint64N(n)
				d.Cells = append(d.Cells,
					gpuevm.Cell{Key: key(person(i), gpuevm.Balance), Value: number(i)},
					gpuevm.Cell{Key: gpuevm.Key{Addr: person(i), Kind: gpuevm.Slot, Slot: number(i % 16)}, Value: number(1<<40 + uint64(round))})
			}
			for _, workers := range []int{1, 2, 4, 8} {
				if device {
					forgetFiles(b, s.dir)
				}
				s.accounts, s.slots = newCache[common.Address, account](128<<20, nil), newCache[slotKey, common.Hash](256<<20, nil)
				s.opt.Readers = workers
				start := time.Now()
				if _, err := s.resolve(s.queue.last, d); err != nil {
					b.Fatal(err)
				}
				times[workers] = append(times[workers], time.Since(start))
			}
		}
		for _, workers := range []int{1, 2, 4, 8} {
			slices.Sort(times[workers])
			b.Logf("from the device %v, %d goroutines: %v", device, workers, times[workers][3])
		}
	}
}

func forgetFiles(b *testing.B, dir string) {
	b.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range names {
		f, err := os.Open(name)
		if errors.Is(err, os.ErrNotExist) {
			continue // compacted away
		}
		if err != nil {
			b.Fatal(err)
		}
		_ = f.Sync()
		const dontNeed = 4
		if _, _, errno := syscall.Syscall6(syscall.SYS_FADVISE64, f.Fd(), 0, 0, dontNeed, 0, 0); errno != 0 {
			b.Fatal(errno)
		}
		_ = f.Close()
	}
}
