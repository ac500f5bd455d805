package enginetest

import (
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/holiman/uint256"
)

// code is bytecode under construction. It has what tests of an EVM need and no more.
type code []byte

func (c *code) op(ops ...vm.OpCode) *code {
	for _, o := range ops {
		*c = append(*c, byte(o))
	}
	return c
}

// push emits the shortest PUSH1..PUSH32; PUSH0 is younger than most forks.
func (c *code) push(v *uint256.Int) *code {
	b := v.Bytes()
	if len(b) == 0 {
		b = []byte{0}
	}
	*c = append(*c, byte(vm.PUSH1)+byte(len(b)-1))
	*c = append(*c, b...)
	return c
}

func (c *code) num(n uint64) *code { return c.push(uint256.NewInt(n)) }

func (c *code) bytes(b []byte) *code { return c.push(new(uint256.Int).SetBytes(b)) }

// hole emits a PUSH2 to be filled in later, and says where.
func (c *code) hole() int {
	*c = append(*c, byte(vm.PUSH2), 0, 0)
	return len(*c) - 2
}

// fill puts the present position into a hole.
func (c *code) fill(at int) {
	(*c)[at], (*c)[at+1] = byte(len(*c)>>8), byte(len(*c))
}

// label emits a JUMPDEST and says where it is.
func (c *code) label() int {
	c.op(vm.JUMPDEST)
	return len(*c) - 1
}

// store writes data to memory at 0, in words.
func (c *code) store(data []byte) *code {
	for at := 0; at < len(data); at += 32 {
		word := make([]byte, 32)
		copy(word, data[at:])
		c.bytes(word).num(uint64(at)).op(vm.MSTORE)
	}
	return c
}

// deployer is init code that returns the runtime code.
func deployer(runtime []byte) []byte {
	var c code
	c.num(uint64(len(runtime)))
	at := c.hole()
	c.num(0).op(vm.CODECOPY).num(uint64(len(runtime))).num(0).op(vm.RETURN)
	c.fill(at)
	return append(c, runtime...)
}
