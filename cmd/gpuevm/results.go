package main

import (
	"context"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/bench/report"
)

// results are the lines of the blocks that ran, in order. A line waits until its block's
// state root is known.
type results struct {
	*contest
	progress *report.Progress // nil: nobody waits
	disk     *disk            // nil: the state is in memory
	lines    []*report.Line
	due      []due
	refused  string // the first block that came out wrong
}

type due struct {
	line    *report.Line
	landing *landing // nil: nothing is to come
	want    common.Hash
}

// add takes the line of a block. Without deferred roots it is written before add returns.
func (r *results) add(ctx context.Context, l *report.Line, landing *landing, want common.Hash) error {
	r.judged(l)
	r.due = append(r.due, due{l, landing, want})
	return r.settle(ctx, !r.deferred)
}

// mostDue bounds the lines that wait. The database bounds the blocks that wait for their roots,
// but who waits here may hear of it late.
const mostDue = 6

// settle writes the lines whose blocks are done, or waits for all of them.
func (r *results) settle(ctx context.Context, wait bool) error {
	for len(r.due) > 0 {
		d := r.due[0]
		if d.landing != nil && (wait || len(r.due) > mostDue) {
			select {
			case <-d.landing.done:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		} else if d.landing != nil {
			select {
			case <-d.landing.done:
			default:
				return nil
			}
		}
		r.due = r.due[1:]
		if err := r.finish(d); err != nil {
			return err
		}
	}
	return nil
}

// judged notes the first block that came out wrong: what comes after it has no state.
func (r *results) judged(l *report.Line) {
	if l.Equal != nil && !*l.Equal && r.refused == "" {
		r.refused = l.Block
	}
}

func (r *results) finish(d due) error {
	l := d.line
	if d.landing != nil && l.StateRoot == "" {
		d.root(l)
	} else if d.landing != nil && d.landing.err != nil {
		fail(l, d.landing.err)
	}
	r.judged(l)
	if r.disk != nil {
		l.Store = report.StoreOf(r.disk.db.Store().Progress(), len(r.due), r.disk.db.Waiting())
	}
	r.lines = append(r.lines, l)
	if r.progress != nil {
		r.progress.Done(l)
	}
	return r.write(l)
}

// root is the root that came later.
func (d *due) root(l *report.Line) {
	if err := d.landing.err; err != nil {
		fail(l, err)
		return
	}
	l.StateRoot = d.landing.root.Hex()
	c := new(check)
	field(c, "state_root", d.landing.root, d.want)
	judge(l, c)
}

// fail notes why a block could not be run, or came out wrong.
func fail(l *report.Line, err error) {
	if l.Txs != nil {
		l.Equal = new(false)
	}
	if l.Error != "" {
		l.Error += "; "
	}
	l.Error += fmt.Sprint(err)
}

// end syncs the state where it is kept, and says what is safe.
func (r *results) end() error {
	if r.disk == nil {
		return nil
	}
	e, err := r.disk.finish(r.lines)
	if err != nil {
		return err
	}
	e.Print(r.table)
	return r.writeJSON(e)
}
