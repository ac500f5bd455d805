package statebench

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
)

// Print writes the result as tables.
func (r *Result) Print(out io.Writer) {
	fmt.Fprintf(out, "%d accounts, a contract of %d slots; %s, %d cores\n", r.Accounts, r.Slots, r.CPU, r.Cores)
	fmt.Fprintln(out, "Medians in milliseconds. Ratios are go-ethereum / gpuevm, go-ethereum's root in its faster mode.")
	if slices.ContainsFunc(r.Phases, func(p *Phase) bool { return p.Memory == "cold" && !p.PageCacheDropped }) {
		fmt.Fprintln(out, "COLD IS NOT COLD: the operating system's page cache could not be dropped.")
	}
	r.printBlocks(out)
	r.printParts(out)
	r.printReads(out)
	r.printAlone(out)
}

func tabbed(out io.Writer, head string, rows func(row func(cells ...any))) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, strings.ReplaceAll("  "+head, " | ", "\t")+"\t")
	rows(func(cells ...any) {
		for _, c := range cells {
			if f, ok := c.(float64); ok {
				c = fmt.Sprintf("%.1f", f)
			}
			fmt.Fprintf(w, "%v\t", c)
		}
		fmt.Fprintln(w)
	})
	w.Flush()
}

func (r *Result) printBlocks(out io.Writer) {
	fmt.Fprintln(out)
	tabbed(out, "blocks | side | load | root | commit | flush | durable | cores | batch KiB | root ratio | durable ratio", func(row func(...any)) {
		for _, p := range r.Phases {
			for _, side := range slices.Sorted(maps.Keys(p.Sides)) {
				s := p.Sides[side]
				for _, mode := range slices.Sorted(maps.Keys(s.Medians)) {
					m, flush, durable := s.Medians[mode], any(nil), any(nil)
					if flush, durable = m.Flush, m.Durable; p.Layers && side != "gpuevm" {
						flush, durable = "-", "-" // nothing of the block is on disk
					}
					root, all := p.ratios(mode)
					row(p.name(), strings.TrimSpace(side+" "+mode), m.Load, m.ToRoot, m.Commit, flush, durable,
						fmt.Sprintf("%.2f", m.Cores), m.Batch>>10, root, all)
				}
			}
		}
	})
}

// ratios are shown in the rows of ours that they are of.
func (p *Phase) ratios(mode string) (root, durable string) {
	show := func(f float64) string {
		if f == 0 {
			return ""
		}
		return fmt.Sprintf("%.2f", f)
	}
	switch mode {
	case "plain":
		root, durable = show(p.RootRatio), show(p.DurableRatio)
	case "ahead":
		root = show(p.AheadRatio)
	}
	if p.Layers {
		durable = ""
	}
	return root, durable
}

func (r *Result) printParts(out io.Writer) {
	fmt.Fprintln(out)
	tabbed(out, "parts | ours: resolve | update | hash | collect | nodes loaded | go-ethereum statedb: mutate", func(row func(...any)) {
		for _, p := range r.Phases {
			ours, mutate := &Sample{}, any("")
			if s := p.Sides["gpuevm"]; s != nil {
				ours = s.plain()
			}
			if s := p.Sides["go-ethereum"]; s != nil && s.Medians["statedb"] != nil {
				mutate = s.Medians["statedb"].Mutate
			}
			row(p.name(), ours.Resolve, ours.Update, ours.Hash, ours.Collect, ours.Nodes, mutate)
		}
	})
}

func (r *Result) printReads(out io.Writer) {
	if len(r.Reads) == 0 {
		return
	}
	names := slices.Sorted(maps.Keys(r.Reads[0].Nanos))
	fmt.Fprintln(out)
	tabbed(out, "reads, ns each | "+strings.Join(names, " | ")+" | flat / gpuevm | trie / gpuevm", func(row func(...any)) {
		for _, p := range r.Reads {
			cells := []any{p.name()}
			for _, name := range names {
				cells = append(cells, fmt.Sprintf("%.0f", p.Nanos[name]))
			}
			for _, name := range []string{"go-ethereum flat", "go-ethereum trie"} {
				ratio := ""
				if ours := p.Nanos["gpuevm flat"]; ours > 0 && p.Nanos[name] > 0 {
					ratio = fmt.Sprintf("%.2f", p.Nanos[name]/ours)
				}
				cells = append(cells, ratio)
			}
			row(cells...)
		}
	})
}

func (r *Result) printAlone(out io.Writer) {
	if len(r.Alone) == 0 {
		return
	}
	fmt.Fprintln(out)
	tabbed(out, "alone in a process | side | root | durable | Go heap MiB | RSS MiB | written KiB a block", func(row func(...any)) {
		for _, side := range slices.Sorted(maps.Keys(r.Alone)) {
			for _, p := range r.Alone[side].Phases {
				m, u := p.Sides[side].best(), p.Usage
				row(p.name(), side, m.ToRoot, m.Durable, u.HeapPeak>>20, u.RSSPeak>>20, u.Written>>10/int64(max(u.Blocks, 1)))
			}
		}
	})
}

// Compare checks that sides that ran alone came to the same roots.
func (r *Result) Compare() error {
	a, b := r.Alone["gpuevm"], r.Alone["go-ethereum"]
	if a == nil || b == nil {
		return nil
	}
	for i, p := range a.Phases {
		if i >= len(b.Phases) || !slices.Equal(p.Roots, b.Phases[i].Roots) {
			return fmt.Errorf("%s: roots of the sides alone differ", p.name())
		}
	}
	return nil
}

func cpuModel() string {
	raw, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(raw)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
