package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// ack is the file ACK, in which is written what was acknowledged as durable. It proves
// nothing by being absent or old, for it is not synced; but if it says that a step was
// durable, that step is on disk or the disk has lost something: a log that was cut off or
// removed looks to Pebble like one that ends there.
//
// There are two records, written in turn, so that one is whole whatever happens.
type ack struct {
	file vfs.File
	buf  [ackSize]byte
}

const (
	ackName = "ACK"
	ackSize = 64 // number, height, hash, padding, CRC-32C
)

// openAck opens the file, and compares it with the step that the disk is at.
func (s *Store) openAck(seq uint64) (*ack, error) {
	disk := s.opt.FS
	name := disk.PathJoin(s.dir, ackName)
	content, err := readFile(disk, name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := s.checkAck(name, content, seq); err != nil || s.opt.ReadOnly {
		return nil, err
	}
	f, err := disk.OpenReadWrite(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &ack{file: f}, nil
}

func (s *Store) checkAck(name string, content []byte, seq uint64) error {
	for at := 0; at < 2*ackSize && at < len(content); at += ackSize {
		b := content[at:min(at+ackSize, len(content))]
		if [ackSize]byte(append(b, make([]byte, ackSize-len(b))...)) == ([ackSize]byte{}) {
			continue // not written yet
		}
		if len(b) < ackSize || crc32.Checksum(b[:ackSize-4], castagnoli) != binary.LittleEndian.Uint32(b[ackSize-4:]) {
			s.recovery.Notes = append(s.recovery.Notes, fmt.Sprintf("%s: record at byte %d is damaged", name, at))
			continue
		}
		if n := binary.BigEndian.Uint64(b); n > seq {
			return fmt.Errorf("%w: step %d to block %d %#x was acknowledged as durable in %s, but the disk ends at step %d: a log or table is damaged or missing",
				ErrCorrupt, n, binary.BigEndian.Uint64(b[8:]), b[16:48], name, seq)
		}
	}
	return nil
}

// acknowledge writes down that a step is durable.
func (s *Store) acknowledge(h head, seq uint64) error {
	b := &s.ack.buf
	binary.BigEndian.PutUint64(b[:], seq)
	binary.BigEndian.PutUint64(b[8:], h.height)
	copy(b[16:48], h.hash[:])
	binary.LittleEndian.PutUint32(b[ackSize-4:], crc32.Checksum(b[:ackSize-4], castagnoli))
	if _, err := s.ack.file.WriteAt(b[:], int64(seq%2)*ackSize); err != nil {
		return fmt.Errorf("%s: %w", ackName, err)
	}
	return nil
}

func readFile(disk vfs.FS, name string) ([]byte, error) {
	f, err := disk.Open(name)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, 2*ackSize))
	return b, errors.Join(err, f.Close())
}
