//go:build !amd64

package mpt

import "unsafe"

func prefetch(unsafe.Pointer, uintptr) {}
