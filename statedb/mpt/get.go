package mpt

import "github.com/ethereum/go-ethereum/common"

// keepRead is how many items a worker has room for from one GetBatch to the next.
const keepRead = 1 << 15

// GetBatch reads many keys, which ascend: as Resolve, and Get of each after it, in one
// walk. visit is given the value of keys[i], or nil, in order; the value is valid as one
// of Get is. After an error nothing is visited.
func (t *Trie) GetBatch(keys []common.Hash, visit func(i int, value []byte)) error {
	w := t.arena.hire(t)
	defer w.dismiss()
	items := w.got[:0]
	for _, key := range keys {
		items = append(items, Item{Key: key})
	}
	if cap(items) <= keepRead {
		w.got = items
	}
	if err := w.t.ready(items); err != nil || len(keys) == 0 {
		return err
	}
	err := w.loadRoot()
	if err == nil && t.root != 0 {
		err = w.descend(t.root, 0, items, toRead)
	}
	if err = w.finish(err); err != nil {
		return err
	}
	for i := range items {
		visit(i, items[i].Value)
	}
	return nil
}

func (w *worker) getPart(f *fan, n, depth int, items []Item) error {
	r, err := w.loadPart(f, n, depth, items)
	if err != nil || r == 0 {
		return err
	}
	return w.descend(r, depth+1, items, toRead)
}

// giveTo fills in the value of the item that has the leaf's key.
func (l *leaf) giveTo(items []Item) {
	for i := range items {
		if items[i].Key == l.key {
			items[i].Value = l.value()
		}
	}
}
