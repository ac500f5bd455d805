package report

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// Progress tells whoever waits how far a run is: a bar on a terminal, where only blocks
// that differ get a line of their own; else a line for each block.
type Progress struct {
	w     io.Writer
	total int // 0: unknown
	bar   bool
	done  int
	bad   int
}

// NewProgress reports on w.
func NewProgress(w io.Writer, total int) *Progress {
	return &Progress{w: w, total: total, bar: IsTerminal(w)}
}

// IsTerminal reports whether someone is looking.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Begin says what runs next.
func (p *Progress) Begin(name string) {
	if p.bar {
		p.draw(name)
	}
}

// Done reports a block.
func (p *Progress) Done(l *Line) {
	p.done++
	fine := l.Error == "" && (l.Equal == nil || *l.Equal)
	if !fine {
		p.bad++
	}
	switch {
	case !p.bar:
		fmt.Fprintf(p.w, "%s %s\n", p.count(), l)
	case !fine:
		fmt.Fprintf(p.w, "\r\x1b[K%s\n", l)
		p.draw(l.Block)
	default:
		p.draw(l.Block)
	}
}

// End leaves the terminal clean.
func (p *Progress) End() {
	if p.bar {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

func (p *Progress) count() string {
	if p.total > 0 {
		return fmt.Sprintf("%d/%d", p.done, p.total)
	}
	return fmt.Sprint(p.done)
}

const barWidth = 30

func (p *Progress) draw(name string) {
	bar := ""
	if p.total > 0 {
		full := barWidth * p.done / p.total
		bar = "[" + strings.Repeat("=", full) + strings.Repeat(" ", barWidth-full) + "] "
	}
	failed := ""
	if p.bad > 0 {
		failed = fmt.Sprintf(", %d failed", p.bad)
	}
	fmt.Fprintf(p.w, "\r\x1b[K%s%s%s  %s", bar, p.count(), failed, name)
}

// String is the block in one line.
func (l *Line) String() string {
	if l.Txs == nil {
		return fmt.Sprintf("%s: not run: %s", l.Block, l.Error)
	}
	s := fmt.Sprintf("%s: %s txs, %.1f Mgas, %s ms", l.Block, count(*l.Txs), float64(*l.Gas)/1e6, l.Wall)
	if l.Speedup != nil {
		s += fmt.Sprintf(", %.2fx", *l.Speedup)
	}
	if l.Error != "" {
		return s + ", differs: " + l.Error
	}
	return s + ", equal"
}
