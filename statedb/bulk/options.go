package bulk

import (
	"runtime"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/statedb/keccak"
)

// Options are how a state is gone through. Zero values mean the defaults.
type Options struct {
	// Memory bounds what is held for sorting; what the store takes for itself comes on
	// top. Default 256 MiB.
	Memory int
	// Temp is where runs are sorted that exceed it, on the file system FS; both default to
	// the store's. Nothing stays there.
	Temp    string
	FS      vfs.FS
	Workers int           // default: as many as cores
	Hasher  keccak.Hasher // default: the fastest of this processor
	// Progress, where it is set, is told now and then how far the work is. What total is
	// counted in is the work's own, and it is an estimate. It is called
	// from one goroutine.
	Progress func(done, total int64)
	List     int // problems listed of each kind; default 20

	own bool // temporary files are in the store's directory
}

func (o *Options) fill(dir string, fs vfs.FS) {
	if o.Memory <= 0 {
		o.Memory = 256 << 20
	}
	o.Memory = max(o.Memory, 1<<20)
	o.own = o.FS == nil && o.Temp == ""
	if o.FS == nil {
		o.FS = fs
	}
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Temp == "" {
		o.Temp = dir
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Hasher == nil {
		o.Hasher = keccak.Best()
	}
	if o.List <= 0 {
		o.List = 20
	}
}

func (o *Options) progress(done, total int64) {
	if o.Progress != nil {
		o.Progress(done, total)
	}
}

// Report says what there was and what came of it.
type Report struct {
	Root     common.Hash // computed
	Accounts int
	Slots    int
	Codes    int           // on disk; Import doesn't count them
	Nodes    int           // of all tries
	Spilled  int64         // bytes written to temporary files
	Flat     time.Duration // reading the flat state, and storage tries
	Top      time.Duration // the account trie
	Rest     time.Duration // codes and what else there is

	Problems map[Kind]int // how many of each kind
	Listed   []Problem    // the first of each kind
}
