package mpt

import "github.com/ethereum/go-ethereum/crypto"

// Guess loads the nodes on the way to some keys, as Resolve does, but without asking the
// source for leaves that hold what the items say: whoever has a state flat knows what most
// leaves hold, and a leaf is right if its hash is the one that its parent has. An item
// without a value is no guess; a wrong one costs a hash, and the source is asked.
func (t *Trie) Guess(batch []Item) error { return t.visit(batch, toGuess) }

func (w *worker) guessPart(f *fan, n, depth int, items []Item) error {
	if len(items) == 1 {
		w.guessLeaf(f, n, depth, &items[0])
	}
	r, err := w.loadPart(f, n, depth, items)
	if err != nil || r == 0 {
		return err
	}
	return w.descend(r, depth+1, items, toGuess)
}

// guessLeaf makes the child of a branch that an item goes to, if it is a leaf with the item's
// value. Below a full branch there is more than one key to a child, mostly, and no leaf.
func (w *worker) guessLeaf(f *fan, n, depth int, item *Item) {
	b := w.branch(f.parent)
	if len(item.Value) == 0 || !b.has(n) || b.mask == 1<<16-1 {
		return
	}
	i := b.rank(n)
	if b.refs[i] != 0 {
		return
	}
	w.value = encodeLeaf(w.value[:0], &item.Key, depth+1, item.Value)
	if slot(crypto.Keccak256Hash(w.value)) != b.slots[i] {
		return
	}
	r := w.newLeaf(&item.Key, item.Value)
	w.head(r).stored = true
	w.branch(f.parent).refs[i] = r
	w.t.loads.Add(1)
	w.guessed.Add(1)
}
