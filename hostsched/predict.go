package hostsched

import (
	"encoding/binary"
	"slices"
	"sync"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/gpuevm"
)

// Predictor guesses access sets and is told what became of its guesses. It is safe for
// concurrent use.
type Predictor interface {
	// Predict guesses what a transaction reads and writes. Keys that no two
	// transactions share need not be there: they order nothing.
	Predict(tx *gpuevm.Tx) gpuevm.AccessSet
	// Conflict reports that reader ran too early: it did not see writer's value of key.
	Conflict(reader, writer *gpuevm.Tx, key gpuevm.Key)
	// Outcome reports what a transaction with a non-empty prediction really read.
	Outcome(tx *gpuevm.Tx, reads []gpuevm.Read)
}

// NoPrediction expects every transaction to be independent.
type NoPrediction struct{}

func (NoPrediction) Predict(*gpuevm.Tx) gpuevm.AccessSet        { return gpuevm.AccessSet{} }
func (NoPrediction) Conflict(_, _ *gpuevm.Tx, _ gpuevm.Key)     {}
func (NoPrediction) Outcome(tx *gpuevm.Tx, reads []gpuevm.Read) {}

// History predicts from conflicts. Every conflict teaches two things: transactions like
// the reader read the key, and transactions like the writer write it. 'Like' means the
// same recipient and selector, and a calldata that contains the words which all
// transactions of that kind that touched the key had in common: the token addresses in a
// swap through a router tell which pair it will meet. Keys that a kind of transaction
// touches without ever conflicting are never stored, so that learning costs nothing
// where there is nothing to learn.
//
// Beside that it takes EIP-2930 access lists at their word, and lets a call follow the
// same sender's call before it where that was of another kind (approve, then swap).
// Calls of one kind by one sender are as independent as others: fifteen proofs of 12 ms
// each in mainnet block 23879620 are.
type History struct {
	mu    sync.Mutex
	kinds map[kindOfTx]*touches
	last  map[common.Address]kindOfTx // by sender
}

// kindOfTx is a recipient and a selector.
type kindOfTx struct {
	to       common.Address
	selector [4]byte
}

// touches are the contended keys of one kind of transaction. A router meets thousands of
// pairs, so they are found by a word of the calldata rather than tried one by one.
type touches struct {
	byKey  map[gpuevm.Key]*touch
	byWord map[uint64][]*touch // by the first of touch.words; 0: no words, always
}

type touch struct {
	key    gpuevm.Key
	words  []uint64 // calldata must contain these
	reads  bool
	writes bool
	score  int8 // up where a prediction came true, down where not
}

const (
	maxKinds   = 1 << 14
	maxTouches = 1 << 14 // for one kind
	maxWords   = 32      // of one calldata
	maxScore   = 8
	startScore = 3
)

func (t *touch) home() uint64 {
	if len(t.words) == 0 {
		return 0
	}
	return t.words[0]
}

// each calls f for every key that a transaction with these words is expected to touch.
func (t *touches) each(words []uint64, f func(*touch)) {
	for _, e := range t.byWord[0] {
		f(e)
	}
	for _, w := range words {
		for _, e := range t.byWord[w] {
			if contains(words, e.words) {
				f(e)
			}
		}
	}
}

func (t *touches) add(e *touch) {
	t.byKey[e.key] = e
	t.byWord[e.home()] = append(t.byWord[e.home()], e)
}

func (t *touches) remove(e *touch) {
	delete(t.byKey, e.key)
	h := e.home()
	if t.byWord[h] = slices.DeleteFunc(t.byWord[h], func(x *touch) bool { return x == e }); len(t.byWord[h]) == 0 {
		delete(t.byWord, h)
	}
}

// NewHistory returns a History that knows nothing yet.
func NewHistory() *History {
	return &History{kinds: make(map[kindOfTx]*touches), last: make(map[common.Address]kindOfTx)}
}

func kindOf(tx *gpuevm.Tx) (k kindOfTx, ok bool) {
	if tx.To == nil {
		return k, false
	}
	k.to = *tx.To
	copy(k.selector[:], tx.Data)
	return k, true
}

