package bulk

import (
	"context"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/statedb/store"
)

// Import makes a source's state the first of an empty store: that after the block (height,
// hash), flat and as tries. It must have the root want, where that is not zero, and the root
// that the source claims. After an error the directory holds half a state, and opening it
// is refused.
func Import(ctx context.Context, s *store.Store, height uint64, hash, want common.Hash, src Source, opt Options) (*Report, error) {
	opt.fill(s.Dir())
	rep := new(Report)
	dir, err := opt.scratch()
	if err != nil {
		return rep, err
	}
	err = s.Load(height, hash, want, func(l *store.Loader) error {
		return dir.remove(opt.load(ctx, l, dir, want, src, rep))
	})
	if err != nil {
		err = fmt.Errorf("import: %w", err)
	}
	return rep, err
}

func (o *Options) load(ctx context.Context, l *store.Loader, dir *scratch, want common.Hash, src Source, rep *Report) (err error) {
	in := newIntake(ctx, o, dir, &loading{to: l})
	defer func() { err = errors.Join(err, in.close()) }()
	claimed, err := in.all(src, rep)
	if err != nil {
		return err
	}
	for _, root := range []common.Hash{want, claimed} {
		if root != (common.Hash{}) && root != rep.Root {
			return &RootError{Got: rep.Root, Want: root}
		}
	}
	l.Root(rep.Root)
	return nil
}

// scratch is where temporary files go. A directory of the caller's is not swept: others may
// work there.
func (o *Options) scratch() (*scratch, error) {
	if o.own {
		if err := sweep(o.FS, o.Temp); err != nil {
			return nil, fmt.Errorf("temporary files in %s: %w", o.Temp, err)
		}
	}
	return newScratch(o.FS, o.Temp), nil
}
