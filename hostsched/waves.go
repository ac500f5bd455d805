package hostsched

import (
	"container/heap"

	"github.com/gpuevm/gpuevm/gpuevm"
)

// plan orders the transactions of a block by their predicted accesses: one that reads
// what an earlier one writes waits for it (RAW). Writing what an earlier one reads or
// writes orders nothing, since commit is in block order. A wave is a level of that
// order: all transactions whose longest chain of predecessors is equally long.
//
// Transactions are admitted in block order, a window at a time, so that what the first
// ones teach the predictor still helps those that follow.
type plan struct {
	predict  Predictor
	txs      []gpuevm.Tx
	admitted int
	nodes    []node
	writer   map[gpuevm.Key]int32 // last admitted transaction that writes the key
	ready    indexHeap            // admitted, no predecessor left, not taken
	waves    []int                // transactions in each wave
}

type node struct {
	wave     int32
	waits    int32 // unfinished predecessors
	taken    bool
	finished bool
	next     []int32 // those that wait for this one
}

func newPlan(p Predictor, txs []gpuevm.Tx) *plan {
	return &plan{predict: p, txs: txs, nodes: make([]node, len(txs)), writer: make(map[gpuevm.Key]int32)}
}

// admit takes the next transaction into the order.
func (p *plan) admit() {
	i := int32(p.admitted)
	p.admitted++
	tx, n := &p.txs[i], &p.nodes[i]
	tx.Access = p.predict.Predict(tx)
	for _, key := range tx.Access.Reads {
		j, ok := p.writer[key]
		if !ok {
			continue
		}
		n.wave = max(n.wave, p.nodes[j].wave+1)
		if m := &p.nodes[j]; !m.finished && (len(m.next) == 0 || m.next[len(m.next)-1] != i) {
			m.next = append(m.next, i)
			n.waits++
		}
	}
	for _, key := range tx.Access.Writes {
		p.writer[key] = i
	}
	for len(p.waves) <= int(n.wave) {
		p.waves = append(p.waves, 0)
	}
	p.waves[n.wave]++
	if n.waits == 0 {
		heap.Push(&p.ready, i)
	}
}

// finish records that a transaction has been executed (not yet committed), which frees
// those that wait for nothing else.
func (p *plan) finish(i int32) {
	n := &p.nodes[i]
	n.finished = true
	for _, j := range n.next {
		if p.nodes[j].waits--; p.nodes[j].waits == 0 && !p.nodes[j].taken {
			heap.Push(&p.ready, j)
		}
	}
	n.next = nil
}

// take returns up to n ready transactions, lowest first.
func (p *plan) take(n int, into []int32) []int32 {
	for len(into) < n && len(p.ready) > 0 {
		i := heap.Pop(&p.ready).(int32)
		p.nodes[i].taken = true
		into = append(into, i)
	}
	return into
}

// rehearsalGas is the gas limit from which a transaction is worth a rehearsal.
const rehearsalGas = 1_000_000

// rehearse returns a large transaction that still waits, for a lane that has nothing
// else to do. Its result will hardly stand, but the engine has then met its code and
// its precompile calls, and executing it again is quick. -1: there is none.
func (p *plan) rehearse(frontier int) int32 {
	for i := frontier; i < p.admitted; i++ {
		if n := &p.nodes[i]; !n.taken && p.txs[i].Gas >= rehearsalGas {
			n.taken = true
			return int32(i)
		}
	}
	return -1
}

// indexHeap is a heap.Interface of transaction indices, lowest on top.
type indexHeap []int32

func (h indexHeap) Len() int           { return len(h) }
func (h indexHeap) Less(i, j int) bool { return h[i] < h[j] }
func (h indexHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *indexHeap) Push(x any)        { *h = append(*h, x.(int32)) }
func (h *indexHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
