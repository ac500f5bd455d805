package statebench

import (
	"context"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/gpuevm/gpuevm/statedb/forest"
)

// Load makes our store of a world in a folder of dir, whose name it returns. The world is
// made twice, first for its root.
func Load(ctx context.Context, dir string, w World, progress func(done int)) (string, error) {
	root, err := w.stream(ctx, nowhere{}, progress)
	if err != nil {
		return "", err
	}
	o := newOurs(&w, dir, forest.Options{})
	_, err = o.make(ctx, root, progress)
	return o.dir, err
}

// nowhere is a sink.
type nowhere struct{}

func (nowhere) account(common.Address, common.Hash, *types.StateAccount) error { return nil }
func (nowhere) slot(common.Address, common.Hash, common.Hash, common.Hash, common.Hash) error {
	return nil
}
func (nowhere) node(common.Hash, []byte, common.Hash, []byte) error { return nil }
