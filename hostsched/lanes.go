package hostsched

import (
	"context"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/gpuevm/gpuevm/gpuevm"
)

// run is one block on its way through the lanes. A lane is a goroutine that does
// whatever comes first: execute transactions that are ready, or recover senders ahead of
// them, so that recovery fills the gaps that dependencies leave. Whoever finishes the
// transaction at the frontier (the first that is not committed) commits it and those
// after it that are done.
type run struct {
	*ledger
	ctx     context.Context
	engine  gpuevm.Engine
	predict Predictor
	options Options
	block   *Block
	header  *types.Header // the block's, copied once
	signer  types.Signer

	mu         sync.Mutex
	wake       sync.Cond
	txs        []gpuevm.Tx
	bad        []error // transactions that can't even be read, by index
	claimed    int     // txs[:claimed] are recovered or being recovered
	chunkDone  []bool
	recovered  int // txs[:recovered] are
	plan       *plan
	runs       []attempt
	frontier   int
	committing bool
	err        error // ends the block
	stats      Stats
	receipts   receipts
	early      *early // nil: nothing is told before the end
}

// attempt is the speculative execution of one transaction.
type attempt struct {
	result    *gpuevm.Result
	bloom     types.Bloom
	done      bool
	exact     bool // ran on the exact state
	published bool
}

// senderChunk is how many senders a lane recovers at a time, some 50 us each; a Recoverer
// takes recovererChunk. A block gets no more lanes than it has chunks.
const (
	senderChunk    = 4
	recovererChunk = 4096
)

func (o *Options) chunk() int {
	if o.Recoverer != nil {
		return recovererChunk
	}
	return senderChunk
}

// transactions runs all transactions of the block and commits them in order.
func (r *run) transactions() error {
	if r.ctx.Done() != nil {
		stop := context.AfterFunc(r.ctx, func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.fail(context.Cause(r.ctx))
		})
		defer stop()
	}
	var others sync.WaitGroup
	lanes := len(r.chunkDone)
	if r.options.Batch > 1 {
		lanes = max(lanes, 2) // one commits what the other's next call does not wait for
	}
	for range min(r.options.Lanes, lanes) - 1 {
		others.Go(r.lane)
	}
	r.lane() // the first lane is this goroutine
	others.Wait()
	r.stats.Waves = len(r.plan.waves)
	for _, n := range r.plan.waves {
		r.stats.LargestWave = max(r.stats.LargestWave, n)
	}
	r.mu.Lock() // the context may end just now
	defer r.mu.Unlock()
	return r.err
}

func (r *run) lane() {
	var batch []int32
	v := &view{o: r.state}
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.err == nil && r.frontier < len(r.txs) {
		r.admit()
		batch = batch[:0]
		if r.worthwhile() {
			batch = r.plan.take(r.options.Batch, batch)
		}
		switch {
		case len(batch) > 0:
			r.execute(batch, v)
		case r.claimed < len(r.txs):
			r.recoverChunk()
		default:
			i := int32(-1)
			if r.options.Batch == 1 {
				i = r.plan.rehearse(r.frontier)
			}
			if i >= 0 {
				r.execute(append(batch, i), v)
			} else {
				r.wake.Wait()
			}
		}
	}
}

// worthwhile reports whether it is time to execute what is ready. A call of a device costs
// much the same whatever its size, and what runs in one call can't see one another's
// writes: while there are senders to recover, a quarter of the block (or of the largest
// batch) is waited for.
func (r *run) worthwhile() bool {
	return r.options.Batch == 1 || r.recovered == len(r.txs) || r.plan.ready.Len() >= min(r.options.Batch, len(r.txs))/4
}

// fail ends the block with its first error.
func (r *run) fail(err error) {
	if r.err == nil && err != nil {
		r.err = err
	}
	r.wake.Broadcast()
}

// recoverChunk recovers the senders of the next chunk.
func (r *run) recoverChunk() {
	chunk := r.options.chunk()
	from, to := r.claimed, min(r.claimed+chunk, len(r.txs))
	r.claimed = to
	r.mu.Unlock()
	start := time.Now()
	r.recoverSenders(from, to)
	r.early.recovered(from, r.txs[from:to])
	took := time.Since(start)
	r.mu.Lock()
	r.stats.Stage.Senders += took
	r.chunkDone[from/chunk] = true
	for r.recovered < len(r.txs) && r.chunkDone[r.recovered/chunk] {
		r.recovered = min(r.recovered+chunk, len(r.txs))
	}
	r.wake.Broadcast()
}

// admit lets the plan look ahead as far as senders are known and the window reaches.
func (r *run) admit() {
	limit := min(r.recovered, r.frontier+r.options.Window)
	if r.plan.admitted >= limit {
		return
	}
	start := time.Now()
	for r.plan.admitted < limit {
		r.plan.admit()
		r.early.admitted(&r.txs[r.plan.admitted-1])
	}
	r.stats.Stage.Predict += time.Since(start)
}

