package store

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/gpuevm/gpuevm/statedb/internal/uring"
)

// disk is the file system as Pebble gets it, with two things mended, and tables read through a
// ring where that can be.
//
// Where the log or the manifest can't be written, Pebble ends the process, and in
// places it does so (unlocking a mutex that is not locked, while it unwinds from a panic) in
// a way that nobody can recover from. Here such an operation never returns: to Pebble the
// disk is slow, to us it has failed, and whoever waits for it is told. No later operation
// writes anything either, so that the disk is as a crash at that instant would leave it.
// Readers go on. Tables that can't be written are no different: Pebble would try
// again at once and for ever, a hundred thousand times a second where the disk is full.
// Who can make room on a full disk wraps Options.FS in vfs.OnDiskFull.
//
// That goes for opening too, where Pebble would wait for a flush that can't succeed, or
// clean up after itself while its collector of statistics still runs, and panic.
//
// And Pebble creates the marker that names a manifest before the directory that has the
// manifest is synced: a file system that writes directory entries in any order may keep
// the one without the other. The crash tests found that; the directory is synced first.
type disk struct {
	vfs.FS
	failed atomic.Bool
	once   sync.Once
	stop   chan struct{} // closed when the disk has failed
	fail   func(error)
	reads  *uring.Reader // of tables; nil: as the file system does
}

func newDisk(inner vfs.FS, fail func(error)) *disk {
	d := &disk{FS: inner, stop: make(chan struct{}), fail: fail}
	if inner == vfs.Default {
		d.reads, _ = uring.New() // where that fails, ordinary reads serve
	}
	return d
}

// close is for when nobody reads any more.
func (d *disk) close() error {
	if d.reads == nil {
		return nil
	}
	return d.reads.Close()
}

// Unwrap implements vfs.FS.
func (d *disk) Unwrap() vfs.FS { return d.FS }

// must passes an error on, or stops the goroutine for good.
func (d *disk) must(name string, err error) error {
	if d.failed.Load() {
		d.freeze()
	}
	if err == nil {
		return nil
	}
	d.end(fmt.Errorf("%s: %w", name, err))
	d.freeze()
	return nil
}

// end is the end of all writing, and of waiting for Pebble: a goroutine of its own that has
// given up leaves others waiting for it, in Open too.
func (d *disk) end(err error) {
	d.once.Do(func() {
		d.failed.Store(true)
		d.fail(err)
		close(d.stop)
	})
}

func (d *disk) freeze() {
	select {}
}

func (d *disk) file(name string, f vfs.File, err error) (vfs.File, error) {
	if err = d.must(name, err); err != nil {
		return nil, err
	}
	return &diskFile{f, d, name}, nil
}

// Create implements vfs.FS.
func (d *disk) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if strings.HasPrefix(d.PathBase(name), "marker.") {
		if err := d.must(name, d.syncDir(d.PathDir(name))); err != nil {
			return nil, err
		}
	}
	f, err := d.FS.Create(name, category)
	return d.file(name, f, err)
}

// Open implements vfs.FS.
func (d *disk) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	f, err := d.FS.Open(name, opts...)
	if err == nil && d.reads != nil && strings.HasSuffix(name, ".sst") {
		return &tableFile{f, d.reads}, nil
	}
	return f, err
}

// tableFile is read while other goroutines go on.
type tableFile struct {
	vfs.File
	reads *uring.Reader
}

// ReadAt implements io.ReaderAt.
func (f *tableFile) ReadAt(p []byte, off int64) (int, error) {
	if f.reads.ReadAt(f.Fd(), p, off) {
		return len(p), nil
	}
	return f.File.ReadAt(p, off)
}

func (d *disk) syncDir(name string) error {
	dir, err := d.FS.OpenDir(name)
	if err != nil {
		return err
	}
	if err := dir.Sync(); err != nil {
		_ = dir.Close()
		return err
	}
	return dir.Close()
}

// ReuseForWrite implements vfs.FS.
func (d *disk) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.ReuseForWrite(oldname, newname, category)
	return d.file(newname, f, err)
}

// OpenDir implements vfs.FS: a directory is synced to make a file last.
func (d *disk) OpenDir(name string) (vfs.File, error) {
	f, err := d.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &diskFile{f, d, name}, nil
}

type diskFile struct {
	vfs.File
	d    *disk
	name string
}

func (f *diskFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	return n, f.d.must(f.name, err)
}

func (f *diskFile) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.File.WriteAt(p, off)
	return n, f.d.must(f.name, err)
}

func (f *diskFile) Sync() error     { return f.d.must(f.name, f.File.Sync()) }
func (f *diskFile) SyncData() error { return f.d.must(f.name, f.File.SyncData()) }

func (f *diskFile) SyncTo(length int64) (bool, error) {
	full, err := f.File.SyncTo(length)
	return full, f.d.must(f.name, err)
}

func (f *diskFile) Preallocate(offset, length int64) error {
	return f.d.must(f.name, f.File.Preallocate(offset, length))
}

func (f *diskFile) Close() error { return f.d.must(f.name, f.File.Close()) }

// logger is what Pebble logs to. It hears of nothing but the end.
type logger Store

func (*logger) Infof(string, ...any)  {}
func (*logger) Errorf(string, ...any) {}

// Fatalf ends the goroutine that Pebble calls it from. Pebble wants the process to end;
// we want the readers to go on, and nobody to write.
func (l *logger) Fatalf(format string, args ...any) {
	err := fmt.Errorf("pebble: "+format, args...)
	for _, a := range args {
		if cause, ok := a.(error); ok {
			err = fmt.Errorf("pebble: "+format+"%.0w", append(args, cause)...)
		}
	}
	(*Store)(l).fs.end(err)
	runtime.Goexit()
}
