package bulk

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/gpuevm/gpuevm/statedb/store"
	"github.com/holiman/uint256"
)

// Dump writes the state that a store's disk has as `geth dump --iterative` would: JSON
// lines, the root first. Accounts come by address and slots by name, where geth has them by
// hash. Storage roots are those of the tries on disk, which are not recomputed.
func Dump(ctx context.Context, s *store.Store, w io.Writer) (err error) {
	snap, err := s.Snapshot(nil)
	if err != nil {
		return err
	}
	defer func() {
		if e := snap.Close(); err == nil {
			err = e
		}
	}()
	d := &dumpWriter{out: bufio.NewWriterSize(w, 1<<20), snap: snap, nodes: snap.Nodes(), slots: snap.Slots()}
	err = d.all(ctx)
	for _, close := range []func() error{d.nodes.Close, d.slots.Close, d.out.Flush} {
		if e := close(); err == nil {
			err = e
		}
	}
	return err
}

type dumpWriter struct {
	out   *bufio.Writer
	snap  *store.Snapshot
	nodes *store.Nodes
	slots *store.Walk[store.SlotRecord]
	more  bool // slots is at one that is not written
	buf   []byte
}

func (d *dumpWriter) all(ctx context.Context) error {
	fmt.Fprintf(d.out, "{\"root\":\"%s\"}\n", d.snap.Head().Root.Hex())
	d.more = d.slots.Next()
	accounts := d.snap.Accounts()
	for accounts.Next() {
		if err := ctx.Err(); err != nil {
			_ = accounts.Close()
			return err
		}
		if err := d.account(ctx, &accounts.Value); err != nil {
			_ = accounts.Close()
			return err
		}
	}
	if err := accounts.Close(); err != nil {
		return err
	}
	return d.orphan()
}

// orphan is the error where a slot is left for which there was no account.
func (d *dumpWriter) orphan() error {
	if !d.more {
		return d.slots.Err()
	}
	return fmt.Errorf("%w: slot %s of %s, which is no account", store.ErrCorrupt, d.slots.Value.Slot.Hex(), d.slots.Value.Addr.Hex())
}

func (d *dumpWriter) account(ctx context.Context, a *store.AccountRecord) error {
	key := crypto.Keccak256Hash(a.Addr[:])
	root, err := d.root(key)
	if err != nil {
		return err
	}
	codeHash := a.CodeHash
	if codeHash == (common.Hash{}) {
		codeHash = types.EmptyCodeHash
	}
	balance := new(uint256.Int).SetBytes32(a.Balance[:])
	fmt.Fprintf(d.out, `{"balance":"%s","nonce":%d,"root":"%s","codeHash":"%s"`, balance.Dec(), a.Nonce, root.Hex(), codeHash.Hex())
	if a.CodeHash != (common.Hash{}) {
		code, err := d.snap.Code(a.CodeHash)
		if err != nil {
			return fmt.Errorf("account %s: %w", a.Addr.Hex(), err)
		}
		d.buf = append(hex.AppendEncode(append(d.buf[:0], `,"code":"0x`...), code), '"')
		_, _ = d.out.Write(d.buf)
	}
	if err := d.storage(ctx, a.Addr); err != nil {
		return err
	}
	// The first error of a bufio.Writer stays.
	_, err = fmt.Fprintf(d.out, ",\"address\":\"%s\",\"key\":\"%s\"}\n", lowercase(a.Addr), key.Hex())
	return err
}

// root is the storage root, by the root node on disk.
func (d *dumpWriter) root(owner common.Hash) (common.Hash, error) {
	d.nodes.Top(owner)
	if d.nodes.Next() {
		return crypto.Keccak256Hash(d.nodes.Value.Blob), nil
	}
	return types.EmptyRootHash, d.nodes.Err()
}

func (d *dumpWriter) storage(ctx context.Context, addr common.Address) error {
	if d.more && bytes.Compare(d.slots.Value.Addr[:], addr[:]) < 0 {
		return d.orphan()
	}
	first := true
	for n := 0; d.more && d.slots.Value.Addr == addr; d.more = d.slots.Next() {
		if n++; n%1024 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if first {
			_, _ = d.out.WriteString(`,"storage":{`)
		} else {
			_ = d.out.WriteByte(',')
		}
		first = false
		d.buf = strconv.AppendQuote(d.buf[:0], d.slots.Value.Slot.Hex())
		d.buf = append(d.buf, `:"`...)
		d.buf = hex.AppendEncode(d.buf, common.TrimLeftZeroes(d.slots.Value.Value[:]))
		d.buf = append(d.buf, '"')
		if _, err := d.out.Write(d.buf); err != nil {
			return err
		}
	}
	if !first {
		_ = d.out.WriteByte('}')
	}
	return d.slots.Err()
}

// lowercase is an address as JSON has it: without the checksum in capitals.
func lowercase(addr common.Address) string { return "0x" + hex.EncodeToString(addr[:]) }
