package hostsched

import (
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/trie"
)

func TestDigest(t *testing.T) {
	for _, n := range []int{0, 1, 2, 127, 128, 129, 130, 255, 256, 257, 1000} {
		var receipts types.Receipts
		d := newDigest(n)
		for i := range n {
			r := &types.Receipt{Type: uint8(i % 3), CumulativeGasUsed: uint64(i), Logs: []*types.Log{{Address: common.Address{byte(i)}, Data: []byte{byte(i)}}}}
			r.Bloom = types.CreateBloom(r)
			receipts = append(receipts, r)
			d.feed(r)
		}
		root, bloom := d.finish()
		if want := types.DeriveSha(receipts, trie.NewStackTrie(nil)); root != want {
			t.Errorf("%d receipts: root %x, want %x", n, root, want)
		}
		if bloom != types.MergeBloom(receipts) {
			t.Errorf("%d receipts: wrong bloom", n)
		}
	}
}
