package mpt

import "unsafe"

// prefetch starts loading cache lines. It touches no memory itself.
//
//go:noescape
func prefetch(p unsafe.Pointer, lines uintptr)
