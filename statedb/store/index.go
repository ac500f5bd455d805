package store

import (
	"hash/maphash"
	"sync"

	"github.com/ethereum/go-ethereum/common"
)

// index says what is different about the states that can be read. A key is in it from the
// moment a readable block changes it until no readable state differs from the disk in it.
//
// A look-up takes one short lock and one map access, however many blocks there are; only
// a key that many blocks changed has many versions, and those are searched from the
// newest, where the readers are.
type index struct {
	seed   maphash.Seed
	shards [indexShards]indexShard
}

const indexShards = 64

type indexShard struct {
	mu       sync.RWMutex
	accounts map[common.Address]*entry[account]
	slots    map[slotKey]*entry[common.Hash]
	_        [64]byte // a cache line of its own for each lock
}

// entry is a key's value in the floor, and in every layer that changed it, by depth.
type entry[T any] struct {
	before   T
	versions []version[T]
}

type version[T any] struct {
	layer, depth uint64
	value        T
}

func newIndex() *index {
	x := &index{seed: maphash.MakeSeed()}
	for i := range x.shards {
		x.shards[i].accounts = make(map[common.Address]*entry[account])
		x.shards[i].slots = make(map[slotKey]*entry[common.Hash])
	}
	return x
}

func (x *index) ofAccount(addr common.Address) *indexShard {
	return &x.shards[maphash.Comparable(x.seed, addr)%indexShards]
}

func (x *index) ofSlot(k slotKey) *indexShard {
	return &x.shards[maphash.Comparable(x.seed, k)%indexShards]
}

func (x *index) account(l *layer, addr common.Address) (account, bool) {
	sh := x.ofAccount(addr)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	e := sh.accounts[addr]
	if e == nil {
		return account{}, false
	}
	return e.at(l), true
}

func (x *index) slot(l *layer, k slotKey) (common.Hash, bool) {
	sh := x.ofSlot(k)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	e := sh.slots[k]
	if e == nil {
		return common.Hash{}, false
	}
	return e.at(l), true
}

// at is the value in the state l.
func (e *entry[T]) at(l *layer) T {
	for i := len(e.versions) - 1; i >= 0; i-- {
		if v := &e.versions[i]; l.covers(v.layer, v.depth) {
			return v.value
		}
	}
	return e.before
}

// put adds a version. before is the value in l's parent: where the key was not in the
// index, that is its value in every readable state.
func put[K comparable, T any](m map[K]*entry[T], k K, l *layer, before, value T) {
	e := m[k]
	if e == nil {
		e = &entry[T]{before: before}
		m[k] = e
	}
	i := len(e.versions)
	for i > 0 && e.versions[i-1].depth > l.depth {
		i--
	}
	e.versions = append(e.versions, version[T]{})
	copy(e.versions[i+1:], e.versions[i:])
	e.versions[i] = version[T]{l.id, l.depth, value}
}

// take removes a layer's version; with fold it becomes the floor's value.
func take[K comparable, T any](m map[K]*entry[T], k K, l *layer, fold bool) {
	e := m[k]
	if e == nil {
		return
	}
	for i := range e.versions {
		if e.versions[i].layer != l.id {
			continue
		}
		if fold {
			e.before = e.versions[i].value
		}
		e.versions = append(e.versions[:i], e.versions[i+1:]...)
		break
	}
	if len(e.versions) == 0 {
		delete(m, k)
	}
}

// insert puts a layer's changes in.
func (x *index) insert(l *layer, c *changes) {
	for i := range c.accounts {
		a := &c.accounts[i]
		sh := x.ofAccount(a.addr)
		sh.mu.Lock()
		put(sh.accounts, a.addr, l, a.before, a.after)
		sh.mu.Unlock()
	}
	for i := range c.slots {
		s := &c.slots[i]
		sh := x.ofSlot(s.key)
		sh.mu.Lock()
		put(sh.slots, s.key, l, s.before, s.after)
		sh.mu.Unlock()
	}
}

// remove takes a layer's changes out: folded into the floor, or forgotten.
func (x *index) remove(l *layer, fold bool) {
	for _, addr := range l.accounts {
		sh := x.ofAccount(addr)
		sh.mu.Lock()
		take(sh.accounts, addr, l, fold)
		sh.mu.Unlock()
	}
	for _, k := range l.slots {
		sh := x.ofSlot(k)
		sh.mu.Lock()
		take(sh.slots, k, l, fold)
		sh.mu.Unlock()
	}
}

// slotsOf lists the slots of an account that are in the index. It looks at all of it:
// only destroyed accounts that existed before need it, and since Cancun there are none.
func (x *index) slotsOf(addr common.Address, visit func(slotKey)) {
	for i := range x.shards {
		sh := &x.shards[i]
		sh.mu.RLock()
		for k := range sh.slots {
			if k.addr == addr {
				visit(k)
			}
		}
		sh.mu.RUnlock()
	}
}

func (x *index) size() (keys int) {
	for i := range x.shards {
		sh := &x.shards[i]
		sh.mu.RLock()
		keys += len(sh.accounts) + len(sh.slots)
		sh.mu.RUnlock()
	}
	return keys
}

// eachAccount visits every version of every account.
func (x *index) eachAccount(visit func(*account)) {
	for i := range x.shards {
		sh := &x.shards[i]
		sh.mu.RLock()
		for _, e := range sh.accounts {
			visit(&e.before)
			for j := range e.versions {
				visit(&e.versions[j].value)
			}
		}
		sh.mu.RUnlock()
	}
}
