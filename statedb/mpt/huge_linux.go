package mpt

import "syscall"

// hugePages asks for pages of 2 MiB. A walk down the trie misses the TLB at every node
// otherwise, which is most of what an update costs. It is a hint, so errors don't matter.
func hugePages(b []byte) { _ = syscall.Madvise(b, syscall.MADV_HUGEPAGE) }
