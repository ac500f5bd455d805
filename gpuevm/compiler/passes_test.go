package compiler

import (
	"slices"
	"testing"
)

func TestPassOrder(t *testing.T) {
	if err := checkOrder(passes); err != nil {
		t.Error(err)
	}
	for _, o := range passOrder {
		list := slices.Clone(passes)
		i := slices.IndexFunc(list, func(p pass) bool { return p.name == o.before })
		j := slices.IndexFunc(list, func(p pass) bool { return p.name == o.after })
		list[i], list[j] = list[j], list[i]
		if checkOrder(list) == nil {
			t.Errorf("%s after %s is not found", o.before, o.after)
		}
	}
	if checkOrder(append(slices.Clone(passes), passes[0])) == nil || checkOrder(passes[1:]) == nil {
		t.Error("a pass twice, or none, is not found")
	}
}
