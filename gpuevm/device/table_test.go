package device

import (
	"math/rand"
	"testing"

	"github.com/gpuevm/gpuevm/gpuevm/cuda"
	"github.com/holiman/uint256"
)

type tableTestArgs struct {
	count, tags uint32
	from, found ptr
	table       table
}

// tableRig is a table on a device, and kernels that insert and look up.
type tableRig struct {
	t           *testing.T
	b           *bus
	table       table
	from, found buffer
}

func newTableRig(t *testing.T, capacity int) *tableRig {
	dev, err := cuda.OpenHost()
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = dev.Close() })
	r := &tableRig{t: t, b: newBus(dev, new(counters))}
	var entries buffer
	r.b.room(&entries, capacity*entryBytes)
	r.table = table{entries: entries.at, mask: uint64(capacity - 1), seed: 12345}
	return r
}

func (r *tableRig) run(kernel string, entries []entry, tags int) []entry {
	r.t.Helper()
	found := make([]entry, len(entries))
	r.b.room(&r.from, len(entries)*entryBytes)
	r.b.room(&r.found, len(entries)*entryBytes)
	r.b.upload(r.from.at, bytesOfSlice(entries))
	launch(r.b, "test_table.cu", kernel, 7, &tableTestArgs{count: uint32(len(entries)), tags: uint32(tags), from: r.from.at, found: r.found.at, table: r.table})
	r.b.download(bytesOfSlice(found), r.found.at)
	if err := r.b.sync(); err != nil {
		r.t.Fatal(err)
	}
	return found
}

// someEntries are entries with distinct keys that differ in single bits: addresses and
// slots close to one another, an account and slots of it.
func someEntries(rnd *rand.Rand, n int) []entry {
	seen := make(map[entry]bool)
	var out []entry
	for len(out) < n {
		var k entry
		k.kind = entryAccount + uint32(rnd.Intn(2))
		k.addr[rnd.Intn(20)] = byte(rnd.Intn(4))
		if k.kind == entrySlot {
			k.slot = *uint256.NewInt(uint64(rnd.Intn(40)))
			k.slot.Lsh(&k.slot, uint(rnd.Intn(251)))
		}
		if seen[k] {
			continue
		}
		seen[k] = true
		k.value = *uint256.NewInt(rnd.Uint64())
		k.nonce, k.code, k.exists = rnd.Uint64(), rnd.Uint32(), 1
		if k.kind == entryAccount {
			k.slot = *uint256.NewInt(rnd.Uint64()) // the balance, no part of the key
		}
		out = append(out, k)
	}
	return out
}

func (r *tableRig) expect(entries, found []entry) {
	r.t.Helper()
	for i := range entries {
		got := found[i]
		got.tag = 0
		if got != entries[i] {
			r.t.Fatalf("entry %d: %+v, want %+v", i, got, entries[i])
		}
	}
}

// TestTable inserts and updates with several lanes at once, at a load of 1/2 and more,
// with tags of their own and with few tags that many keys share.
func TestTable(t *testing.T) {
	rnd := rand.New(rand.NewSource(1))
	for _, tags := range []int{0, 1, 3, 100} {
		for range 20 {
			r := newTableRig(t, 512)
			entries := someEntries(rnd, 300)
			in, out := entries[:256], entries[256:]
			r.run("test_table_insert", in[:100], tags)
			r.run("test_table_insert", in[100:], tags)
			r.expect(in, r.run("test_table_find", in, tags))
			for i := range in[:200] {
				in[i].value = *uint256.NewInt(rnd.Uint64())
				if in[i].kind == entryAccount {
					in[i].slot = *uint256.NewInt(rnd.Uint64())
				}
			}
			r.run("test_table_insert", in[:200], tags)
			r.expect(in, r.run("test_table_find", in, tags))
			for i, e := range r.run("test_table_find", out, tags) {
				if e.kind != 0 {
					t.Fatalf("found %+v, which is not there: %+v", out[i], e)
				}
			}
		}
	}
}

// TestTableSpread: keys that differ in single bits don't crowd.
func TestTableSpread(t *testing.T) {
	r := newTableRig(t, 1<<14)
	entries := someEntries(rand.New(rand.NewSource(2)), 3000)
	r.run("test_table_insert", entries, 0)
	all := make([]entry, 1<<14)
	r.b.download(bytesOfSlice(all), r.table.entries)
	if err := r.b.sync(); err != nil {
		t.Fatal(err)
	}
	var away, longest int
	for at, e := range all {
		if e.kind == 0 {
			continue
		}
		d := (at - int(e.tag&r.table.mask) + len(all)) % len(all)
		away += d
		longest = max(longest, d)
	}
	if mean := float64(away) / 3000; mean > 0.3 || longest > 20 {
		t.Errorf("entries lie %.2f from home on average, %d at most", mean, longest)
	}
}
