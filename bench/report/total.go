package report

import (
	"cmp"
	"maps"
)

// Total is what many lines add up to. Times are of the blocks that have them; a sum over
// some blocks only would compare unlike things, so that one block without a time leaves
// the total without it.
type Total struct {
	Blocks  int // that ran
	Equal   int
	Failed  int // differ, were refused, or could not be loaded
	Txs     int
	Gas     uint64
	Checked map[string]int

	Waves, LargestWave *int // waves: in all; the largest of any block
	Reexecuted         int
	OnDevice           int
	Offload            *Offload // nil where no block ran on a device
	Stage              Stages
	Trie               *Trie
	Times
}

// Sum adds lines up.
func Sum(lines []*Line) *Total {
	t := &Total{Checked: make(map[string]int)}
	for _, l := range lines {
		if l.Error != "" || l.Equal != nil && !*l.Equal {
			t.Failed++
		}
		if l.Txs != nil {
			t.add(l)
		}
	}
	t.Derive(t.Txs, t.Gas)
	return t
}

func (t *Total) add(l *Line) {
	first := t.Blocks == 0
	t.Blocks++
	t.Txs += *l.Txs
	t.Gas += *l.Gas
	t.Reexecuted += *l.Reexecuted
	t.OnDevice += *l.OnDevice
	t.Offload = t.Offload.plus(l.Offload)
	if l.Equal != nil && *l.Equal {
		t.Equal++
	}
	for _, c := range l.Checked {
		t.Checked[c]++
	}
	if l.Waves != nil {
		if t.Waves == nil {
			t.Waves, t.LargestWave = new(int), new(int)
		}
		*t.Waves += *l.Waves
		*t.LargestWave = max(*t.LargestWave, *l.LargestWave)
	}
	if l.Stage != nil {
		t.Stage.Senders = plus(t.Stage.Senders, l.Stage.Senders, first)
		t.Stage.Predict = plus(t.Stage.Predict, l.Stage.Predict, first)
		t.Stage.Execute = plus(t.Stage.Execute, l.Stage.Execute, first)
		t.Stage.Commit = plus(t.Stage.Commit, l.Stage.Commit, first)
		t.Stage.Root = plus(t.Stage.Root, l.Stage.Root, first)
	}
	t.Trie = t.Trie.plus(l.Trie, first)
	t.Wall = plus(t.Wall, l.Wall, first)
	t.Serial = plus(t.Serial, l.Serial, first)
	t.WallRoot = plus(t.WallRoot, l.WallRoot, first)
	t.SerialRoot = plus(t.SerialRoot, l.SerialRoot, first)
}

// plus is a sum that is known only if all of its parts are.
func plus(sum, x *Millis, first bool) *Millis {
	switch {
	case x == nil || sum == nil && !first:
		return nil
	case first:
		return new(*x)
	}
	return new(*sum + *x)
}

func (o *Offload) plus(x *Offload) *Offload {
	if o == nil || x == nil {
		return cmp.Or(o, x)
	}
	sum := &Offload{Asked: o.Asked + x.Asked, Finished: o.Finished + x.Finished, TakenOver: maps.Clone(o.TakenOver), Precompiles: maps.Clone(o.Precompiles),
		Kernels: plus(o.Kernels, x.Kernels, false), Launches: o.Launches + x.Launches, Faults: o.Faults + x.Faults}
	for reason, n := range x.TakenOver {
		sum.TakenOver[reason] += n
	}
	for number, n := range x.Precompiles {
		sum.Precompiles[number] += n
	}
	return sum
}
