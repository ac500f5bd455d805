package hostsched

import (
	"slices"
	"sync"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/holiman/uint256"
)

// overlay is the state of a block while it runs: what was committed, on top of the
// state before the block, and beside each cell the writes of transactions that have
// finished but can't be committed yet because an earlier one is still running. A view
// at transaction i shows the committed state and the pending writes before i.
//
// Accounts are spread over shards by address; an account has a lock of its own, so that
// lanes that read different contracts don't meet. A value read from below is kept: the
// commit check reads it again.
type overlay struct {
	base   gpuevm.StateView
	shards [shardCount]shard
	codes  sync.Map // common.Hash -> []byte: deployed in this block
	trail  trail
}

const shardCount = 64

type shard struct {
	mu       sync.RWMutex
	accounts map[common.Address]*cells
}

// cells are the known cells of one account.
type cells struct {
	mu     sync.RWMutex
	fields [gpuevm.Slot]cell
	slots  map[common.Hash]*cell
	wiped  bool    // committed: storage below is gone
	wipes  []int32 // pending, ascending
}

type cell struct {
	known   bool // value and base hold
	given   bool // handed over before the end of the block
	base    common.Hash
	value   common.Hash // committed
	pending []pending   // ascending by tx
}

type pending struct {
	tx    int32
	add   bool
	value common.Hash
}

func newOverlay(base gpuevm.StateView) *overlay {
	return &overlay{base: base}
}

