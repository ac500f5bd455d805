// Package kernels carries the CUDA C++ sources, which are also plain C++ (dialect.cuh).
package kernels

import "embed"

// Sources are all kernel sources by file name.
//
//go:embed *.cu *.cuh
var Sources embed.FS
