package bulk

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/holiman/uint256"
)

// DumpFile is a file that `geth dump` has written, as JSON lines (--iterative) or as one
// object; packed with gzip where its name ends in .gz. It is read as it comes, whatever its
// size.
//
// A state is kept here by plain names, so the dump must have the preimages of all
// addresses and slots, and the codes. geth leaves out slots whose preimage it
// does not know; the storage root, which it does write, then differs.
type DumpFile string

// Each implements Source.
func (f DumpFile) Each(ctx context.Context, to Sink) (root common.Hash, err error) {
	file, err := os.Open(string(f))
	if err != nil {
		return root, err
	}
	defer file.Close()
	size := int64(0)
	if st, err := file.Stat(); err == nil {
		size = st.Size()
	}
	counted := &counter{r: file}
	var in io.Reader = counted
	if strings.HasSuffix(string(f), ".gz") {
		if in, err = gzip.NewReader(counted); err != nil {
			return root, fmt.Errorf("%s: %w", f, err)
		}
	}
	at := to.At
	to.At = func(int64, int64) { at(counted.n, size) }
	if root, err = (dumpReader{in}).Each(ctx, to); err != nil {
		err = fmt.Errorf("%s: %w", f, err)
	}
	at(counted.n, size)
	return root, err
}

type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// DumpReader is a dump that comes from elsewhere; it can be gone through once.
func DumpReader(r io.Reader) Source { return dumpReader{r} }

type dumpReader struct{ io.Reader }

// Each implements Source.
func (r dumpReader) Each(ctx context.Context, to Sink) (common.Hash, error) {
	d := &dump{lexer: newLexer(whileWanted{ctx, r.Reader}), ctx: ctx, to: to}
	err := d.all()
	return d.root, err
}

// whileWanted ends with the context, so that reading does within one account as well.
type whileWanted struct {
	ctx context.Context
	io.Reader
}

func (r whileWanted) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.Reader.Read(p)
}

// dump is one being read.
type dump struct {
	*lexer
	ctx   context.Context
	to    Sink
	root  common.Hash
	given bool // the root has been there
	whole bool // all accounts are in one object
	count int

	acct  dumped
	value []byte
}

// dumped is an account of a dump.
type dumped struct {
	Account
	addr   *common.Address
	key    *common.Hash // hash of the address
	fields map[string]bool
	slots  int
}

var errOrder = errors.New("a dump begins with its state root")

func (d *dump) all() error {
	if _, err := d.peek(); err == io.EOF {
		return d.fault("the dump is empty")
	}
	if err := d.object(d.head); err != nil {
		return err
	}
	if !d.given {
		return d.fault("%w", errOrder)
	}
	for {
		_, err := d.peek()
		if err == io.EOF {
			return nil
		}
		if err == nil && d.whole {
			err = d.fault("something comes after the dump's object")
		}
		if err == nil {
			err = d.account(nil)
		}
		if err != nil {
			return err
		}
	}
}

// head is the first object: the root, and in a dump that is one object everything else.
func (d *dump) head(field string) error {
	switch field {
	case "root":
		if d.given {
			return d.fault("a second root")
		}
		d.given = true
		return d.trieRoot(&d.root)
	case "accounts":
		if d.whole {
			return d.fault("accounts come twice")
		}
		d.whole = true
		return d.object(func(name string) error {
			if !common.IsHexAddress(name) {
				return d.fault("account %.100q: the dump lacks the preimage of its address", name)
			}
			addr := common.HexToAddress(name)
			return d.account(&addr)
		})
	case "next":
		return d.next()
	}
	return d.fault("field %.100q at the head of a dump", field)
}

// next says from where a dump that is not complete goes on.
func (d *dump) next() error {
	if c, err := d.peek(); err != nil || c != '"' {
		return d.skip(0)
	}
	s, err := d.text(longName)
	if err == nil && len(s) > 0 && string(s) != "0x" {
		err = d.fault("the dump is only a part: it goes on at key %s", s)
	}
	return err
}

// account reads one account; its address is known where accounts are fields of an object.
func (d *dump) account(addr *common.Address) error {
	if d.count++; d.count%1024 == 0 {
		d.to.At(0, 0)
	}
	if d.ctx.Err() != nil {
		return context.Cause(d.ctx)
	}
	d.acct = dumped{addr: addr, fields: make(map[string]bool, 8)}
	d.acct.Line = d.line
	if err := d.object(d.field); err != nil {
		return err
	}
	if err := d.acct.complete(); err != nil {
		return fmt.Errorf("line %d: %w", d.acct.Line, err)
	}
	return d.to.Account(d.acct.Account)
}

func (d *dump) field(name string) error {
	a := &d.acct
	if a.fields[name] {
		return d.fault("field %.100q comes twice", name)
	}
	if len(a.fields) > 32 {
		return d.fault("an account of more than 32 fields")
	}
	a.fields[name] = true
	switch name {
	case "balance":
		return d.balance()
	case "nonce":
		return d.nonce()
	case "root":
		return d.trieRoot(&a.Root)
	case "codeHash":
		return d.hash(&a.CodeHash)
	case "code":
		return d.code()
	case "storage":
		return d.storage()
	case "address":
		return d.address()
	case "key":
		a.key = new(common.Hash)
		return d.hash(a.key)
	}
	return d.skip(0)
}

