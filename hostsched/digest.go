package hostsched

import (
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/trie"
)

// digest computes the receipts root and the block's bloom beside the lanes, while
// receipts come in; done afterwards it would be a tail that one core does alone. For a
// handful of receipts a goroutine costs more than it saves.
type digest struct {
	in   chan *types.Receipt
	done chan struct{} // nil: no goroutine, in is emptied by finish

	root  common.Hash
	bloom types.Bloom
}

const smallDigest = 16

func newDigest(n int) *digest {
	d := &digest{in: make(chan *types.Receipt, n)}
	if n > smallDigest {
		d.done = make(chan struct{})
		go d.run(d.in)
	}
	return d
}

// feed takes the next receipt. It never blocks: there is room for all.
func (d *digest) feed(r *types.Receipt) { d.in <- r }

func (d *digest) run(in <-chan *types.Receipt) {
	if d.done != nil {
		defer close(d.done)
	}
	stream := types.NewListHashStream(trie.NewStackTrie(nil))
	receipts := make(types.Receipts, 0, cap(in))
	for r := range in {
		for i, b := range r.Bloom {
			d.bloom[i] |= b
		}
		receipts = append(receipts, r)
		stream.Update(receipts)
	}
	d.root = stream.Hash()
}

// finish waits for the last receipt to be digested.
func (d *digest) finish() (common.Hash, types.Bloom) {
	in := d.in
	d.abandon()
	switch {
	case d.done != nil:
		<-d.done
	case cap(in) == 0:
		d.root = types.EmptyReceiptsHash
	default:
		d.run(in)
	}
	return d.root, d.bloom
}

// abandon ends the digest of a block that has no more receipts. It may be called again.
func (d *digest) abandon() {
	if d.in != nil {
		close(d.in)
		d.in = nil
	}
}
