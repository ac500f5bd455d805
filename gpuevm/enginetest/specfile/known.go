package specfile

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

// Known is a test that is expected to fail, with the reason.
type Known struct {
	Archive, File, Test, ID, Reason string
}

// Deviations are the tests that are expected to fail.
type Deviations struct {
	rows map[deviation]*Known
}

// deviation finds a row by the base name of its file: a file that was taken out of its
// archive lies anywhere. That the rest agrees, where it is known, is checked then.
type deviation struct{ file, test, id string }

// ReadDeviations reads a file with the tab-separated columns archive, file, test,
// fork/index (a block test has the fork alone), reason. Lines that begin with # are
// comments.
func ReadDeviations(name string) (*Deviations, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	d, err := ParseDeviations(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return d, nil
}

// ParseDeviations is ReadDeviations for what was read already.
func ParseDeviations(r io.Reader) (*Deviations, error) {
	d := &Deviations{rows: make(map[deviation]*Known)}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		col := strings.SplitN(line, "\t", 5)
		if len(col) != 5 || strings.TrimSpace(col[4]) == "" {
			return nil, fmt.Errorf("line %d: want five columns, the last one a reason", n)
		}
		k := &Known{col[0], col[1], col[2], col[3], col[4]}
		d.rows[deviation{path.Join(k.Archive, k.File), k.Test, k.ID}] = k
		d.rows[deviation{path.Base(k.File), k.Test, k.ID}] = k
	}
	return d, lines.Err()
}

// Find returns the row of a test, nil where it is not listed. index is that of a state
// test within its fork, -1 for a block test; archive is empty for a loose file.
func (d *Deviations) Find(archive, file, test, fork string, index int) *Known {
	if d == nil {
		return nil
	}
	id := fork
	if index >= 0 {
		id = fmt.Sprintf("%s/%d", fork, index)
	}
	if archive == "" {
		file = path.Base(file)
	} else {
		file = path.Join(archive, file)
	}
	return d.rows[deviation{file, test, id}]
}