// wordsOf are the 32-byte words of a calldata's arguments that are not small numbers,
// cut to 64 bits: a guess may confuse two of them. Each word once, none zero.
func wordsOf(tx *gpuevm.Tx) []uint64 {
	var words []uint64
	for at := 4; at+32 <= len(tx.Data) && len(words) < maxWords; at += 32 {
		w := tx.Data[at : at+32]
		if binary.BigEndian.Uint64(w[16:]) == 0 && binary.BigEndian.Uint64(w[8:]) == 0 {
			continue
		}
		word := binary.BigEndian.Uint64(w[24:]) ^ binary.BigEndian.Uint64(w[12:])
		if word != 0 && !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	return words
}

// Predict implements Predictor.
func (h *History) Predict(tx *gpuevm.Tx) (a gpuevm.AccessSet) {
	for _, e := range tx.AccessList {
		for _, slot := range e.StorageKeys {
			key := gpuevm.Key{Addr: e.Address, Kind: gpuevm.Slot, Slot: slot}
			a.Reads, a.Writes = append(a.Reads, key), append(a.Writes, key)
		}
	}
	if len(tx.Data) == 0 {
		return a
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	k, ok := kindOf(tx)
	h.follow(tx, k, &a)
	if !ok {
		return a
	}
	t := h.kinds[k]
	if t == nil {
		return a
	}
	t.each(wordsOf(tx), func(e *touch) {
		if e.reads {
			a.Reads = append(a.Reads, e.key)
		}
		if e.writes {
			a.Writes = append(a.Writes, e.key)
		}
	})
	return a
}

// follow lets a call follow the sender's last one. The sender's nonce stands for
// whatever the two may share.
func (h *History) follow(tx *gpuevm.Tx, k kindOfTx, a *gpuevm.AccessSet) {
	key := gpuevm.Key{Addr: tx.From, Kind: gpuevm.Nonce}
	a.Writes = append(a.Writes, key)
	if last, ok := h.last[tx.From]; ok && last != k {
		a.Reads = append(a.Reads, key)
	}
	if len(h.last) >= maxKinds {
		clear(h.last)
	}
	h.last[tx.From] = k
}

func contains(words, needed []uint64) bool {
	for _, w := range needed {
		if !slices.Contains(words, w) {
			return false
		}
	}
	return true
}

// Conflict implements Predictor.
func (h *History) Conflict(reader, writer *gpuevm.Tx, key gpuevm.Key) {
	h.mu.Lock()
	defer h.mu.Unlock()
	common := slices.DeleteFunc(wordsOf(reader), func(w uint64) bool { return !slices.Contains(wordsOf(writer), w) })
	h.learn(reader, key, common, true)
	h.learn(writer, key, common, false)
}

func (h *History) learn(tx *gpuevm.Tx, key gpuevm.Key, words []uint64, reads bool) {
	k, ok := kindOf(tx)
	if !ok {
		return
	}
	t := h.kinds[k]
	if t == nil {
		if len(h.kinds) >= maxKinds {
			clear(h.kinds) // rare; what matters is soon learned again
		}
		t = &touches{byKey: make(map[gpuevm.Key]*touch), byWord: make(map[uint64][]*touch)}
		h.kinds[k] = t
	}
	e := t.byKey[key]
	if e == nil {
		if len(t.byKey) >= maxTouches {
			clear(t.byKey)
			clear(t.byWord)
		}
		t.add(&touch{key: key, words: slices.Clone(words), reads: reads, writes: !reads, score: startScore})
		return
	}
	t.remove(e)
	e.words = slices.DeleteFunc(e.words, func(w uint64) bool { return !slices.Contains(words, w) })
	e.reads, e.writes = e.reads || reads, e.writes || !reads
	e.score = min(e.score+1, maxScore)
	t.add(e)
}

// Outcome implements Predictor: a key that is predicted in vain too often is forgotten.
func (h *History) Outcome(tx *gpuevm.Tx, reads []gpuevm.Read) {
	k, ok := kindOf(tx)
	if !ok {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.kinds[k]
	if t == nil {
		return
	}
	var vain []*touch
	t.each(wordsOf(tx), func(e *touch) {
		switch {
		case !e.reads:
		case slices.ContainsFunc(reads, func(r gpuevm.Read) bool { return r.Key == e.key }):
			e.score = min(e.score+1, maxScore)
		default:
			if e.score--; e.score < 0 {
				vain = append(vain, e)
			}
		}
	})
	for _, e := range vain {
		t.remove(e)
	}
}
