package source

import (
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/statedb"
)

// PostAllocRoot is what to compare with Expect.PostAllocRoot, given the diff of the
// block's transactions and the system calls before them. Pre stays as it is.
func (b *Block) PostAllocRoot(d *gpuevm.StateDiff) (common.Hash, error) {
	pre, ok := b.Pre.(*statedb.Mem)
	if !ok {
		return common.Hash{}, fmt.Errorf("%s: pre-state is no allocation", b.Name)
	}
	post := pre.Copy()
	if err := post.Apply(b.Expect.covered(d)); err != nil {
		return common.Hash{}, fmt.Errorf("%s: %w", b.Name, err)
	}
	return post.AllocRoot(), nil
}

// covered is the part of a diff that PostAllocRoot is over. It was computed from the
// slots that go-ethereum read from the state below, and of an account that was destroyed
// in the block go-ethereum reads no more: slots that such an account gets when it is
// made again are not in it, but for those read before (mainnet 11114732 has one).
func (e *Expect) covered(d *gpuevm.StateDiff) *gpuevm.StateDiff {
	if len(d.Wiped) == 0 {
		return d
	}
	touched := make(map[gpuevm.Key]bool, len(e.Touched))
	for _, key := range e.Touched {
		touched[key] = true
	}
	wiped := make(map[common.Address]bool)
	for _, addr := range d.Wiped {
		wiped[addr] = touched[gpuevm.Key{Addr: addr, Kind: gpuevm.Exists}]
	}
	part := *d
	part.Cells = nil
	for _, c := range d.Cells {
		if c.Key.Kind != gpuevm.Slot || !wiped[c.Key.Addr] || touched[c.Key] {
			part.Cells = append(part.Cells, c)
		}
	}
	return &part
}
