package bulk

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/gpuevm/gpuevm/statedb/store"
)

// Verify recomputes the tries of the state that a store's disk has, from the flat state, and
// compares root and nodes; it checks every record's checksum, that codes have their hashes
// and are there, that slots have accounts, and that nothing is newer than the head. What it
// finds is in the report (Report.Err); an error says that it could not go on. The store may be
// used meanwhile.
func Verify(ctx context.Context, s *store.Store, opt Options) (rep *Report, err error) {
	opt.fill(s.Dir())
	rep = new(Report)
	found := &problems{limit: opt.List, rep: rep}
	snap, err := s.Snapshot(found.broken)
	if err != nil {
		return rep, err
	}
	defer func() { err = errors.Join(err, snap.Close()) }()
	dir, err := opt.scratch()
	if err != nil {
		return rep, err
	}
	v := &verification{snap: snap, found: found, opt: &opt, rep: rep}
	return rep, dir.remove(v.run(ctx, dir))
}

// verification is one run of Verify.
type verification struct {
	snap  *store.Snapshot
	found *problems
	opt   *Options
	rep   *Report
	total int64
}

func (v *verification) run(ctx context.Context, dir *scratch) (err error) {
	flat, storage, top, codes := v.snap.Size()
	v.total = flat + storage + top + codes
	nodes := &comparing{snap: v.snap, found: v.found}
	defer func() { err = errors.Join(err, nodes.close()) }()
	watched := *v.opt
	watched.Progress = func(done, _ int64) { v.opt.progress(done, v.total) }
	in := newIntake(ctx, &watched, dir, nodes)
	defer func() { err = errors.Join(err, in.close()) }()
	in.codes = newSorter(dir, codeWidth, v.opt.Memory/8)
	if _, err := in.all(&stored{v.snap, v.orphan, flat + storage}, v.rep); err != nil {
		return err
	}
	if want := v.snap.Head().Root; v.rep.Root != want {
		v.found.add(WrongRoot, "block %d: computed %s, the head has %s", v.snap.Head().Height, v.rep.Root.Hex(), want.Hex())
	}
	start := time.Now()
	v.opt.progress(v.total-codes, v.total)
	err = each(ctx, v.opt.Workers, 16, func(ctx context.Context, n int) error { return v.owners(ctx, in.sorted, n) })
	if err == nil {
		err = v.codes(ctx, in.codes)
	}
	if err == nil {
		err = v.snap.Rest(func() {})
	}
	v.rep.Rest = time.Since(start)
	v.opt.progress(v.total, v.total)
	return err
}

func (v *verification) orphan(r store.SlotRecord) error {
	v.found.add(OrphanSlot, "%s slot %s", r.Addr.Hex(), r.Slot.Hex())
	return nil
}

// owners looks for storage tries on disk whose owner has no storage, going from owner to
// owner.
func (v *verification) owners(ctx context.Context, accounts *sorter, nibble int) (err error) {
	m, err := accounts.merge(nibble, nibble)
	if err != nil {
		return err
	}
	disk := v.snap.Nodes()
	defer func() { err = errors.Join(err, disk.Close()) }()
	disk.Storage(byte(nibble), common.Hash{0: byte(nibble) << 4})
	rec, err := m.next()
	for err == nil && disk.Next() {
		owner := disk.Value.Owner
		for rec != nil && err == nil && bytes.Compare(rec[:32], owner[:]) < 0 {
			rec, err = m.next()
		}
		if err != nil {
			break
		}
		known := rec != nil && [32]byte(rec[:32]) == owner && accountRecord(rec).root() != types.EmptyRootHash
		if !known {
			v.found.add(ExtraNode, "storage trie of no account with storage, owner %s, path %x", owner.Hex(), nibbles(disk.Value.Path))
			continue
		}
		next, more := following(owner)
		if !more {
			break
		}
		if disk.Storage(byte(nibble), next); ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return err
}

// following is the hash after one.
func following(h common.Hash) (common.Hash, bool) {
	for i := len(h) - 1; i >= 0; i-- {
		if h[i]++; h[i] != 0 {
			return h, true
		}
	}
	return h, false
}

// codes compares the codes that accounts have with those on disk. Codes that no account has
// are no problem: a block of the window may have had one.
func (v *verification) codes(ctx context.Context, used *sorter) (err error) {
	if err := used.done(); err != nil {
		return err
	}
	m, err := used.merge(0, 15)
	if err != nil {
		return err
	}
	disk := v.snap.Codes()
	defer func() { err = errors.Join(err, disk.Close()) }()
	check := codeCheck{v: v, hashing: hashing{hasher: v.opt.Hasher}}
	more := disk.Next()
	var missing common.Hash
	for n := 0; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		rec, err := m.next()
		if err != nil {
			return err
		}
		for ; more && (rec == nil || bytes.Compare(disk.Value.Hash[:], rec[:32]) < 0); more = disk.Next() {
			check.add(&disk.Value)
		}
		if rec == nil {
			break
		}
		hash := common.Hash(rec[:32])
		if (!more || disk.Value.Hash != hash) && hash != missing {
			missing = hash
			v.found.add(MissingCode, "%s of account %s", hash.Hex(), common.Address(rec[32:]).Hex())
		}
	}
	check.flush()
	return nil
}

// codeCheck hashes codes in batches.
type codeCheck struct {
	v *verification
	hashing
	hashes []common.Hash
}

func (c *codeCheck) add(code *store.CodeRecord) {
	c.v.rep.Codes++
	c.batch.Add(code.Blob)
	if c.hashes = append(c.hashes, code.Hash); c.batch.Size() > 1<<20 {
		c.flush()
	}
}

func (c *codeCheck) flush() {
	c.hasher.Hash(&c.batch)
	for i, want := range c.hashes {
		if got := common.Hash(*c.batch.Digest(i)); got != want {
			c.v.found.add(WrongCode, "%s: its hash is %s", want.Hex(), got.Hex())
		}
	}
	c.batch.Reset()
	c.hashes = c.hashes[:0]
}
