package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Summary prints what lines come to: counts, stages, and the times of both sides.
func Summary(w io.Writer, lines []*Line) {
	t := Sum(lines)
	if t.Blocks == 0 {
		return
	}
	counts(w, t)
	fmt.Fprintln(w)
	stages(w, &t.Stage)
	fmt.Fprintln(w)
	t.Trie.print(w)
	times(w, t)
	fmt.Fprintln(w)
}

func counts(w io.Writer, t *Total) {
	tab := table{indent: "  ", left: 1}
	if t.Blocks > 1 {
		tab.row("blocks", count(t.Blocks))
	}
	tab.row("transactions", count(t.Txs))
	tab.row("gas", count(t.Gas))
	if t.Waves != nil {
		tab.row("waves", count(*t.Waves))
		tab.row("largest wave", count(*t.LargestWave))
	}
	tab.row("re-executions", count(t.Reexecuted))
	tab.row("on device", share(t.OnDevice, t.Txs))
	tab.print(w)
	if t.Offload != nil {
		fmt.Fprintf(w, "  %s\n", t.Offload)
	}
}

// String is one line.
func (o *Offload) String() string {
	line := fmt.Sprintf("asked of the device %s, finished there %s; %s launches, %s ms of kernels; taken over by the CPU engine: ",
		count(uint64(o.Asked)), percent(o.Finished, o.Asked), count(uint64(o.Launches)), o.Kernels)
	if len(o.TakenOver) == 0 {
		line += "none"
	} else {
		line += byCount(o.TakenOver)
	}
	if len(o.Precompiles) > 0 {
		line += " (calls of " + byCount(o.Precompiles) + ")"
	}
	if o.Faults > 0 {
		line += fmt.Sprintf("; %d faults of the device", o.Faults)
	}
	return line
}

// byCount lists what there is most of first.
func byCount(of map[string]int64) string {
	names := slices.SortedFunc(maps.Keys(of), func(a, b string) int {
		return cmp.Or(cmp.Compare(of[b], of[a]), cmp.Compare(a, b))
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %d", name, of[name])
	}
	return strings.Join(names, ", ")
}

func stages(w io.Writer, s *Stages) {
	tab := table{indent: "  ", left: 1}
	tab.row("stage", "ms")
	tab.row("senders", s.Senders.String())
	tab.row("predict", s.Predict.String())
	tab.row("execute", s.Execute.String())
	tab.row("commit", s.Commit.String())
	if s.Root != nil {
		tab.row("root", s.Root.String())
	}
	tab.print(w)
	fmt.Fprintln(w, "  Stage times are summed over the threads, and stages overlap: they add up to more than the wall time.")
}

// times shows both sides. Rates are by the time in the row above them.
func times(w io.Writer, t *Total) {
	tab := table{indent: "  ", left: 1}
	if t.Serial != nil {
		tab.row("", "gpuevm", "serial go-ethereum", "speed-up")
	} else {
		tab.row("", "gpuevm")
	}
	side := func(name string, ours, serial *Millis, speedup *float64) {
		if ours == nil {
			return
		}
		both := func(label string, f func(*Millis) string, more ...string) {
			cells := []string{label, f(ours)}
			if t.Serial != nil {
				cells = append(append(cells, f(serial)), more...)
			}
			tab.row(cells...)
		}
		both(name+", ms", (*Millis).String, factor(speedup))
		both("  Mgas/s", func(m *Millis) string { return rate(perSecond(float64(t.Gas)/1e6, m)) })
		both("  tx/s", func(m *Millis) string { return rate(perSecond(float64(t.Txs), m)) })
	}
	side("wall, to receipts", t.Wall, t.Serial, t.Speedup)
	side("wall, to state root", t.WallRoot, t.SerialRoot, t.SpeedupRoot)
	tab.print(w)
}

// Blocks prints a row for each line.
func Blocks(w io.Writer, lines []*Line) {
	compared := slices.ContainsFunc(lines, func(l *Line) bool { return l.Serial != nil })
	tab := table{indent: "  ", left: 1}
	head := []string{"block", "txs", "gas", "waves", "largest", "re-exec", "wall ms", "Mgas/s"}
	if compared {
		head = append(head, "serial ms", "speed-up")
	}
	tab.row(append(head, "equal")...)
	for _, l := range lines {
		cells := []string{l.Block, number(l.Txs), number(l.Gas), number(l.Waves), number(l.LargestWave),
			number(l.Reexecuted), l.Wall.String(), rate(l.MgasPerSecond)}
		if compared {
			cells = append(cells, l.Serial.String(), factor(l.Speedup))
		}
		tab.row(append(cells, l.verdict())...)
	}
	tab.print(w)
	fmt.Fprintln(w)
}

func (l *Line) verdict() string {
	switch {
	case l.Equal != nil && *l.Equal:
		return "yes"
	case l.Txs == nil:
		return "not run"
	}
	return "NO"
}

// Checks says what was compared, and in how many blocks.
func Checks(w io.Writer, lines []*Line) {
	t := Sum(lines)
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(t.Checked)) {
		parts = append(parts, fmt.Sprintf("%s %d", strings.ReplaceAll(name, "_", " "), t.Checked[name]))
	}
	if len(parts) > 0 {
		fmt.Fprintf(w, "  compared, in how many blocks: %s\n", strings.Join(parts, ", "))
	}
	fmt.Fprintf(w, "  equal: %d of %d blocks\n", t.Equal, len(lines))
}

// table aligns columns: the first left to the left, the others to the right.
type table struct {
	indent string
	left   int
	rows   [][]string
}

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) print(w io.Writer) {
	var widths []int
	for _, r := range t.rows {
		for i, c := range r {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	for _, r := range t.rows {
		var line strings.Builder
		line.WriteString(t.indent)
		for i, c := range r {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c))
			if i < t.left {
				line.WriteString(c + pad)
			} else {
				line.WriteString("  " + pad + c)
			}
		}
		fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
	}
}

// count writes a number with its thousands apart.
func count[N int | uint64](n N) string {
	s := strconv.FormatUint(uint64(n), 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func number[N int | uint64](n *N) string {
	if n == nil {
		return "-"
	}
	return count(*n)
}

func share(part, whole int) string {
	if whole == 0 {
		return count(part)
	}
	return fmt.Sprintf("%s (%.1f%%)", count(part), 100*float64(part)/float64(whole))
}

// percent shows what is missing where that is little.
func percent(part, whole int64) string {
	return fmt.Sprintf("%s (%.2f%%)", count(uint64(part)), 100*float64(part)/float64(max(1, whole)))
}

func rate(x *float64) string {
	switch {
	case x == nil:
		return "-"
	case *x >= 1000:
		return count(uint64(*x + 0.5))
	}
	return fmt.Sprintf("%.1f", *x)
}

func factor(x *float64) string {
	if x == nil {
		return "-"
	}
	return fmt.Sprintf("%.2fx", *x)
}
