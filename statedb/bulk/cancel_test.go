package bulk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
)

// repeated is what next returns, again and again, until so many bytes; stop is called halfway.
type repeated struct {
	next        func() string
	given, most int
	stop        func()
	rest        string
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.given >= r.most {
		return 0, io.EOF
	}
	if r.given >= r.most/2 {
		r.stop()
	}
	if r.rest == "" {
		r.rest = r.next()
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	r.given += n
	return n, nil
}

// TestCancelInside cancels within one account, or within what is passed over: it is noticed
// long before the account ends.
func TestCancelInside(t *testing.T) {
	const most = 16 << 20
	n := uint64(0)
	for name, c := range map[string]struct {
		head string
		next func() string
	}{
		"slots": {`{"storage":{`, func() string { n++; return fmt.Sprintf("\"%s\":\"01\",\n", word(n).Hex()) }},
		"array": {`{"x":[`, func() string { return strings.Repeat("1,", 2048) }},
		"space": {``, func() string { return strings.Repeat("\n", 4096) }},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			in := &repeated{next: c.next, most: most, stop: cancel}
			dump := io.MultiReader(strings.NewReader(`{"root":"`+types.EmptyRootHash.Hex()+"\"}\n"+c.head), in)
			fs := vfs.NewMem()
			_, err := Import(ctx, memStore(t), 0, common.Hash{1}, common.Hash{}, DumpReader(dump), Options{Memory: 1 << 20, FS: fs, Temp: "tmp"})
			if !errors.Is(err, context.Canceled) || in.given > most/2+(1<<20) {
				t.Fatalf("%v, after %d bytes of %d, cancelled at the half", err, in.given, most)
			}
			empty(t, fs)
		})
	}
}

// TestCancelSource cancels within an account of a source that does not look at the context.
func TestCancelSource(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	taken := 0
	source := funcSource(func(to Sink) (common.Hash, error) {
		for taken = 0; taken < 100_000; taken++ {
			if taken == 20_000 {
				cancel()
			}
			if err := to.Slot(word(uint64(taken)), word(1)); err != nil {
				return common.Hash{}, err
			}
		}
		return common.Hash{}, to.Account(Account{Addr: common.Address{1}})
	})
	_, err := Import(ctx, memStore(t), 0, common.Hash{1}, common.Hash{}, source, Options{Memory: 1 << 20, FS: vfs.NewMem(), Temp: "tmp"})
	if !errors.Is(err, context.Canceled) || taken > 30_000 {
		t.Fatalf("%v, after %d slots, cancelled at 20,000", err, taken)
	}
}

type cancelling struct {
	cancel func()
	after  int // bytes
}

func (w *cancelling) Write(p []byte) (int, error) {
	w.cancel()
	w.after += len(p)
	return len(p), nil
}

// TestCancelDump cancels a dump within an account of many slots.
func TestCancelDump(t *testing.T) {
	s, _ := imported(t, Alloc(bigAlloc(100_000)), common.Hash{}, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w := &cancelling{cancel: cancel}
	if err := Dump(ctx, s, w); !errors.Is(err, context.Canceled) || w.after > 3<<20 {
		t.Fatalf("%v, after %d bytes", err, w.after)
	}
}

// TestZeroRoots: a root of zero is no claim, and must not pass for one that was checked.
func TestZeroRoots(t *testing.T) {
	s, _ := imported(t, Alloc(randomAlloc(61, 40, 20)), common.Hash{}, Options{})
	var out bytes.Buffer
	if err := Dump(t.Context(), s, &out); err != nil {
		t.Fatal(err)
	}
	zero := (common.Hash{}).Hex()
	lines := strings.SplitAfter(out.String(), "\n")
	cut := `{"root":"` + zero + "\"}\n" + strings.Join(lines[1:20], "")
	if _, err := importing(t, cut); err == nil || !strings.Contains(err.Error(), "line 1: a root of zero") {
		t.Errorf("half a dump with a state root of zero: %v", err)
	}
	for i, line := range lines[1:] {
		at := strings.Index(line, `"root":"`) + len(`"root":"`)
		if !strings.Contains(line, `"storage"`) {
			continue
		}
		lines[1+i] = line[:at] + zero + line[at+len(zero):]
		_, err := importing(t, strings.Join(lines, ""))
		if want := fmt.Sprintf("line %d: a root of zero", 2+i); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		return
	}
	t.Fatal("no account has storage")
}

// TestNotEnded: a comparison that something ended before its end neither reads the rest of the
// disk, whose nodes would all be too many, nor keeps its iterators.
func TestNotEnded(t *testing.T) {
	fs := vfs.NewMem()
	s := open(t, fs)
	if _, err := Import(t.Context(), s, 7, common.Hash{1}, common.Hash{}, Alloc(randomAlloc(5, 400, 100)), Options{}); err != nil {
		t.Fatal(err)
	}
	rep := new(Report)
	found := &problems{limit: 10, rep: rep}
	snap, err := s.Snapshot(found.broken)
	if err != nil {
		t.Fatal(err)
	}
	all := &comparing{snap: snap, found: found}
	records := newSorter(newScratch(vfs.NewMem(), "tmp"), 32, 1)
	if err := errors.Join(records.add(make([]byte, 32)), records.done()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := (&tall{records: records}).grow(ctx, 1, all); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := rep.Err(); err != nil {
		t.Error(err)
	}
	if err := errors.Join(all.close(), records.close(), snap.Close(), s.Close()); err != nil {
		t.Error(err)
	}
}
