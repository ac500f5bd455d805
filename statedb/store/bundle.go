package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// loadDir is where tables are until Pebble has them; below the store's directory.
const loadDir = "load"

// bundle is records of a load, as many as a memtable has, on their way into tables that
// Pebble takes as they are: sorted here and written once. Through batches they would be written
// to the log too, for a crash after which the load must start anew in any case.
type bundle struct {
	data    []byte
	records []bundled
}

type bundled struct {
	prefix     uint64 // of the key
	key, value uint32 // where it begins and ends; the value follows it
	end        uint64
}

func (b *bundle) keyOf(r *bundled) []byte {
	return b.data[r.end-uint64(r.value)-uint64(r.key):][:r.key]
}
func (b *bundle) valueOf(r *bundled) []byte { return b.data[r.end-uint64(r.value) : r.end] }

func (l *Loader) put(key, payload []byte) error {
	if err := l.err(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.now
	b.data = append(b.data, key...)
	start := len(b.data)
	b.data = appendSealed(b.data, stamp{1, l.height}, key, payload)
	var head [8]byte
	copy(head[:], key)
	b.records = append(b.records, bundled{binary.BigEndian.Uint64(head[:]), uint32(len(key)), uint32(len(b.data) - start), uint64(len(b.data))})
	if len(b.data) >= l.s.opt.MemTable {
		l.send()
	}
	return nil
}

func (l *Loader) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.send()
}

// send has the bundle written while the next one fills.
func (l *Loader) send() {
	b := l.now
	l.now = new(bundle)
	l.seats <- struct{}{}
	l.crew.Go(func() {
		if l.err() == nil {
			l.fail(l.s.guard(func() error { return l.write(b) }))
		}
		<-l.seats
	})
}

// write makes a table of each kind of records. Tables must not span the metadata, which is
// in the memtable: Pebble would flush it for each of them.
func (l *Loader) write(b *bundle) error {
	slices.SortFunc(b.records, func(x, y bundled) int {
		if c := cmp.Compare(x.prefix, y.prefix); c != 0 {
			return c
		}
		if c := bytes.Compare(b.keyOf(&x), b.keyOf(&y)); c != 0 {
			return c
		}
		return cmp.Compare(x.end, y.end)
	})
	fs := l.s.fs
	dir := fs.PathJoin(l.s.dir, loadDir)
	if err := fs.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var names []string
	for rest := b.records; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].prefix>>56 == rest[0].prefix>>56 {
			n++
		}
		name := fs.PathJoin(dir, fmt.Sprintf("%d.sst", l.tables.Add(1)))
		if err := l.table(name, b, rest[:n]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		names, rest = append(names, name), rest[n:]
	}
	l.s.bytesWritten.Add(uint64(len(b.data)))
	return l.s.db.Ingest(context.Background(), names)
}

func (l *Loader) table(name string, b *bundle, records []bundled) error {
	f, err := l.s.fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	w := sstable.NewWriter(objstorageprovider.NewFileWritable(f), l.s.how.MakeWriterOptions(0, l.s.db.TableFormat()))
	for i := range records {
		r := &records[i]
		if i+1 < len(records) && bytes.Equal(b.keyOf(r), b.keyOf(&records[i+1])) {
			continue // a code that many accounts have
		}
		if err := w.Set(b.keyOf(r), b.valueOf(r)); err != nil {
			_ = w.Close()
			return err
		}
	}
	return w.Close()
}
