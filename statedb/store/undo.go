package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
)

// undo is what a block changed, as it is kept on disk for the last Depth blocks: enough
// to read the states before the head after a restart, and to step the disk back.
type undo struct {
	parent  head
	changes changes
}

var errShort = errors.New("undo record cut short")

func (u *undo) append(buf []byte) []byte {
	buf = binary.AppendUvarint(buf, u.parent.height)
	buf = u.parent.append(buf)
	buf = binary.AppendUvarint(buf, uint64(len(u.changes.accounts)))
	for i := range u.changes.accounts {
		a := &u.changes.accounts[i]
		buf = append(buf, a.addr[:]...)
		buf = appendMaybe(appendMaybe(buf, &a.before), &a.after)
	}
	buf = binary.AppendUvarint(buf, uint64(len(u.changes.slots)))
	var last common.Address
	for i := range u.changes.slots {
		s := &u.changes.slots[i]
		if i > 0 && s.key.addr == last { // sorted, so an address is mostly that before it
			buf = append(buf, 0)
		} else {
			buf = append(append(buf, 1), s.key.addr[:]...)
			last = s.key.addr
		}
		buf = appendWord(appendWord(appendWord(buf, s.key.slot), s.before), s.after)
	}
	return buf
}

// appendMaybe writes an account with its length first; none is of length zero.
func appendMaybe(buf []byte, a *account) []byte {
	if !a.exists {
		return append(buf, 0)
	}
	var tmp [80]byte
	b := appendAccount(tmp[:0], a)
	return append(append(buf, byte(len(b))), b...)
}

// cursor reads what append wrote. After an error everything it reads is zero.
type cursor struct {
	b   []byte
	err error
}

func (c *cursor) take(n int) []byte {
	if c.err != nil || n < 0 || len(c.b) < n {
		c.err = errors.Join(c.err, errShort)
		return make([]byte, min(max(n, 0), 64))
	}
	b := c.b[:n]
	c.b = c.b[n:]
	return b
}

func (c *cursor) number() uint64 {
	v, n := binary.Uvarint(c.b)
	if n <= 0 {
		c.err = errors.Join(c.err, errShort)
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *cursor) word() (w common.Hash) {
	w, rest, err := readWord(c.b)
	if err != nil {
		c.err = errors.Join(c.err, err)
		return w
	}
	c.b = rest
	return w
}

func (c *cursor) account() (a account) {
	n := int(c.take(1)[0])
	if n == 0 || c.err != nil {
		return a
	}
	a, err := decodeAccount(c.take(n))
	if err != nil {
		c.err = errors.Join(c.err, err)
	}
	return a
}

func decodeUndo(b []byte) (u undo, err error) {
	c := &cursor{b: b}
	u.parent.height = c.number()
	u.parent.hash, u.parent.root = common.Hash(c.take(32)), common.Hash(c.take(32))
	for n := c.number(); n > 0 && c.err == nil; n-- {
		a := accountChange{addr: common.Address(c.take(20))}
		a.before, a.after = c.account(), c.account()
		u.changes.accounts = append(u.changes.accounts, a)
	}
	var addr common.Address
	for n := c.number(); n > 0 && c.err == nil; n-- {
		if c.take(1)[0] != 0 {
			addr = common.Address(c.take(20))
		}
		s := slotChange{key: slotKey{addr, c.word()}}
		s.before, s.after = c.word(), c.word()
		u.changes.slots = append(u.changes.slots, s)
	}
	if c.err == nil && len(c.b) > 0 {
		c.err = fmt.Errorf("undo record has %d bytes too many", len(c.b))
	}
	return u, c.err
}
