package bulk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/statedb/store"
)

// sealed is a record's value as the store writes it, for tests that want wrong records with right
// checksums. What it must be is in store/schema.go.
func sealed(step uint64, key, payload []byte) []byte {
	v := binary.AppendUvarint(binary.AppendUvarint(nil, step), 7)
	v = append(v, payload...)
	table := crc32.MakeTable(crc32.Castagnoli)
	return binary.LittleEndian.AppendUint32(v, crc32.Update(crc32.Checksum(key, table), table, v))
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// TestVerifyFinds plants one thing wrong and looks for what Verify says of it.
func TestVerifyFinds(t *testing.T) {
	alloc := randomAlloc(21, 60, 60)
	var addr common.Address // one with slots and code
	var slot common.Hash
	for a, x := range alloc {
		if len(x.Storage) > 3 && len(x.Code) > 0 {
			addr = a
		}
	}
	for slot = range alloc[addr].Storage {
		break
	}
	owner := crypto.Keccak256Hash(addr[:])
	code := crypto.Keccak256Hash(alloc[addr].Code)
	slotKey := join([]byte{'s'}, addr[:], slot[:])
	stranger := common.Address{1, 2, 3}
	cases := []struct {
		name   string
		tamper func(db *pebble.DB) error
		kinds  map[Kind]int // 0: one or more, -1: perhaps
		says   string
	}{
		{"a slot's value", func(db *pebble.DB) error {
			return db.Set(slotKey, sealed(1, slotKey, []byte{1, 99}), nil)
		}, map[Kind]int{WrongRoot: 1, DifferentNode: 0}, "storage trie of " + addr.Hex()},
		{"a slot gone", func(db *pebble.DB) error { return db.Delete(slotKey, nil) },
			map[Kind]int{WrongRoot: 1, DifferentNode: 0, ExtraNode: -1, MissingNode: -1}, addr.Hex()},
		{"an account's nonce", func(db *pebble.DB) error {
			key := join([]byte{'a'}, addr[:])
			return db.Set(key, sealed(1, key, join([]byte{200, 1, 0}, code[:])), nil)
		}, map[Kind]int{WrongRoot: 1, DifferentNode: 0}, "account trie path"},
		{"a checksum", func(db *pebble.DB) error { return db.Set(slotKey, []byte{1, 7, 1, 99, 0, 0, 0, 0}, nil) },
			map[Kind]int{BrokenRecord: 1, WrongRoot: 1, DifferentNode: 0, ExtraNode: -1, MissingNode: -1}, "slot " + slot.Hex()},
		{"a storage node gone", func(db *pebble.DB) error { return db.Delete(join([]byte{'n'}, owner[:]), nil) },
			map[Kind]int{MissingNode: 1}, "storage trie of " + addr.Hex() + ", owner " + owner.Hex() + ", path (root)"},
		{"the account trie's root gone", func(db *pebble.DB) error { return db.Delete([]byte{'t'}, nil) },
			map[Kind]int{MissingNode: 1}, "account trie path (root)"},
		{"a node too many", func(db *pebble.DB) error {
			key := join([]byte{'n'}, owner[:], []byte{16, 1, 2, 3, 4, 5, 6, 7, 8, 9})
			return db.Set(key, sealed(1, key, []byte("a node")), nil)
		}, map[Kind]int{ExtraNode: 1}, "path 123456789"},
		{"account nodes too many", func(db *pebble.DB) error {
			for i := range byte(16) {
				key := []byte{'t', 16, i, 1, 2, 3, 4, 5, 6, 7, 8, 9}
				if err := db.Set(key, sealed(1, key, []byte("a node")), nil); err != nil {
					return err
				}
			}
			return nil
		}, map[Kind]int{ExtraNode: 16}, "account trie path"},
		{"a node among those of other levels", func(db *pebble.DB) error {
			key := []byte{'t', 1, 2, 3, 4, 5, 6, 7, 8, 9}
			return db.Set(key, sealed(1, key, []byte("a node")), nil)
		}, map[Kind]int{BrokenRecord: 1}, "path 010203040506070809 among those of other levels"},
		{"tries of nobody", func(db *pebble.DB) error {
			for i := range byte(16) {
				for _, path := range [][]byte{nil, {3}, {16, 3, 4, 5, 6}} {
					key := join([]byte{'n'}, common.Hash{i << 4, i}.Bytes(), path)
					if err := db.Set(key, sealed(1, key, []byte("a node")), nil); err != nil {
						return err
					}
				}
			}
			return nil
		}, map[Kind]int{ExtraNode: 48}, "no account with storage"},
		{"another node", func(db *pebble.DB) error {
			key := join([]byte{'n'}, owner[:])
			return db.Set(key, sealed(1, key, []byte("a node")), nil)
		}, map[Kind]int{DifferentNode: 1}, owner.Hex()},
		{"a code gone", func(db *pebble.DB) error { return db.Delete(join([]byte{'c'}, code[:]), nil) },
			map[Kind]int{MissingCode: 1}, code.Hex()},
		{"another code", func(db *pebble.DB) error {
			key := join([]byte{'c'}, code[:])
			return db.Set(key, sealed(1, key, []byte{1}), nil)
		}, map[Kind]int{WrongCode: 1}, code.Hex()},
		{"a code of nobody", func(db *pebble.DB) error {
			hash := crypto.Keccak256Hash([]byte{1})
			key := join([]byte{'c'}, hash[:])
			return db.Set(key, sealed(1, key, []byte{1}), nil)
		}, nil, ""},
		{"a slot of nobody", func(db *pebble.DB) error {
			key := join([]byte{'s'}, stranger[:], slot[:])
			return db.Set(key, sealed(1, key, []byte{1, 1}), nil)
		}, map[Kind]int{OrphanSlot: 1}, stranger.Hex()},
		{"a slot that is zero", func(db *pebble.DB) error {
			key := join([]byte{'s'}, addr[:], common.Hash{9: 9}.Bytes())
			return db.Set(key, sealed(1, key, []byte{0}), nil)
		}, map[Kind]int{BrokenRecord: 1}, addr.Hex()},
		{"a block's hash", func(db *pebble.DB) error {
			key := binary.BigEndian.AppendUint64([]byte{'h'}, 7)
			return db.Set(key, sealed(1, key, make([]byte, 64)), nil)
		}, map[Kind]int{BrokenRecord: 1}, "record h of block"},
		{"an undo record", func(db *pebble.DB) error {
			key := binary.BigEndian.AppendUint64([]byte{'u'}, 3)
			return db.Set(key, sealed(1, key, []byte{1, 2}), nil)
		}, map[Kind]int{BrokenRecord: 1}, "record u of block"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			fs := vfs.NewMem()
			tampered(t, fs, alloc, c.tamper)
			s := open(t, fs)
			rep, err := Verify(t.Context(), s, Options{Memory: 1 << 20, Workers: 2, FS: vfs.NewMem()})
			if err != nil {
				t.Fatal(err)
			}
			judge(t, rep, c.kinds, c.says)
		})
	}
}

