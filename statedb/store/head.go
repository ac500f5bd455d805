package store

import "github.com/ethereum/go-ethereum/common"

// Head names a block and the state after it. Root is zero while it is not known.
type Head struct {
	Height     uint64
	Hash, Root common.Hash
}

// Head is the last block that was queued for the disk.
func (s *Store) Head() Head {
	s.queue.mu.Lock()
	l := s.queue.last
	s.queue.mu.Unlock()
	return s.tree.head(l)
}

// Block is the block after which the view's state is.
func (v *View) Block() Head { return v.s.tree.head(v.l) }

func (t *tree) head(l *layer) Head {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return Head{l.block.height, l.block.hash, l.block.root}
}
