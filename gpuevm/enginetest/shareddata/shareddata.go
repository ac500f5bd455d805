// Package shareddata finds the real blocks and conformance tests, which are not part of
// the project, for tests and benchmarks.
package shareddata

import (
	"os"
	"path/filepath"
	"testing"
)

// Folder is a folder of the data (blocks, conformance, vectors): below GPUEVM_DATA, else
// below the first shared/data beside a parent of the working directory. The test is
// skipped where it is not there.
func Folder(tb testing.TB, name string) string {
	tb.Helper()
	root := os.Getenv("GPUEVM_DATA")
	if root == "" {
		root = find()
	}
	dir := filepath.Join(root, name)
	if _, err := os.Stat(dir); root == "" || err != nil {
		tb.Skipf("no shared data here: set GPUEVM_DATA to the folder that holds %s/ (%v)", name, err)
	}
	return dir
}

func find() string {
	dir, err := os.Getwd()
	for err == nil {
		data := filepath.Join(dir, "shared", "data")
		if _, err := os.Stat(data); err == nil {
			return data
		}
		if dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	return ""
}
