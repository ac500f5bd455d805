package hostsched

import (
	"bytes"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/trie"
)

// digest computes the receipts root and the block's bloom beside the lanes, while
// receipts come in; done afterwards it would be a tail that one core does alone.
type digest struct {
	in   chan *types.Receipt
	done chan struct{}

	root  common.Hash
	bloom types.Bloom
}

func newDigest(n int) *digest {
	d := &digest{in: make(chan *types.Receipt, n), done: make(chan struct{})}
	go d.run(d.in)
	return d
}

// feed takes the next receipt. It never blocks: there is room for all.
func (d *digest) feed(r *types.Receipt) { d.in <- r }

// run inserts receipts in the order of their keys, which a stack trie asks for: key i is
// rlp(i), so that receipt 0 (key 0x80) comes after receipt 127 (key 0x7f) and before 128
// (key 0x8180).
func (d *digest) run(in <-chan *types.Receipt) {
	defer close(d.done)
	var (
		t     = trie.NewStackTrie(nil)
		value bytes.Buffer
		zero  *types.Receipt
		n     int
	)
	insert := func(i int, r *types.Receipt) {
		value.Reset()
		types.Receipts{r}.EncodeIndex(0, &value)
		_ = t.Update(rlp.AppendUint64(nil, uint64(i)), common.CopyBytes(value.Bytes())) // fails on wrong order only
	}
	for r := range in {
		for i, b := range r.Bloom {
			d.bloom[i] |= b
		}
		if n == 0x80 {
			insert(0, zero)
		}
		if n == 0 {
			zero = r
		} else {
			insert(n, r)
		}
		n++
	}
	if n > 0 && n <= 0x80 {
		insert(0, zero)
	}
	d.root = t.Hash()
}

// finish waits for the last receipt to be digested.
func (d *digest) finish() (common.Hash, types.Bloom) {
	d.abandon()
	<-d.done
	return d.root, d.bloom
}

// abandon ends the digest of a block that has no more receipts. It may be called again.
func (d *digest) abandon() {
	if d.in != nil {
		close(d.in)
		d.in = nil
	}
}
