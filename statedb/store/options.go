package store

import (
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ethereum/go-ethereum/common"
)

// Options are how a store is opened. Zero values mean the defaults.
type Options struct {
	FS       vfs.FS // default: the operating system's
	ReadOnly bool   // open what is there, write nothing
	// Genesis, where it is set, names the chain: a store of another one is refused. One that
	// was made without a name is not.
	Genesis common.Hash

	Depth int // states that can be read below the head, itself included; default 128

	AccountCache, SlotCache, CodeCache int // bytes; defaults 128, 256, 64 MiB
	BlockCache                         int // bytes for Pebble's blocks; default 256 MiB
	MemTable                           int // bytes; default 64 MiB

	Readers int // how many cells Add reads at once; default 4

	Sync Sync
	// QueueBytes bounds what waits for the disk; Advance waits when it is exceeded.
	// Default 256 MiB.
	QueueBytes int
	// OnDurable is called, in order and from one goroutine, when a sync has covered a block.
	OnDurable func(height uint64, hash common.Hash)

	seams seams
}

// seams are where tests plant faults.
type seams struct {
	apply func(s *Store, batch *pebble.Batch, sync bool) error // in place of Store.apply
}

// Sync bounds what a crash can take: the disk is synced as soon as one of the bounds is
// reached. Zero fields bound nothing, all zero means every block.
type Sync struct {
	Blocks int
	Bytes  int
	Every  time.Duration
}

// OnDemand syncs only when Sync or Close asks.
var OnDemand = Sync{Blocks: 1 << 62}

func (o *Options) fill() {
	def := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	if o.FS == nil {
		o.FS = vfs.Default
	}
	def(&o.Depth, 128)
	def(&o.AccountCache, 128<<20)
	def(&o.SlotCache, 256<<20)
	def(&o.CodeCache, 64<<20)
	def(&o.BlockCache, 256<<20)
	def(&o.MemTable, 64<<20)
	def(&o.Readers, 4)
	def(&o.QueueBytes, 256<<20)
	if o.seams.apply == nil {
		o.seams.apply = (*Store).apply
	}
	if o.Sync == (Sync{}) {
		o.Sync.Blocks = 1
	}
}

// due says whether so much must be synced now.
func (y Sync) due(blocks, bytes int, waited time.Duration) bool {
	return y.Blocks > 0 && blocks >= y.Blocks ||
		y.Bytes > 0 && bytes >= y.Bytes ||
		y.Every > 0 && waited >= y.Every
}
