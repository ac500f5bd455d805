package store

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/ethereum/go-ethereum/common"
)

// Step moves the disk from one block to another, mostly from a block to its child. Nodes
// are what it changes in the tries, by whoever has them.
type Step struct {
	From, To common.Hash // blocks; From is zero for the first of an empty store
	Root     common.Hash // state root of To
	Nodes    []Node
	// Wiped are owners of storage tries that are gone as a whole, before Nodes are set.
	Wiped []common.Hash
}

type step struct {
	Step
	seq   uint64
	to    *layer
	bytes int
}

// queue is what waits for the disk. One goroutine, the writer, empties it.
type queue struct {
	mu      sync.Mutex
	changed chan struct{} // closed and replaced whenever something here changes
	steps   []*step
	bytes   int
	last    *layer // where the last step queued leads
	seq     uint64 // of that step

	stored, durable uint64 // steps
	storedHeight    uint64
	durableHeight   uint64
	syncing         bool // somebody asked for a sync
	closing         bool
	failed          error
}

func (q *queue) signal() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// wait returns when done says so, with its error, or with the context.
func (q *queue) wait(ctx context.Context, done func() (bool, error)) error {
	for {
		q.mu.Lock()
		ok, err := done()
		changed := q.changed
		q.mu.Unlock()
		if ok || err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Advance queues a step for the disk and returns its number, for WaitDurable. It
// waits while too much is queued. Steps follow one another: From is the To of the step
// before. The nodes are not copied.
func (s *Store) Advance(ctx context.Context, st Step) (seq uint64, err error) {
	if err := s.writable(); err != nil {
		return 0, err
	}
	q := &s.queue
	x := &step{Step: st}
	for i := range st.Nodes {
		x.bytes += len(st.Nodes[i].Blob) + len(st.Nodes[i].Path) + 48
	}
	err = q.wait(ctx, func() (bool, error) { return len(q.steps) == 0 || q.bytes <= s.opt.QueueBytes, q.state() })
	if err != nil {
		return 0, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.state(); err != nil {
		return 0, err
	}
	if err := s.settle(x); err != nil {
		return 0, err
	}
	q.seq++
	x.seq, q.last = q.seq, x.to
	q.steps = append(q.steps, x)
	q.bytes += x.bytes
	s.flight.board(x)
	q.signal()
	return x.seq, nil
}

func (q *queue) state() error {
	if q.closing {
		return fmt.Errorf("store: %w", ErrClosed)
	}
	return q.failed
}

// settle gives a block its root. It has the queue's lock, so that the floor can't pass
// the block before the block is queued.
func (s *Store) settle(x *step) error {
	if x.From != s.queue.last.block.hash {
		return fmt.Errorf("step to block %s starts at block %s, the disk is on its way to %s",
			x.To.Hex(), x.From.Hex(), s.queue.last.block.hash.Hex())
	}
	s.tree.mu.Lock()
	defer s.tree.mu.Unlock()
	l := s.tree.byHash[x.To]
	switch {
	case l == nil:
		return fmt.Errorf("step to block %s: %w", x.To.Hex(), ErrUnknown)
	case l.settled && l.block.root != x.Root:
		return fmt.Errorf("block %s has root %s, and now %s", x.To.Hex(), l.block.root.Hex(), x.Root.Hex())
	case !l.settled:
		l.block.root, l.settled = x.Root, true
		s.tree.byRoot[x.Root] = append(s.tree.byRoot[x.Root], l)
	}
	x.to = l
	return nil
}

// write is the writer: it takes what is queued, makes one batch of it, applies it, syncs
// when that is due. Steps that wait together are written together.
func (s *Store) write() {
	defer close(s.written)
	w := &writing{s: s, since: time.Now()}
	for {
		group, force, end := w.next()
		if err := w.store(group, force || end); err != nil {
			s.fail(err)
			return
		}
		if end && len(group) == 0 {
			return
		}
	}
}

type writing struct {
	s             *Store
	blocks, bytes int       // not synced
	since         time.Time // since the first of them
}

// groupBytes is how much goes into one batch where more is waiting.
const groupBytes = 32 << 20

// next waits for something to do: steps, a sync that is asked for or due, the end.
func (w *writing) next() (group []*step, force, end bool) {
	q := &w.s.queue
	for {
		q.mu.Lock()
		force, end = q.syncing, q.closing && len(q.steps) == 0
		n := 0
		for n < len(q.steps) && (n == 0 || size(q.steps[:n+1]) <= groupBytes) {
			n++
		}
		group = q.steps[:n:n]
		changed := q.changed
		q.mu.Unlock()
		due := w.blocks > 0 && w.s.opt.Sync.due(w.blocks, w.bytes, time.Since(w.since))
		if n > 0 || force || end || due {
			return group, force, end
		}
		w.idle(changed)
	}
}

func (w *writing) idle(changed chan struct{}) {
	var timer <-chan time.Time
	if every := w.s.opt.Sync.Every; w.blocks > 0 && every > 0 {
		timer = time.After(every - time.Since(w.since))
	}
	select {
	case <-changed:
	case <-timer:
	}
}

func size(steps []*step) (n int) {
	for _, x := range steps {
		n += x.bytes
	}
	return n
}

// store writes a group and syncs where that is due. Nothing of it is visible as stored
// before it is.
func (w *writing) store(group []*step, force bool) error {
	s := w.s
	if len(group) == 0 && w.blocks == 0 {
		s.done(nil, true)
		return nil
	}
	var b *built
	err := s.guard(func() (err error) {
		b, err = s.build(group)
		return err
	})
	if err != nil {
		return err
	}
	if w.blocks == 0 {
		w.since = time.Now()
	}
	w.blocks += len(group)
	size := b.batch.Len()
	w.bytes += size
	sync := force || s.opt.Sync.due(w.blocks, w.bytes, time.Since(w.since))
	// From here on a reader that finds the disk changed must ask the index again.
	s.epoch.Add(1)
	if err := s.opt.seams.apply(s, b.batch, sync); err != nil {
		return err
	}
	s.bytesWritten.Add(uint64(size))
	if sync {
		w.blocks, w.bytes = 0, 0
		if err := s.acknowledge(b.head, b.seq); err != nil {
			return err
		}
	}
	s.done(group, sync)
	s.keep(b, group)
	s.lift()
	return nil
}

// apply hands a batch to Pebble, from a goroutine of its own: where Pebble thinks that it
// can't go on it calls Logger.Fatalf, which ends the goroutine it is on. The batch is closed
// where that went well; otherwise it stays Pebble's, which may be holding it for ever (and
// a closed batch is used again by whoever makes the next one, in any store).
func (s *Store) apply(batch *pebble.Batch, sync bool) error {
	opts := pebble.NoSync
	if sync {
		opts = pebble.Sync
	}
	err := s.guard(func() error {
		if batch.Empty() { // nothing but a sync of what came before
			return s.db.LogData([]byte("sync"), opts)
		}
		return s.db.Apply(batch, opts)
	})
	if err == nil {
		err = batch.Close()
	}
	return err
}

// done takes a group out of the queue and tells who waits.
func (s *Store) done(group []*step, synced bool) {
	q := &s.queue
	q.mu.Lock()
	if n := len(group); n > 0 {
		last := group[n-1]
		s.disk = last.to
		q.steps = q.steps[n:]
		q.bytes -= size(group)
		q.stored, q.storedHeight = last.seq, last.to.block.height
	}
	announce := synced && q.durable != q.stored
	if synced {
		q.durable, q.durableHeight, q.syncing = q.stored, q.storedHeight, false
	}
	height, hash := s.disk.block.height, s.disk.block.hash
	q.signal()
	q.mu.Unlock()
	if announce && s.opt.OnDurable != nil {
		s.opt.OnDurable(height, hash)
	}
}

// keep brings caches and books up to what the disk has now. Until lift the index has all that
// changed, so that nobody finds the caches behind.
func (s *Store) keep(b *built, group []*step) {
	for i := range b.changes.accounts {
		s.accounts.update(b.changes.accounts[i].addr, b.changes.accounts[i].after)
	}
	for i := range b.changes.slots {
		s.slots.update(b.changes.slots[i].key, b.changes.slots[i].after)
	}
	for _, x := range group {
		s.flight.land(x)
	}
	s.tree.mu.Lock()
	defer s.tree.mu.Unlock()
	for _, l := range b.entered {
		for _, hash := range l.codes {
			if blob, ok := s.pendingCodes.get(hash); ok {
				_, _, version := s.codes.get(hash)
				s.codes.fill(hash, blob, version)
			}
			s.pendingCodes.release(hash)
		}
		l.codes = nil
		l.changes.Store(nil)
	}
}

// lift lets states that are too old go.
func (s *Store) lift() {
	q := &s.queue
	// With the queue's lock: a step to a block that is about to leave must be either
	// among those waiting or too late.
	q.mu.Lock()
	defer q.mu.Unlock()
	var waiting []*layer
	for _, x := range q.steps {
		waiting = append(waiting, x.to)
	}
	s.raise(s.disk, waiting)
}

// fail ends writing for good.
func (s *Store) fail(err error) {
	q := &s.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.failed == nil {
		q.failed = fmt.Errorf("%w: %w", ErrFailed, err)
	}
	q.signal()
}

// WaitDurable returns when a step, by its number, would survive a crash.
func (s *Store) WaitDurable(ctx context.Context, seq uint64) error {
	q := &s.queue
	return q.wait(ctx, func() (bool, error) { return q.durable >= seq, q.failed })
}

// WaitStored returns when a step is on its way to the disk in a batch of its own or with
// others: it will survive the process, and the machine once it is durable.
func (s *Store) WaitStored(ctx context.Context, seq uint64) error {
	q := &s.queue
	return q.wait(ctx, func() (bool, error) { return q.stored >= seq, q.failed })
}

// Sync makes everything queued durable.
func (s *Store) Sync(ctx context.Context) error {
	if err := s.writable(); err != nil {
		return err
	}
	q := &s.queue
	q.mu.Lock()
	seq := q.seq
	q.mu.Unlock()
	for {
		q.mu.Lock()
		q.syncing = q.durable < seq
		q.signal()
		ok := !q.syncing
		q.mu.Unlock()
		if ok {
			return nil
		}
		err := q.wait(ctx, func() (bool, error) { return !q.syncing || q.durable >= seq, q.failed })
		if err != nil {
			return err
		}
	}
}
