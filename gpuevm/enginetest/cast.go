package enginetest

import (
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/vm"
)

// The cast are contracts that do one thing that random programs seldom do to the right
// account at the right time. Their calldata names an account.
var cast = []struct {
	addr common.Address
	code code
}{
	{castAddress(0), *pay(1).op(vm.INVALID)},          // credits it, in vain
	{castAddress(1), *pay(0).op(vm.INVALID)},          // touches it, in vain
	{castAddress(2), *pay(0)},                         // touches it
	{castAddress(3), *argument().op(vm.SELFDESTRUCT)}, // dies for it
	{castAddress(4), *argument().num(1).op(vm.SSTORE).num(7).num(2).op(vm.SSTORE).op(vm.CALLER, vm.SELFDESTRUCT)}, // writes, and dies for the caller
	{castAddress(5), *argument().num(1).op(vm.TSTORE).num(0).num(2).op(vm.TSTORE).op(vm.INVALID)},                 // transient, in vain
	{castAddress(6), *num(1).op(vm.SLOAD).num(1).op(vm.ADD).num(1).op(vm.SSTORE).num(0).num(2).op(vm.SSTORE)},     // counts
}

func castAddress(i byte) common.Address { return common.BytesToAddress([]byte{0xca, i}) }

func num(n uint64) *code { return new(code).num(n) }

func argument() *code { return num(0).op(vm.CALLDATALOAD) }

func pay(value uint64) *code {
	return num(0).num(0).num(0).num(0).num(value).num(0).op(vm.CALLDATALOAD).num(30_000).op(vm.CALL, vm.POP)
}

// play has one of the cast, in the caller's own context or not, do its thing to somebody,
// and then looks at who that was or pays them.
func (a *author) play() {
	c := &a.code
	who, member := a.address(), cast[a.rnd.Intn(len(cast))]
	if a.rnd.Intn(4) == 0 {
		who = common.BytesToAddress([]byte{3})
	}
	kind := a.one(vm.CALL, vm.CALL, vm.DELEGATECALL, vm.CALLCODE)
	for range 1 + a.rnd.Intn(2) {
		c.bytes(who[:]).num(0).op(vm.MSTORE)
		c.num(0).num(0).num(32).num(0)
		if kind != vm.DELEGATECALL {
			c.num(uint64(a.rnd.Intn(2)))
		}
		c.bytes(member.addr[:]).num(uint64(30_000 + a.rnd.Intn(60_000))).op(kind)
		a.outcome()
	}
	switch a.rnd.Intn(3) {
	case 0:
		c.num(0).num(0).num(0).num(0).num(uint64(a.rnd.Intn(2))).bytes(who[:]).num(30_000).op(vm.CALL)
	case 1:
		c.bytes(who[:]).op(a.one(asking...))
	default:
		c.num(uint64(1 + a.rnd.Intn(2))).op(a.one(vm.SLOAD, vm.TLOAD))
	}
	a.outcome()
}
