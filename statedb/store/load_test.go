package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/gpuevm/gpuevm/gpuevm"
)

// fillMany puts n accounts with a slot and a node each, and the same code n times.
func fillMany(l *Loader, n uint64, routines int) error {
	var wg sync.WaitGroup
	errs := make([]error, routines)
	code := []byte{0x5b}
	for r := range routines {
		wg.Go(func() {
			for i := uint64(r); i < n && errs[r] == nil; i += uint64(routines) {
				addr := person(i)
				errs[r] = errors.Join(
					l.Account(addr, Account{Nonce: i, CodeHash: crypto.Keccak256Hash(code)}),
					l.Slot(addr, number(i), number(i+1)), l.Slot(addr, number(i+1), common.Hash{}),
					l.Code(crypto.Keccak256Hash(code), code),
					l.Node(Node{Owner: number(i + 1), Path: []byte{byte(i & 15), 3}, Blob: number(i).Bytes()}))
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// TestLoad loads from several goroutines, with tables of many small bundles, and looks for
// everything again after the store was opened anew.
func TestLoad(t *testing.T) {
	fs := vfs.NewMem()
	opt := smallOptions(fs)
	s, err := Open(worldDir, opt)
	if err != nil {
		t.Fatal(err)
	}
	nowhere, err := s.ViewBlock(common.Hash{})
	if err != nil {
		t.Fatal(err)
	}
	one := []gpuevm.Key{key(person(1), gpuevm.Nonce), {Addr: person(1), Kind: gpuevm.Slot, Slot: number(1)}}
	for _, k := range one {
		if v, err := nowhere.Read(k); err != nil || v != (common.Hash{}) {
			t.Fatalf("%v of an empty store: %s, %v", k, v, err)
		}
	}
	const n = 20_000
	err = s.Load(5, common.Hash{1}, common.Hash{}, func(l *Loader) error {
		if p := s.Progress(); p.Stored != 0 { // and it doesn't wait
			return fmt.Errorf("a load shows: %+v", p)
		}
		l.Root(common.Hash{2})
		return fillMany(l, n, 3)
	})
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := s.View(common.Hash{2})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range one {
		if v, err := loaded.Read(k); err != nil || v == (common.Hash{}) {
			t.Fatalf("%v, which was looked for before the load: %s, %v", k, v, err)
		}
	}
	chain(t, s, common.Hash{1}, 6, 3, counting)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(worldDir, opt); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	v, err := s.View(common.Hash{2})
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint64(n) {
		if got, err := v.Read(key(person(i), gpuevm.Nonce)); err != nil || got != number(i) {
			t.Fatal(i, got, err)
		}
		if got, err := v.Read(gpuevm.Key{Addr: person(i), Kind: gpuevm.Slot, Slot: number(i)}); err != nil || got != number(i+1) {
			t.Fatal(i, got, err)
		}
		if got, err := s.Node(number(i+1), []byte{byte(i & 15), 3}, common.Hash{}); err != nil || common.Hash(got) != number(i) {
			t.Fatal(i, got, err)
		}
	}
	last := int64(0)
	stats, err := s.Stats(t.Context(), func(done, total int64) {
		if done < last || done > total {
			t.Errorf("progress %d of %d after %d", done, total, last)
		}
		last = done
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range stats {
		want := map[string]int{"accounts": n + 1, "slots": n, "codes": 1, "storage trie nodes": n}
		if w, ok := want[k.Name]; ok && k.Records != w {
			t.Errorf("%d %s, want %d", k.Records, k.Name, w)
		}
	}
	if last == 0 {
		t.Error("no progress")
	}
	if names, _ := fs.List(fs.PathJoin(worldDir, loadDir)); len(names) > 0 {
		t.Errorf("left: %v", names)
	}
}

// TestLoadFails: what ends a load leaves half a state, and Open says so.
func TestLoadFails(t *testing.T) {
	broken := errors.New("the disk is broken")
	for _, at := range []string{"root", "close", "table"} {
		mem := vfs.NewMem()
		fs := vfs.FS(mem)
		if at == "table" {
			fs = errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
				if strings.HasSuffix(op.Path, "3.sst") && op.Kind == errorfs.OpFileWrite {
					return broken
				}
				return nil
			}))
		}
		s, err := Open(worldDir, smallOptions(fs))
		if err != nil {
			t.Fatal(err)
		}
		closed := make(chan error, 1)
		err = s.Load(5, common.Hash{1}, common.Hash{}, func(l *Loader) error {
			if at == "close" {
				go func() { closed <- s.Close() }()
				for l.Account(someone(1), Account{}) == nil {
				}
			}
			return fillMany(l, 5000, 2)
		})
		switch {
		case at == "root" && (err == nil || !strings.Contains(err.Error(), "no root")),
			at == "close" && !errors.Is(err, ErrClosed),
			at == "table" && !errors.Is(err, broken):
			t.Fatalf("%s: %v", at, err)
		}
		if at == "close" {
			<-closed
		} else if err := s.Close(); err == nil {
			t.Fatal("Close says nothing")
		}
		if at == "table" {
			continue // Pebble's goroutines wait for the disk that failed
		}
		if _, err := Open(worldDir, smallOptions(mem)); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "load was not finished") {
			t.Fatalf("%s: half a state opens: %v", at, err)
		}
	}
}

// TestSpread: Add reads what it needs on several goroutines, with the same outcome.
func TestSpread(t *testing.T) {
	s, err := Open(worldDir, smallOptions(vfs.NewMem()))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const n = 3000
	err = s.Load(0, common.Hash{1}, common.Hash{2}, func(l *Loader) error { return fillMany(l, n, 1) })
	if err != nil {
		t.Fatal(err)
	}
	d := new(gpuevm.StateDiff)
	for i := range uint64(n) {
		addr := person(i)
		d.Cells = append(d.Cells,
			gpuevm.Cell{Key: gpuevm.Key{Addr: addr, Kind: gpuevm.Slot, Slot: number(i)}, Value: number(7)},
			gpuevm.Cell{Key: key(addr, gpuevm.Nonce), Value: number(i + i%2)})
	}
	var first *changes
	for _, workers := range []int{1, 4} {
		s.opt.Readers = workers
		s.accounts, s.slots = newCache[common.Address, account](1<<16, nil), newCache[slotKey, common.Hash](1<<16, nil)
		c, err := s.resolve(s.disk, d)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.accounts) != n/2 || len(c.slots) != n-1 { // slot 6 has the value 7 already
			t.Fatalf("%d accounts and %d slots change", len(c.accounts), len(c.slots))
		}
		if first == nil {
			first = c
		}
		for i := range c.slots {
			if c.slots[i] != first.slots[i] {
				t.Fatal(workers, c.slots[i], first.slots[i])
			}
		}
		for i := range c.accounts {
			if c.accounts[i] != first.accounts[i] {
				t.Fatal(workers, c.accounts[i], first.accounts[i])
			}
		}
	}
	failure := errors.New("no more")
	reads := 0
	if err := spread(5000, 1, func(i int) error { reads++; return failure }); err != failure || reads != 1 {
		t.Fatal(err, reads)
	}
	if err := spread(5000, 4, func(i int) error {
		if i == 4000 {
			return failure
		}
		return nil
	}); err != failure {
		t.Fatal(err)
	}
}

func TestStatsCancelled(t *testing.T) {
	w := newWorld(3, smallOptions(vfs.NewMem()))
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	defer w.s.Close()
	for range 50 {
		if err := w.turn(); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.s.Stats(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if _, err := w.s.Prune(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if _, err := w.s.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestStatsWhileWriting: what is checked is the state of one instant, while the disk goes on.
func TestStatsWhileWriting(t *testing.T) {
	w := newWorld(4, smallOptions(vfs.NewMem()))
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	defer w.s.Close()
	turned := make(chan error, 1)
	go func() {
		for range 400 {
			if err := w.turn(); err != nil {
				turned <- err
				return
			}
		}
		turned <- nil
	}()
	for checked := 0; ; checked++ {
		if _, err := w.s.Stats(t.Context()); err != nil {
			t.Fatalf("check %d: %v", checked, err)
		}
		select {
		case err := <-turned:
			if err != nil || checked < 5 {
				t.Fatal(checked, err)
			}
			return
		default:
		}
	}
}
