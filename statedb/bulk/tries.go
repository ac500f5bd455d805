package bulk

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/trie"
)

// emitter hands a StackTrie's nodes to a part of the product. The trie's callback has no way
// to fail, so the error waits here.
type emitter struct {
	to    part
	nodes int
	err   error
}

func (e *emitter) node(path []byte, hash common.Hash, blob []byte) {
	e.nodes++
	if e.err == nil {
		e.err = e.to.node(path, blob, hash)
	}
}

// grower is a StackTrie, or a part of one.
type grower interface {
	Update(key, value []byte) error
	Hash() common.Hash
}

// tall is a trie of records that were sorted on disk.
type tall struct {
	addr    common.Address
	owner   common.Hash
	records *sorter
	leaf    func(rec, buf []byte) ([]byte, error)
	seen    func(rec []byte) error // each record, from several goroutines; nil: nobody
	twice   func(a, b []byte) error
}

// grow builds the trie in 16 parts by the first nibble, on all cores. Where the keys share
// their first nibble the root is no branch, and the trie is built as a whole.
func (t *tall) grow(ctx context.Context, workers int, to product) (root common.Hash, nodes int, err error) {
	if t.records.parts() < 2 {
		e := new(emitter)
		if e.to, err = to.part(scope{addr: t.addr, owner: t.owner}); err != nil {
			return root, 0, err
		}
		st := trie.NewStackTrie(e.node)
		root, err = t.part(ctx, st, e, 0, 15)
		return root, e.nodes, err
	}
	var roots [16]common.Hash
	var count atomic.Int64
	err = each(ctx, workers, 16, func(ctx context.Context, n int) (err error) {
		e := new(emitter)
		if e.to, err = to.part(scope{addr: t.addr, owner: t.owner, prefix: []byte{byte(n)}}); err != nil {
			return err
		}
		if t.records.count[n] == 0 {
			return e.to.end() // asked for all the same: what a store has there is too much
		}
		roots[n], err = t.part(ctx, trie.NewPartialStackTrie(byte(n), e.node), e, n, n)
		count.Add(int64(e.nodes))
		return err
	})
	if err != nil {
		return root, 0, err
	}
	root, err = t.top(&roots, to)
	return root, int(count.Load()) + 1, err
}

// part feeds a trie, or a part of one, with the records it is made of.
func (t *tall) part(ctx context.Context, g grower, e *emitter, first, last int) (common.Hash, error) {
	m, err := t.records.merge(first, last)
	if err == nil {
		err = t.feed(ctx, g, e, m)
	}
	var root common.Hash
	if err == nil {
		root = g.Hash()
		err = e.err
	}
	if err == nil {
		err = e.to.end()
	}
	return root, err
}

func (t *tall) feed(ctx context.Context, g grower, e *emitter, m *merger) error {
	var last, buf []byte
	for i := 0; ; i++ {
		if i%1024 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		rec, err := m.next()
		if rec == nil || err != nil {
			return err
		}
		if last != nil && bytes.Equal(last[:32], rec[:32]) {
			return t.twice(last, rec)
		}
		last = append(last[:0], rec...)
		if t.seen != nil {
			if err := t.seen(rec); err != nil {
				return err
			}
		}
		if buf, err = t.leaf(rec, buf[:0]); err != nil {
			return err
		}
		if err := g.Update(rec[:32], buf); err != nil {
			return err
		}
		if e.err != nil {
			return e.err
		}
	}
}

// top makes the root node of the parts' roots, which are nodes of 32 bytes or more: the
// key of a leaf there alone takes 32.
func (t *tall) top(roots *[16]common.Hash, to product) (common.Hash, error) {
	var body []byte
	for _, r := range roots {
		if r == (common.Hash{}) {
			body = append(body, 0x80)
		} else {
			body = append(append(body, 0xa0), r[:]...)
		}
	}
	body = append(body, 0x80)
	var blob []byte
	if len(body) < 256 {
		blob = append([]byte{0xf8, byte(len(body))}, body...)
	} else {
		blob = append([]byte{0xf9, byte(len(body) >> 8), byte(len(body))}, body...)
	}
	root := crypto.Keccak256Hash(blob)
	p, err := to.part(scope{addr: t.addr, owner: t.owner, top: true})
	if err != nil {
		return root, err
	}
	err = p.node(nil, blob, root)
	if err == nil {
		err = p.end()
	}
	return root, err
}

// each does n pieces of work on so many goroutines, until one fails.
func each(ctx context.Context, workers, n int, do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(workers, n) {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := do(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}