// execute runs a batch of ready transactions and hands the results in.
func (r *run) execute(batch []int32, v *view) {
	exact := len(batch) == 1 && r.frontier == int(batch[0])
	v.at = batch[0]
	if len(batch) > 1 { // one state for all: it has what finished before the last of them
		v.at = batch[len(batch)-1] + 1
	}
	txs := make([]gpuevm.Tx, 0, len(batch))
	for _, i := range batch {
		r.runs[i].exact = exact
		if r.bad[i] == nil {
			txs = append(txs, r.txs[i])
			txs[len(txs)-1].TrustNonce = !exact
		}
	}
	r.mu.Unlock()
	start := time.Now()
	var results []gpuevm.Result
	var err error
	if len(txs) > 0 {
		results, err = r.engine.Execute(r.ctx, r.env, txs, v)
	}
	for i := range results {
		a := &r.runs[txs[i].Index]
		a.result = &results[i]
		a.bloom = bloomOf(a.result)
		r.early.ran(txs[i].Index, a.result)
	}
	took := time.Since(start)
	r.mu.Lock()
	r.stats.Stage.Execute += took
	if err != nil && r.ctx.Err() != nil {
		r.fail(context.Cause(r.ctx))
		return
	}
	if err != nil { // commit has the referee execute them
		r.options.Log.Warn("engine failed: the referee takes over", "block", r.header.Number, "transactions", len(txs), "error", err)
	}
	for _, i := range batch {
		r.finish(i)
	}
	r.commitReady()
}

func bloomOf(r *gpuevm.Result) (b types.Bloom) {
	if len(r.Logs) > 0 {
		b = types.CreateBloom(&types.Receipt{Logs: r.Logs})
	}
	return b
}

// finish hands one executed transaction in. Unless its turn to be committed is now, its
// writes are shown to the transactions after it.
func (r *run) finish(i int32) {
	a := &r.runs[i]
	if (int(i) != r.frontier || r.committing) && a.result != nil && a.result.Status < gpuevm.Invalid {
		r.mu.Unlock()
		r.state.publish(i, &a.result.Diff)
		if a.result.PaysFee && !a.result.Fee.IsZero() {
			r.state.publish(i, creditDiff(r.env.Coinbase, &a.result.Fee))
		}
		r.mu.Lock()
		a.published = true
	}
	a.done = true
	if a.published {
		r.plan.finish(i)
		r.wake.Broadcast()
	}
}

// commitReady commits what is done at the frontier. One lane at a time does it.
func (r *run) commitReady() {
	if r.committing {
		return
	}
	r.committing = true
	for r.err == nil && r.frontier < len(r.txs) && r.runs[r.frontier].done {
		i := r.frontier
		r.mu.Unlock()
		start := time.Now()
		err := r.commitNext(i)
		took := time.Since(start)
		r.mu.Lock()
		r.stats.Stage.Commit += took
		if err != nil {
			r.fail(err)
			break
		}
		r.frontier++
		if !r.runs[i].published {
			r.plan.finish(int32(i))
		}
		r.wake.Broadcast()
	}
	r.committing = false
}

// commitNext commits one transaction and makes its receipt.
func (r *run) commitNext(i int) error {
	tx, a := &r.txs[i], &r.runs[i]
	if r.bad[i] != nil {
		return txError(tx, r.bad[i])
	}
	result, err := r.commit(r.ctx, tx, a.result, a.exact)
	if err != nil {
		if r.ctx.Err() != nil {
			return context.Cause(r.ctx)
		}
		return txError(tx, err)
	}
	if result != a.result {
		r.stats.Reexecuted++
		a.bloom = bloomOf(result)
	} else {
		r.stats.OnDevice++
	}
	r.early.committed(i, result, result == a.result)
	a.result = result
	if len(tx.Access.Reads) > 0 {
		r.predict.Outcome(tx, result.Reads)
	}
	if r.block.OnCommit != nil {
		r.block.OnCommit(i)
	}
	if err := r.receipts.add(r, i, a); err != nil {
		return err
	}
	if old := i - r.memory(); old >= 0 {
		r.runs[old].result = nil // frees the slabs it aliases
	}
	return nil
}

// memory is how many results before the frontier are kept, for lastWriter.
func (r *run) memory() int { return 2 * r.options.Window }

// reject takes back what a result that does not stand had published, and tells the
// predictor which earlier writes it missed.
func (r *run) reject(tx *gpuevm.Tx, result *gpuevm.Result) {
	i := int32(tx.Index)
	if r.runs[i].published {
		r.state.withdraw(i, &result.Diff)
		r.state.withdraw(i, creditDiff(r.env.Coinbase, &result.Fee))
	}
	for k := range result.Reads {
		read := &result.Reads[k]
		if read.Key.Kind == gpuevm.Nonce && read.Key.Addr == tx.From {
			continue // trusted, not read
		}
		if v, err := r.state.read(read.Key, i); err == nil && !read.Holds(v) {
			if j := r.lastWriter(int(i), read.Key); j >= 0 {
				r.predict.Conflict(tx, &r.txs[j], read.Key)
			}
		}
	}
}

// lastWriter finds the last committed transaction before i, as far as results are kept,
// that wrote the key.
func (r *run) lastWriter(i int, key gpuevm.Key) int {
	for j := i - 1; j > max(-1, i-r.memory()); j-- {
		d := &r.runs[j].result.Diff
		for _, list := range [2][]gpuevm.Cell{d.Cells, d.Adds} {
			for k := range list {
				if list[k].Key == key {
					return j
				}
			}
		}
	}
	return -1
}