func (o *overlay) account(addr common.Address) *cells {
	s := &o.shards[(addr[0]^addr[7]^addr[19])%shardCount]
	s.mu.RLock()
	a := s.accounts[addr]
	s.mu.RUnlock()
	if a != nil {
		return a
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if a = s.accounts[addr]; a == nil {
		if s.accounts == nil {
			s.accounts = make(map[common.Address]*cells)
		}
		a = new(cells)
		s.accounts[addr] = a
	}
	return a
}

// find returns the cell of a key, nil for a slot that is not here yet.
func (a *cells) find(key *gpuevm.Key) *cell {
	if key.Kind == gpuevm.Slot {
		return a.slots[key.Slot]
	}
	return &a.fields[key.Kind]
}

// make returns the cell of a key. The account is locked for writing.
func (a *cells) make(key *gpuevm.Key) *cell {
	c := a.find(key)
	if c == nil {
		c = &cell{known: a.wiped}
		if a.slots == nil {
			a.slots = make(map[common.Hash]*cell)
		}
		a.slots[key.Slot] = c
	}
	return c
}

// at returns the value that transaction tx sees.
func (a *cells) at(c *cell, key *gpuevm.Key, tx int32) common.Hash {
	value, from := c.value, int32(-1)
	if key.Kind == gpuevm.Slot {
		for _, w := range a.wipes {
			if w < tx {
				value, from = common.Hash{}, w
			}
		}
	}
	for i := range c.pending {
		p := &c.pending[i]
		switch {
		case p.tx >= tx:
			return value
		case p.tx < from: // wiped since
		case p.add:
			value = add(value, p.value)
		default:
			value = p.value
		}
	}
	return value
}

func add(a, b common.Hash) common.Hash {
	x, y := new(uint256.Int).SetBytes32(a[:]), new(uint256.Int).SetBytes32(b[:])
	return x.Add(x, y).Bytes32()
}

// read returns the value of a cell as transaction tx sees it.
func (o *overlay) read(key gpuevm.Key, tx int32) (common.Hash, error) {
	a := o.account(key.Addr)
	a.mu.RLock()
	c := a.find(&key)
	if c != nil && c.known {
		v := a.at(c, &key, tx)
		a.mu.RUnlock()
		return v, nil
	}
	gone := c == nil && a.wiped
	a.mu.RUnlock()
	if gone {
		return common.Hash{}, nil
	}
	base, err := o.base.Read(key)
	if err != nil {
		return common.Hash{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	c = a.make(&key)
	if !c.known {
		c.known, c.base, c.value = true, base, base
	}
	return a.at(c, &key, tx), nil
}

// publish shows the writes of a finished transaction to later ones.
func (o *overlay) publish(tx int32, d *gpuevm.StateDiff) {
	for _, addr := range d.Wiped {
		a := o.account(addr)
		a.mu.Lock()
		at := len(a.wipes)
		for at > 0 && a.wipes[at-1] > tx {
			at--
		}
		a.wipes = append(a.wipes[:at], append([]int32{tx}, a.wipes[at:]...)...)
		a.mu.Unlock()
	}
	for i := range d.Cells {
		o.pend(tx, &d.Cells[i], false)
	}
	for i := range d.Adds {
		o.pend(tx, &d.Adds[i], true)
	}
	o.deploy(d)
	o.trail.published(tx, d)
}

func (o *overlay) pend(tx int32, w *gpuevm.Cell, add bool) {
	a := o.account(w.Key.Addr)
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.make(&w.Key)
	at := len(c.pending)
	for at > 0 && c.pending[at-1].tx > tx {
		at--
	}
	c.pending = append(c.pending, pending{})
	copy(c.pending[at+1:], c.pending[at:])
	c.pending[at] = pending{tx: tx, add: add, value: w.Value}
}

// withdraw takes published writes back.
func (o *overlay) withdraw(tx int32, d *gpuevm.StateDiff) {
	for _, addr := range d.Wiped {
		a := o.account(addr)
		a.mu.Lock()
		a.unwipe(tx)
		a.mu.Unlock()
	}
	for _, list := range [2][]gpuevm.Cell{d.Cells, d.Adds} {
		for i := range list {
			a := o.account(list[i].Key.Addr)
			a.mu.Lock()
			a.make(&list[i].Key).drop(tx)
			a.mu.Unlock()
		}
	}
	o.trail.withdrawn(tx, d)
}

func (a *cells) unwipe(tx int32) {
	a.wipes = slices.DeleteFunc(a.wipes, func(w int32) bool { return w == tx })
}

// drop takes away what transaction tx has pending. Commits come in order, so that it is mostly
// the first: of an account that every transaction pays a search would cost as much as all
// the rest.
func (c *cell) drop(tx int32) {
	from := 0
	for from < len(c.pending) && c.pending[from].tx < tx {
		from++
	}
	to := from
	for to < len(c.pending) && c.pending[to].tx == tx {
		to++
	}
	if from == 0 {
		c.pending = c.pending[to:]
	} else {
		c.pending = slices.Delete(c.pending, from, to)
	}
}

// apply makes the diff of transaction tx part of the committed state, in place of what
// the transaction published.
func (o *overlay) apply(tx int32, d *gpuevm.StateDiff) error {
	for _, addr := range d.Wiped {
		o.account(addr).wipe(tx)
	}
	for i := range d.Cells {
		if err := o.set(tx, &d.Cells[i], false); err != nil {
			return err
		}
	}
	for i := range d.Adds {
		if err := o.set(tx, &d.Adds[i], true); err != nil {
			return err
		}
	}
	o.deploy(d)
	o.trail.applied(tx, d)
	return nil
}

func (o *overlay) deploy(d *gpuevm.StateDiff) {
	for _, c := range d.Codes {
		o.codes.Store(c.Hash, c.Blob)
	}
}

// wipe clears the committed storage. Slots that hold pending writes stay to hold them.
func (a *cells) wipe(tx int32) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.unwipe(tx)
	a.wiped = true
	for key, c := range a.slots {
		if len(c.pending) == 0 {
			delete(a.slots, key)
			continue
		}
		c.known, c.base, c.value = true, common.Hash{}, common.Hash{}
	}
}

// set writes a committed cell. Its base must be known, so that diff can tell a change.
func (o *overlay) set(tx int32, w *gpuevm.Cell, sum bool) error {
	a := o.account(w.Key.Addr)
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.make(&w.Key)
	if !c.known {
		base, err := o.base.Read(w.Key)
		if err != nil {
			return err
		}
		c.known, c.base, c.value = true, base, base
	}
	c.drop(tx)
	if sum {
		c.value = add(c.value, w.Value)
	} else {
		c.value = w.Value
	}
	return nil
}

// each visits the cells of an account. The key it is given lacks the address.
func (a *cells) each(visit func(gpuevm.Key, *cell)) {
	for kind := range a.fields {
		visit(gpuevm.Key{Kind: gpuevm.Kind(kind)}, &a.fields[kind])
	}
	for slot, c := range a.slots {
		visit(gpuevm.Key{Kind: gpuevm.Slot, Slot: slot}, c)
	}
}

// diff is the sum of all that was applied: every cell whose value changed. The slots of
// wiped accounts are listed where they are not zero. With given also what was handed over
// and has not changed after all.
func (o *overlay) diff(given bool) *gpuevm.StateDiff {
	d := new(gpuevm.StateDiff)
	for i := range o.shards {
		for addr, a := range o.shards[i].accounts {
			if a.wiped {
				d.Wiped = append(d.Wiped, addr)
			}
			a.each(func(key gpuevm.Key, c *cell) {
				if c.value != c.base || given && c.given {
					key.Addr = addr
					d.Cells = append(d.Cells, gpuevm.Cell{Key: key, Value: c.value})
				}
			})
		}
	}
	o.codes.Range(func(h, blob any) bool {
		d.Codes = append(d.Codes, gpuevm.Code{Hash: h.(common.Hash), Blob: blob.([]byte)})
		return true
	})
	return d
}

// view is the state that transaction at sees.
type view struct {
	o  *overlay
	at int32
}

func (v *view) Read(key gpuevm.Key) (common.Hash, error) { return v.o.read(key, v.at) }

func (v *view) Code(hash common.Hash) ([]byte, error) {
	if code, ok := v.o.codes.Load(hash); ok {
		return code.([]byte), nil
	}
	return v.o.base.Code(hash)
}
