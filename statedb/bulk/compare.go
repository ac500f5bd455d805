package bulk

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/statedb/store"
)

// comparing is Verify's product: it wants nothing new, and compares nodes with those on disk.
type comparing struct {
	snap  *store.Snapshot
	found *problems
	mu    sync.Mutex
	every []*comparison
	idle  []*comparison // those that have ended: an iterator is dear to make
}

func (*comparing) slot(common.Address, common.Hash, common.Hash) error { return nil }
func (*comparing) account(*Account) error                              { return nil }

func (c *comparing) part(sc scope) (part, error) {
	c.mu.Lock()
	var x *comparison
	if n := len(c.idle); n > 0 {
		x, c.idle = c.idle[n-1], c.idle[:n-1]
	}
	c.mu.Unlock()
	if x == nil {
		x = &comparison{all: c, disk: postorder{nodes: c.snap.Nodes()}}
		c.mu.Lock()
		c.every = append(c.every, x)
		c.mu.Unlock()
	}
	x.scope = sc
	x.disk.reset()
	if sc.top {
		x.disk.nodes.Top(sc.owner)
	} else {
		x.disk.nodes.Trie(sc.owner, sc.prefix)
	}
	return x, nil
}

func (c *comparing) close() error {
	var err error
	for _, x := range c.every {
		if e := x.disk.nodes.Close(); err == nil {
			err = e
		}
	}
	return err
}

// comparison compares two sequences of nodes, both in post-order.
type comparison struct {
	all *comparing
	scope
	disk postorder
}

func (c *comparison) where(path []byte) string {
	name := "account trie"
	if c.owner != (common.Hash{}) {
		name = "storage trie of " + c.addr.Hex() + ", owner " + c.owner.Hex() + ","
	}
	return fmt.Sprintf("%s path %x", name, nibbles(path))
}

func (c *comparison) node(path, blob []byte, _ common.Hash) error {
	for {
		n, err := c.disk.peek()
		if err != nil {
			return err
		}
		order := -1
		if n != nil {
			order = postorderOf(path, n.path)
		}
		switch {
		case order < 0:
			c.all.found.add(MissingNode, "%s", c.where(path))
			return nil
		case order > 0:
			c.all.found.add(ExtraNode, "%s", c.where(n.path))
			c.disk.drop()
			continue
		case !bytes.Equal(n.blob, blob):
			c.all.found.add(DifferentNode, "%s", c.where(path))
		}
		c.disk.drop()
		return nil
	}
}

// end takes what is left on disk for too much.
func (c *comparison) end() error {
	for {
		n, err := c.disk.peek()
		if err != nil {
			return err
		}
		if n == nil {
			break
		}
		c.all.found.add(ExtraNode, "%s", c.where(n.path))
		c.disk.drop()
	}
	c.all.mu.Lock()
	c.all.idle = append(c.all.idle, c)
	c.all.mu.Unlock()
	return nil
}

// nibbles prints a path, a digit a nibble.
type nibbles []byte

// Format implements fmt.Formatter.
func (p nibbles) Format(f fmt.State, _ rune) {
	if len(p) == 0 {
		_, _ = f.Write([]byte("(root)"))
	}
	for _, n := range p {
		if n < 16 {
			_, _ = f.Write([]byte{"0123456789abcdef"[n]})
		} else {
			_, _ = fmt.Fprintf(f, "[%d]", n)
		}
	}
}

// postorderOf compares two paths as a trie's nodes are built: what is below a node comes
// before it, and left before right.
func postorderOf(a, b []byte) int {
	n := min(len(a), len(b))
	if c := bytes.Compare(a[:n], b[:n]); c != 0 {
		return c
	}
	return len(b) - len(a)
}

// postorder walks nodes on disk, which are in pre-order, in post-order. Those on the way
// down wait on a stack, which is never longer than a path.
type postorder struct {
	nodes *store.Nodes
	stack []diskNode
	depth int  // of the stack
	ahead bool // the walk is at a node that is not on the stack yet
	ended bool
}

type diskNode struct{ path, blob []byte }

func (p *postorder) reset() { p.depth, p.ahead, p.ended = 0, false, false }

// peek is the next node, nil at the end. It is valid until it is dropped.
func (p *postorder) peek() (*diskNode, error) {
	for {
		if !p.ahead && !p.ended {
			p.ahead = p.nodes.Next()
			p.ended = !p.ahead
			if err := p.nodes.Err(); err != nil {
				return nil, err
			}
		}
		if p.depth > 0 {
			top := &p.stack[p.depth-1]
			if p.ended || !bytes.HasPrefix(p.nodes.Value.Path, top.path) {
				return top, nil
			}
		}
		if p.ended {
			return nil, nil
		}
		p.push()
	}
}

func (p *postorder) push() {
	if p.depth == len(p.stack) {
		p.stack = append(p.stack, diskNode{})
	}
	top, n := &p.stack[p.depth], &p.nodes.Value
	top.path, top.blob = append(top.path[:0], n.Path...), append(top.blob[:0], n.Blob...)
	p.depth++
	p.ahead = false
}

func (p *postorder) drop() { p.depth-- }