func (d *dump) balance() error {
	s, err := d.text(80)
	if err != nil {
		return err
	}
	v, err := uint256.FromDecimal(string(s))
	if err != nil {
		return d.fault("balance %q: %w", s, err)
	}
	d.acct.Balance = v.Bytes32()
	return nil
}

func (d *dump) nonce() (err error) {
	d.acct.Nonce, err = d.number()
	return err
}

func (d *dump) code() error {
	if c, err := d.peek(); err == nil && c == 'n' {
		return d.skip(0)
	}
	code, err := d.hex(longValue)
	d.acct.Code = bytes.Clone(code)
	return err
}

func (d *dump) address() error {
	if c, err := d.peek(); err == nil && c == 'n' {
		return d.skip(0)
	}
	b, err := d.hex(42)
	if err != nil {
		return err
	}
	if len(b) != 20 {
		return d.fault("an address of %d bytes", len(b))
	}
	addr := common.Address(b)
	if d.acct.addr != nil && *d.acct.addr != addr {
		return d.fault("account %s has address %s", d.acct.addr.Hex(), addr.Hex())
	}
	d.acct.addr = &addr
	return nil
}

func (d *dump) storage() error {
	if c, err := d.peek(); err == nil && c == 'n' {
		return d.skip(0)
	}
	return d.object(func(name string) error {
		var slot common.Hash
		if err := d.unhex([]byte(name), slot[:]); err != nil {
			return d.fault("slot %.100q: %w", name, err)
		}
		s, err := d.text(80)
		if err != nil {
			return err
		}
		value, err := d.word256(s)
		if err != nil {
			return d.fault("slot %s: %w", name, err)
		}
		if d.acct.slots++; d.acct.slots%(1<<16) == 0 {
			d.to.At(0, 0)
		}
		if err := d.to.Slot(slot, value); err != nil {
			return d.fault("%w", err)
		}
		return nil
	})
}

// word256 reads a value as a dump has it: without prefix and without leading zeros.
func (d *dump) word256(s []byte) (v common.Hash, err error) {
	digits := bytes.TrimPrefix(s, []byte("0x"))
	if len(digits) > 64 {
		return v, fmt.Errorf("value %q of more than 256 bits", s)
	}
	for i, c := range digits {
		n, ok := nibble(c)
		if !ok {
			return v, fmt.Errorf("value %q is not hexadecimal", s)
		}
		at := 64 - len(digits) + i
		v[at/2] |= n << (4 * (1 - at%2))
	}
	return v, nil
}

func nibble(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// hash reads 32 bytes. geth writes the root of a dump that is one object without 0x.
func (d *dump) hash(into *common.Hash) error {
	s, err := d.text(longName)
	if err == nil {
		if err = d.unhex(s, into[:]); err != nil {
			err = d.fault("%w", err)
		}
	}
	return err
}

// trieRoot reads a root. Zero, which stands for no claim elsewhere, would pass unchecked.
func (d *dump) trieRoot(into *common.Hash) error {
	err := d.hash(into)
	if err == nil && *into == (common.Hash{}) {
		err = d.fault("a root of zero, which no trie has")
	}
	return err
}

func (d *dump) unhex(s, into []byte) error {
	digits := bytes.TrimPrefix(s, []byte("0x"))
	if len(digits) != 2*len(into) {
		return fmt.Errorf("%.100q is not %d bytes", s, len(into))
	}
	if _, err := hex.Decode(into, digits); err != nil {
		return fmt.Errorf("%.100q: %w", s, err)
	}
	return nil
}

// hex reads bytes; they are valid until the next are read.
func (d *dump) hex(longest int) ([]byte, error) {
	s, err := d.text(longest)
	if err != nil {
		return nil, err
	}
	digits := bytes.TrimPrefix(s, []byte("0x"))
	if d.value, err = hex.AppendDecode(d.value[:0], digits); err != nil {
		return nil, d.fault("%.100q: %w", s, err)
	}
	return d.value, nil
}

// complete checks that the dump has what it must have of an account.
func (a *dumped) complete() error {
	switch {
	case a.addr == nil && a.key != nil:
		return fmt.Errorf("account with key %s: the dump lacks the preimage of its address", a.key.Hex())
	case a.addr == nil:
		return errors.New("account without an address")
	}
	a.Addr = *a.addr
	name := a.Addr.Hex()
	if a.key != nil && crypto.Keccak256Hash(a.Addr[:]) != *a.key {
		return fmt.Errorf("account %s: its key is %s, which is not the hash of its address", name, a.key.Hex())
	}
	for _, field := range []string{"balance", "nonce", "root", "codeHash"} {
		if !a.fields[field] {
			return fmt.Errorf("account %s: the dump lacks its %s", name, field)
		}
	}
	empty := a.CodeHash == types.EmptyCodeHash || a.CodeHash == (common.Hash{})
	if !empty && len(a.Code) == 0 {
		return fmt.Errorf("account %s: the dump lacks its code, with hash %s (was it written with --nocode?)", name, a.CodeHash.Hex())
	}
	if empty && len(a.Code) > 0 {
		return fmt.Errorf("account %s: it has code, and the hash of no code", name)
	}
	if a.Root != types.EmptyRootHash && a.slots == 0 {
		return fmt.Errorf("account %s: the dump has none of its slots (was it written with --nostorage, or without preimages?)", name)
	}
	return nil
}
