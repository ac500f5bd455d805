package bulk

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// shape is how records lie in runs: all of one width, in blocks.
type shape struct {
	width   int // bytes a record; the first 32 are its key
	records int // a block
}

// run is a sorted file. It is in 16 parts by the first nibble of the key, each a sequence of
// blocks with a checksum. How long they are is known here and not in the file, so that one
// that was cut off can't look as if it ended there.
type run struct {
	shape
	file  vfs.File
	name  string
	from  [17]int64 // where parts begin in the file
	count [16]int   // records in parts
	level int       // of merging
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// blockSum covers the place of a block too.
func blockSum(block []byte, at int64) uint32 {
	return crc32.Update(uint32(at), castagnoli, block)
}

// writeRun writes what next returns, until that is nil.
func writeRun(dir *scratch, sh shape, level int, next func() ([]byte, error)) (r *run, err error) {
	f, name, err := dir.create()
	if err != nil {
		return nil, err
	}
	w := &runWriter{run: &run{shape: sh, name: name, level: level}, out: bufio.NewWriterSize(f, 64<<10)}
	err = w.all(next)
	dir.written.Add(w.at)
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		w.run.file, err = dir.fs.Open(name, vfs.RandomReadsOption)
	}
	if err != nil {
		return nil, fmt.Errorf("temporary file %s: %w", name, err)
	}
	return w.run, nil
}

type runWriter struct {
	run   *run
	out   *bufio.Writer
	at    int64
	part  int
	block []byte
}

func (w *runWriter) all(next func() ([]byte, error)) error {
	for {
		rec, err := next()
		if err != nil {
			return err
		}
		if rec == nil {
			break
		}
		if err := w.add(rec); err != nil {
			return err
		}
	}
	if err := w.advance(16); err != nil {
		return err
	}
	return w.out.Flush()
}

func (w *runWriter) add(rec []byte) error {
	if err := w.advance(int(rec[0] >> 4)); err != nil {
		return err
	}
	w.run.count[w.part]++
	w.block = append(w.block, rec...)
	if len(w.block) == w.run.records*w.run.width {
		return w.flush()
	}
	return nil
}

// advance ends the parts before one.
func (w *runWriter) advance(part int) error {
	if part == w.part {
		return nil
	}
	if err := w.flush(); err != nil {
		return err
	}
	for w.part < part {
		w.part++
		w.run.from[w.part] = w.at
	}
	return nil
}

func (w *runWriter) flush() error {
	if len(w.block) == 0 {
		return nil
	}
	block := binary.LittleEndian.AppendUint32(w.block, blockSum(w.block, w.at))
	w.block = w.block[:0]
	w.at += int64(len(block))
	_, err := w.out.Write(block)
	return err
}

func (r *run) close(fs vfs.FS) error {
	err := r.file.Close()
	if e := fs.Remove(r.name); err == nil {
		err = e
	}
	return err
}

// reader reads parts of a run, one after the other.
type reader struct {
	*run
	at    int64
	left  [16]int
	part  int
	last  int // the part to end with
	block []byte
	rest  []byte // of block
}

func (r *run) reader(first, last int) *reader {
	return &reader{run: r, at: r.from[first], left: r.count, part: first, last: last}
}

// next is the next record, nil after the last. It is valid until the call after.
func (r *reader) next() ([]byte, error) {
	for len(r.rest) == 0 {
		if r.part > r.last {
			return nil, nil
		}
		if r.left[r.part] == 0 {
			r.part++
			continue
		}
		if err := r.load(); err != nil {
			return nil, err
		}
	}
	rec := r.rest[:r.width]
	r.rest = r.rest[r.width:]
	return rec, nil
}

func (r *reader) load() error {
	n := min(r.left[r.part], r.records)
	size := n*r.width + 4
	if cap(r.block) < size {
		r.block = make([]byte, min(r.records, r.left[r.part])*r.width+4, r.records*r.width+4)
	}
	r.block = r.block[:size]
	got, err := r.file.ReadAt(r.block, r.at)
	if got < size {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("temporary file %s: %d bytes at %d: %w", r.name, size, r.at, err)
	}
	data := r.block[:size-4]
	if sum := binary.LittleEndian.Uint32(r.block[size-4:]); sum != blockSum(data, r.at) {
		return fmt.Errorf("temporary file %s: block at %d is damaged", r.name, r.at)
	}
	r.left[r.part] -= n
	r.at += int64(size)
	r.rest = data
	return nil
}
