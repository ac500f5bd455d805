package bulk

import (
	"bytes"
	"context"
	"encoding/binary"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/statedb/store"
)

// stored is the flat state that a store has.
type stored struct {
	snap   *store.Snapshot
	orphan func(store.SlotRecord) error
	scale  int64 // what At counts up to
}

// Each implements Source. Accounts and slots lie in the same order, so they are walked side
// by side.
func (s *stored) Each(ctx context.Context, to Sink) (common.Hash, error) {
	slots, accounts := s.snap.Slots(), s.snap.Accounts()
	err := s.both(ctx, to, accounts, slots)
	for _, e := range []error{slots.Close(), accounts.Close()} {
		if err == nil {
			err = e
		}
	}
	return s.snap.Head().Root, err
}

func (s *stored) both(ctx context.Context, to Sink, accounts *store.Walk[store.AccountRecord], slots *store.Walk[store.SlotRecord]) error {
	more := slots.Next()
	var last common.Address
	for n := 0; accounts.Next(); n++ {
		a := &accounts.Value
		for ; more && bytes.Compare(slots.Value.Addr[:], a.Addr[:]) < 0; more = slots.Next() {
			if err := s.stray(&last, &slots.Value); err != nil {
				return err
			}
		}
		for ; more && slots.Value.Addr == a.Addr; more = slots.Next() {
			if err := to.Slot(slots.Value.Slot, slots.Value.Value); err != nil {
				return err
			}
		}
		if slots.Err() != nil {
			return slots.Err()
		}
		err := to.Account(Account{Addr: a.Addr, Nonce: a.Nonce, Balance: a.Balance, CodeHash: a.CodeHash})
		if err != nil {
			return err
		}
		if n%4096 == 0 {
			to.At(s.progress(a.Addr), s.scale)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
	}
	for ; accounts.Err() == nil && more; more = slots.Next() {
		if err := s.stray(&last, &slots.Value); err != nil {
			return err
		}
	}
	return accounts.Err()
}

// stray tells of slots without an account, once an address.
func (s *stored) stray(last *common.Address, r *store.SlotRecord) error {
	if s.orphan == nil || r.Addr == *last {
		return nil
	}
	*last = r.Addr
	return s.orphan(*r)
}

// progress takes addresses for evenly spread, which they are but for precompiles.
func (s *stored) progress(at common.Address) int64 {
	return int64(float64(binary.BigEndian.Uint64(at[:])) / (1 << 64) * float64(s.scale))
}
