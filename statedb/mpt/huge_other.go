//go:build !linux

package mpt

func hugePages([]byte) {}
