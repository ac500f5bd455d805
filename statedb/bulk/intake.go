package bulk

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
)

// intake takes accounts from a source, builds their storage tries, and sorts them for the
// account trie. The source's goroutine collects accounts into jobs, workers do the jobs; an
// account whose storage exceeds a job is done apart, by all cores.
type intake struct {
	opt    *Options
	to     product
	dir    *scratch
	sorted *sorter // accounts
	room   int     // bytes of a job
	jobs   chan *job
	now    *job    // being collected
	from   int     // where the slots of the account to come begin in now
	big    *sorter // its slots, where there are too many
	codes  *sorter // hashes of codes that accounts have; nil: nobody asks

	ctx                    context.Context
	cancel                 context.CancelCauseFunc
	crew                   sync.WaitGroup
	accounts, slots, nodes atomic.Int64
}

// job is accounts with their slots.
type job struct {
	entries []entry
	slots   []byte // slot and value by turns, 64 bytes a slot
	size    int
}

type entry struct {
	Account
	to int // where its slots end; they begin where those before end
}

const (
	pairWidth  = 64
	slotCost   = pairWidth + 32 + 16 // with its hash and its place in the order
	entryCost  = 512
	enoughWork = 256 << 10 // bytes of a job that is worth a worker's while
)

func newIntake(ctx context.Context, opt *Options, dir *scratch, to product) *intake {
	in := &intake{opt: opt, to: to, dir: dir, jobs: make(chan *job, opt.Workers), now: new(job)}
	in.sorted = newSorter(dir, accountWidth, opt.Memory/4)
	in.room = max(opt.Memory/4/(2*opt.Workers+1), 32<<10)
	in.ctx, in.cancel = context.WithCancelCause(ctx)
	for range opt.Workers {
		w := newWorker(in)
		in.crew.Go(func() {
			for j := range in.jobs {
				if in.ctx.Err() != nil {
					continue
				}
				if err := w.do(j); err != nil {
					in.cancel(err)
				}
			}
		})
	}
	return in
}

// sink is how a source sees it.
func (in *intake) sink() Sink { return Sink{in.slot, in.account, in.opt.progress} }

func (in *intake) slot(slot, value common.Hash) error {
	if value == (common.Hash{}) {
		return fmt.Errorf("slot %s is zero, which a state has none of", slot.Hex())
	}
	j := in.now
	j.slots = append(append(j.slots, slot[:]...), value[:]...)
	j.size += slotCost
	if (len(j.slots)-in.from)/pairWidth*slotCost >= in.room {
		return in.overflow()
	}
	return nil
}

// overflow moves the slots of the account to come to a sorter.
func (in *intake) overflow() error {
	if in.ctx.Err() != nil {
		return context.Cause(in.ctx)
	}
	if in.big == nil {
		in.big = newSorter(in.dir, slotWidth, in.opt.Memory/4)
	}
	j := in.now
	own := j.slots[in.from:]
	in.slots.Add(int64(len(own) / pairWidth))
	h := hashing{hasher: in.opt.Hasher}
	err := h.each(len(own)/pairWidth, func(i int) []byte { return own[i*pairWidth:][:32] }, func(i int, hash *[32]byte) error {
		h.record = append(append(h.record[:0], hash[:]...), own[i*pairWidth:][:pairWidth]...)
		return in.big.add(h.record)
	})
	j.size -= len(own) / pairWidth * slotCost
	j.slots = j.slots[:in.from]
	return err
}

func (in *intake) account(a Account) error {
	if in.ctx.Err() != nil {
		return context.Cause(in.ctx)
	}
	if a.CodeHash == types.EmptyCodeHash {
		a.CodeHash = common.Hash{}
	}
	j := in.now
	if in.big != nil {
		return in.bigAccount(a)
	}
	in.slots.Add(int64(len(j.slots)-in.from) / pairWidth)
	j.entries = append(j.entries, entry{a, len(j.slots)})
	j.size += entryCost + len(a.Code)
	in.from = len(j.slots)
	if j.size >= min(in.room, enoughWork) {
		return in.send()
	}
	return nil
}

func (in *intake) send() error {
	if len(in.now.entries) == 0 {
		return nil
	}
	select {
	case in.jobs <- in.now:
	case <-in.ctx.Done():
		return context.Cause(in.ctx)
	}
	in.now, in.from = new(job), 0
	return nil
}

// bigAccount is an account whose slots are in a sorter of its own.
func (in *intake) bigAccount(a Account) (err error) {
	if err := in.overflow(); err != nil {
		return err
	}
	s := in.big
	in.big = nil
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.done(); err != nil {
		return err
	}
	w := newWorker(in)
	owner := w.hashOne(a.Addr[:])
	t := tall{
		addr: a.Addr, owner: owner, records: s,
		leaf:  func(rec, buf []byte) ([]byte, error) { return slotLeaf(buf, rec[64:]), nil },
		twice: func(_, rec []byte) error { return slotTwice(&a, rec[32:64]) },
		seen: func(rec []byte) error {
			return in.to.slot(a.Addr, common.Hash(rec[32:64]), common.Hash(rec[64:96]))
		},
	}
	root, nodes, err := t.grow(in.ctx, in.opt.Workers, in.to)
	if err != nil {
		return err
	}
	in.nodes.Add(int64(nodes))
	if err := w.end(&a, (*[32]byte)(&owner), root, s.total()); err != nil {
		return err
	}
	return w.flush()
}

// finish waits for the workers, when the source has ended.
func (in *intake) finish(err error) error {
	if err == nil && (len(in.now.slots) > in.from || in.big != nil) {
		err = errors.New("the source ends with slots of no account")
	}
	if err == nil {
		err = in.send()
	}
	if err != nil {
		in.cancel(err)
	}
	close(in.jobs)
	in.crew.Wait()
	return context.Cause(in.ctx)
}

// top builds the account trie.
func (in *intake) top() (root common.Hash, err error) {
	if err := in.sorted.done(); err != nil {
		return root, err
	}
	t := tall{records: in.sorted, twice: accountTwice, leaf: func(rec, _ []byte) ([]byte, error) {
		return accountRecord(rec).leaf()
	}}
	root, nodes, err := t.grow(in.ctx, in.opt.Workers, in.to)
	in.nodes.Add(int64(nodes))
	return root, err
}

// all goes through a source, and says in the report what there was.
func (in *intake) all(src Source, rep *Report) (claimed common.Hash, err error) {
	start := time.Now()
	claimed, err = src.Each(in.ctx, in.sink())
	err = in.finish(err)
	rep.Flat = time.Since(start)
	if err == nil {
		start = time.Now()
		rep.Root, err = in.top()
		rep.Top = time.Since(start)
	}
	rep.Accounts, rep.Slots, rep.Nodes = int(in.accounts.Load()), int(in.slots.Load()), int(in.nodes.Load())
	rep.Spilled = in.dir.written.Load()
	return claimed, err
}

// close lets go of files and memory.
func (in *intake) close() error {
	in.cancel(nil)
	err := in.sorted.close()
	for _, s := range []*sorter{in.big, in.codes} {
		if s != nil {
			err = errors.Join(err, s.close())
		}
	}
	return err
}
