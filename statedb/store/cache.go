package store

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"unsafe"
)

// cache keeps what was read from the disk or written to it last, within a bound of bytes.
// Shards have a lock each; a hit holds it shared and marks the entry used. Eviction
// is by a clock over a slab of entries: no list to move an entry in, so that a hit writes
// one bit at most.
//
// A miss that comes from the disk late must not overwrite what was written in the
// meantime: get gives out the shard's version, update changes it, and fill with an old
// version does nothing.
//
// What is written finds its place only where an older value has one: whoever changes a value
// has read it, and as long as the change is in the index nobody asks the cache.
type cache[K comparable, V any] struct {
	seed   maphash.Seed
	shards []cacheShard[K, V]
	extra  func(*V) int // bytes that a value holds outside of itself; nil: none
	fixed  int
}

type cacheShard[K comparable, V any] struct {
	mu      sync.RWMutex
	at      map[K]int32
	slab    []cached[K, V]
	free    []int32
	hand    int
	bytes   int
	limit   int
	version uint64
	hits    atomic.Uint64
	misses  atomic.Uint64
	_       [64]byte
}

type cached[K comparable, V any] struct {
	key  K
	val  V
	ref  atomic.Bool
	used bool
}

const cacheShards = 64

// newCache makes a cache of so many bytes, what Go's map costs included.
func newCache[K comparable, V any](bytes int, extra func(*V) int) *cache[K, V] {
	var k K
	var e cached[K, V]
	c := &cache[K, V]{
		seed:   maphash.MakeSeed(),
		shards: make([]cacheShard[K, V], cacheShards),
		extra:  extra,
		// A slab that grows by a quarter is half of that empty on average, and a Go map is
		// between 7/16 and 7/8 full.
		fixed: int(unsafe.Sizeof(e))*9/8 + (int(unsafe.Sizeof(k))+5)*8/5 + 4,
	}
	for i := range c.shards {
		c.shards[i].at = make(map[K]int32)
		c.shards[i].limit = bytes / cacheShards
	}
	return c
}

func (c *cache[K, V]) shard(k K) *cacheShard[K, V] {
	return &c.shards[maphash.Comparable(c.seed, k)%cacheShards]
}

func (c *cache[K, V]) cost(v *V) int {
	if c.extra == nil {
		return c.fixed
	}
	return c.fixed + c.extra(v)
}

func (c *cache[K, V]) get(k K) (v V, ok bool, version uint64) {
	sh := c.shard(k)
	sh.mu.RLock()
	i, ok := sh.at[k]
	if ok {
		e := &sh.slab[i]
		v = e.val
		if !e.ref.Load() {
			e.ref.Store(true)
		}
	}
	version = sh.version
	sh.mu.RUnlock()
	if ok {
		sh.hits.Add(1)
	} else {
		sh.misses.Add(1)
	}
	return v, ok, version
}

// peek is get for who will not go to the disk: it is not counted, and keeps nothing alive.
func (c *cache[K, V]) peek(k K) (v V, ok bool) {
	sh := c.shard(k)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	i, ok := sh.at[k]
	if ok {
		v = sh.slab[i].val
	}
	return v, ok
}

// fill keeps what a miss found on disk, unless the shard was written since.
func (c *cache[K, V]) fill(k K, v V, version uint64) {
	sh := c.shard(k)
	sh.mu.Lock()
	if sh.version == version {
		sh.put(k, v, c)
	}
	sh.mu.Unlock()
}

// update replaces what was overwritten.
func (c *cache[K, V]) update(k K, v V) {
	sh := c.shard(k)
	sh.mu.Lock()
	sh.version++
	if _, ok := sh.at[k]; ok {
		sh.put(k, v, c)
	}
	sh.mu.Unlock()
}

// clear forgets everything, and what misses under way will find.
func (c *cache[K, V]) clear() {
	for i := range c.shards {
		sh := &c.shards[i]
		sh.mu.Lock()
		sh.version++
		sh.at, sh.slab, sh.free, sh.hand, sh.bytes = make(map[K]int32), nil, nil, 0, 0
		sh.mu.Unlock()
	}
}

func (sh *cacheShard[K, V]) put(k K, v V, c *cache[K, V]) {
	if i, ok := sh.at[k]; ok {
		if c.extra == nil {
			sh.slab[i].val = v
			return
		}
		sh.drop(i, c)
	}
	cost := c.cost(&v)
	if cost > sh.limit {
		return
	}
	for sh.bytes+cost > sh.limit {
		sh.evict(c)
	}
	i := sh.place()
	e := &sh.slab[i]
	e.key, e.val, e.used = k, v, true
	e.ref.Store(false)
	sh.at[k] = i
	sh.bytes += cost
}

// place is an entry that is not in use.
func (sh *cacheShard[K, V]) place() int32 {
	if n := len(sh.free); n > 0 {
		i := sh.free[n-1]
		sh.free = sh.free[:n-1]
		return i
	}
	if len(sh.slab) == cap(sh.slab) {
		bigger := make([]cached[K, V], len(sh.slab), len(sh.slab)*5/4+16)
		for i := range sh.slab {
			bigger[i].key, bigger[i].val, bigger[i].used = sh.slab[i].key, sh.slab[i].val, sh.slab[i].used
			bigger[i].ref.Store(sh.slab[i].ref.Load())
		}
		sh.slab = bigger
	}
	sh.slab = sh.slab[:len(sh.slab)+1]
	return int32(len(sh.slab) - 1)
}

// evict drops the next entry that was not used since the hand last passed. Where values
// differ in size it may have to be called more than once.
func (sh *cacheShard[K, V]) evict(c *cache[K, V]) {
	for {
		if sh.hand++; sh.hand >= len(sh.slab) {
			sh.hand = 0
		}
		e := &sh.slab[sh.hand]
		if e.used && !e.ref.Swap(false) {
			sh.drop(int32(sh.hand), c)
			return
		}
	}
}

func (sh *cacheShard[K, V]) drop(i int32, c *cache[K, V]) {
	var none V
	e := &sh.slab[i]
	sh.bytes -= c.cost(&e.val)
	delete(sh.at, e.key)
	e.val, e.used = none, false
	sh.free = append(sh.free, i)
}

// CacheStats is how a cache is doing.
type CacheStats struct {
	Entries, Bytes int
	Hits, Misses   uint64
}

func (c *cache[K, V]) stats() (s CacheStats) {
	for i := range c.shards {
		sh := &c.shards[i]
		sh.mu.RLock()
		s.Entries += len(sh.at)
		s.Bytes += sh.bytes
		sh.mu.RUnlock()
		s.Hits += sh.hits.Load()
		s.Misses += sh.misses.Load()
	}
	return s
}