func judge(t *testing.T, rep *Report, kinds map[Kind]int, says string) {
	t.Helper()
	var all strings.Builder
	for _, p := range rep.Listed {
		fmt.Fprintf(&all, "%s: %s\n", p.Kind, p.What)
	}
	for kind, n := range rep.Problems {
		if want, ok := kinds[kind]; !ok || want > 0 && n != want {
			t.Errorf("%d of %s, want %d", n, kind, want)
		}
	}
	for kind, want := range kinds {
		if want >= 0 && rep.Problems[kind] == 0 {
			t.Errorf("no %s", kind)
		}
	}
	if !strings.Contains(all.String(), says) || (rep.Err() != nil) != (len(kinds) > 0) {
		t.Errorf("%v: nothing says %q", rep.Err(), says)
	}
	if t.Failed() {
		t.Log(all.String())
	}
}

func open(t testing.TB, fs vfs.FS) *store.Store {
	t.Helper()
	s, err := store.Open("db", store.Options{FS: fs, MemTable: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// tampered is a store whose Pebble somebody has written to behind its back.
func tampered(t *testing.T, fs vfs.FS, alloc types.GenesisAlloc, tamper func(*pebble.DB) error) {
	t.Helper()
	s := open(t, fs)
	if _, err := Import(t.Context(), s, 7, common.Hash{1}, common.Hash{}, Alloc(alloc), Options{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := pebble.Open("db", &pebble.Options{FS: fs, FormatMajorVersion: pebble.FormatTableFormatV6, Logger: silent{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := tamper(db); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestList: all problems are counted, the first of each kind listed.
func TestList(t *testing.T) {
	fs := vfs.NewMem()
	alloc := randomAlloc(22, 300, 20)
	tampered(t, fs, alloc, func(db *pebble.DB) error {
		return errors.Join(db.DeleteRange([]byte{'n'}, []byte{'o'}, nil), db.DeleteRange([]byte{'t'}, []byte{'u'}, nil))
	})
	rep, err := Verify(t.Context(), open(t, fs), Options{List: 3})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Problems[MissingNode] != rep.Nodes || len(rep.Listed) != 3 {
		t.Fatalf("%v of %d nodes, %d listed", rep.Problems, rep.Nodes, len(rep.Listed))
	}
}

// TestVerifyMoving: a snapshot stays what it was when blocks are written.
func TestVerifyMoving(t *testing.T) {
	s, rep := imported(t, Alloc(randomAlloc(23, 500, 50)), common.Hash{}, Options{})
	found := &problems{limit: 9, rep: new(Report)}
	snap, err := s.Snapshot(found.broken)
	if err != nil {
		t.Fatal(err)
	}
	parent := common.Hash{1}
	for h := uint64(8); h < 40; h++ {
		hash := word(h)
		err := s.Add(store.Block{Height: h, Hash: hash, Parent: parent, Diff: &gpuevm.StateDiff{Cells: []gpuevm.Cell{
			{Key: gpuevm.Key{Addr: common.Address{byte(h)}, Kind: gpuevm.Exists}, Value: word(1)},
		}}})
		if err == nil {
			_, err = s.Advance(t.Context(), store.Step{From: parent, To: hash, Root: hash})
		}
		if parent = hash; err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	v := verification{snap: snap, found: found, opt: &Options{}, rep: found.rep}
	v.opt.fill("db", vfs.NewMem())
	if err := v.run(t.Context(), newScratch(v.opt.FS, "db")); err != nil {
		t.Fatal(err)
	}
	if found.rep.Err() != nil || found.rep.Root != rep.Root {
		t.Fatal(found.rep)
	}
	if now, err := Verify(t.Context(), s, Options{}); err != nil || now.Problems[WrongRoot] != 1 {
		t.Fatalf("%+v, %v: blocks without tries are found right", now, err)
	}
	if err := snap.Close(); err != nil {
		t.Fatal(err)
	}
}

type silent struct{}

func (silent) Infof(string, ...any)  {}
func (silent) Errorf(string, ...any) {}
func (silent) Fatalf(format string, args ...any) {
	panic(fmt.Sprintf(format, args...))
}
