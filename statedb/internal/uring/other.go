//go:build !linux

package uring

// Reader is not to be had here.
type Reader struct{}

// New fails with ErrUnsupported.
func New() (*Reader, error) { return nil, ErrUnsupported }

// ReadAt reads nothing.
func (*Reader) ReadAt(uintptr, []byte, int64) (done bool) { return false }

// Close does nothing.
func (*Reader) Close() error { return nil }
