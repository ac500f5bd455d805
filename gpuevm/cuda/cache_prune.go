package cuda

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// What is in a cache's folder besides entries.
const (
	locks     = "lock-"
	temporary = "tmp-"
)

// kept are the names of entries. Nothing else that lies in the folder is touched.
var kept = regexp.MustCompile(`^[\w.-]+-[0-9a-f]{24}\.(so|cubin|ptx)$`)

// abandoned are files that whoever made them did not live to rename or remove.
var abandoned = regexp.MustCompile(`^` + temporary + `\d+$`)

// prune removes the entries that have not been used for longest until the rest is within the
// limit. The one at path was made just now and stays.
func (c *cache) prune(path string) {
	type file struct {
		path string
		size int64
		used time.Time
	}
	var files []file
	var sum int64
	entries, _ := os.ReadDir(c.dir)
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		f := file{filepath.Join(c.dir, e.Name()), info.Size(), info.ModTime()}
		switch {
		case kept.MatchString(e.Name()):
			files = append(files, f)
			sum += f.size
		case abandoned.MatchString(e.Name()) && time.Since(f.used) > time.Hour:
			_ = os.Remove(f.path)
		}
	}
	slices.SortFunc(files, func(a, b file) int { return a.used.Compare(b.used) })
	for _, f := range files {
		if sum <= c.limit {
			return
		}
		if f.path != path && os.Remove(f.path) == nil {
			sum -= f.size
		}
	}
}

// nameOf is what an entry made of a source is called.
func nameOf(source string) string { return strings.TrimSuffix(filepath.Base(source), ".cu") }
