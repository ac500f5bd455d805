package compiler

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/core/vm/runtime"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"
	"github.com/gpuevm/gpuevm/gpuevm/opcode"
	"github.com/holiman/uint256"
)

// hashWords is keccak of one or two words.
func hashWords(a []*uint256.Int) *uint256.Int {
	var data []byte
	for _, w := range a {
		word := w.Bytes32()
		data = append(data, word[:]...)
	}
	return new(uint256.Int).SetBytes(crypto.Keccak256(data))
}

// trial is a run to compare.
type trial struct {
	code, input []byte
	gas         uint64
	storage     map[uint256.Int]uint256.Int
}

// referee is what go-ethereum makes of a trial.
type referee struct {
	err    error
	output []byte
	gas    uint64
	db     *state.StateDB
}

func (tr *trial) judge(tb testing.TB) *referee {
	tb.Helper()
	base := state.NewDatabaseForTesting()
	db, err := state.New(types.EmptyRootHash, base)
	if err != nil {
		tb.Fatal(err)
	}
	db.CreateAccount(self)
	db.SetCode(self, tr.code, tracing.CodeChangeUnspecified)
	db.SetNonce(self, 1, tracing.NonceChangeUnspecified)
	for k, v := range tr.storage {
		db.SetState(self, k.Bytes32(), v.Bytes32())
	}
	root, err := db.Commit(opcode.Osaka.Rules(), 0)
	if err != nil {
		tb.Fatal(err)
	}
	if db, err = state.New(root, base); err != nil {
		tb.Fatal(err)
	}
	r := &referee{db: db}
	r.output, r.gas, r.err = runtime.Call(self, tr.input, &runtime.Config{
		ChainConfig: params.MergedTestChainConfig, Origin: origin, Coinbase: coinbase, BlockNumber: big.NewInt(1000),
		Time: 1_800_000_000, GasLimit: tr.gas, State: db,
	})
	return r
}

func (r *referee) why() failure {
	var stackUnderflow *vm.ErrStackUnderflow
	var stackOverflow *vm.ErrStackOverflow
	var invalid *vm.ErrInvalidOpCode
	switch err := r.err; {
	case err == nil:
		return ended
	case errors.Is(err, vm.ErrExecutionReverted):
		return reverted
	case errors.Is(err, vm.ErrOutOfGas):
		return outOfGas
	case errors.As(err, &stackUnderflow):
		return underflow
	case errors.As(err, &stackOverflow):
		return overflow
	case errors.Is(err, vm.ErrInvalidJump):
		return badJump
	case errors.As(err, &invalid):
		return undefined
	case errors.Is(err, vm.ErrGasUintOverflow):
		return tooFar
	case errors.Is(err, vm.ErrReturnDataOutOfBounds):
		return pastReturned
	}
	return failure(r.err.Error())
}

// differs says what a machine made otherwise than go-ethereum.
func (r *referee) differs(m *machine) error {
	if m.why != r.why() {
		return fmt.Errorf("%s, go-ethereum: %v", m.why, r.err)
	}
	if m.why != ended && m.why != reverted {
		return nil // all gas is gone and all changes are undone
	}
	if m.gas != r.gas {
		return fmt.Errorf("%d gas left, go-ethereum: %d", m.gas, r.gas)
	}
	if !bytes.Equal(m.output, r.output) {
		return fmt.Errorf("output %x, go-ethereum: %x", m.output, r.output)
	}
	if m.why == reverted {
		return nil
	}
	if uint64(m.refund) != r.db.GetRefund() {
		return fmt.Errorf("refund %d, go-ethereum: %d", m.refund, r.db.GetRefund())
	}
	for k, v := range m.storage {
		if got := r.db.GetState(self, k.Bytes32()); got != common.Hash(v.Bytes32()) {
			return fmt.Errorf("slot %s is %s, go-ethereum: %x", k.Hex(), v.Hex(), got)
		}
	}
	for k, v := range m.transient {
		if got := r.db.GetTransientState(self, k.Bytes32()); got != common.Hash(v.Bytes32()) {
			return fmt.Errorf("transient slot %s is %s, go-ethereum: %x", k.Hex(), v.Hex(), got)
		}
	}
	return r.logsDiffer(m)
}

func (r *referee) logsDiffer(m *machine) error {
	logs := r.db.Logs()
	if len(logs) != len(m.logs) {
		return fmt.Errorf("%d logs, go-ethereum: %d", len(m.logs), len(logs))
	}
	for i, l := range logs {
		if !bytes.Equal(l.Data, m.logs[i].data) || len(l.Topics) != len(m.logs[i].topics) {
			return fmt.Errorf("log %d is %+v, go-ethereum: %+v", i, m.logs[i], l)
		}
		for j, topic := range l.Topics {
			if topic != common.Hash(m.logs[i].topics[j].Bytes32()) {
				return fmt.Errorf("log %d topic %d is %s, go-ethereum: %x", i, j, m.logs[i].topics[j].Hex(), topic)
			}
		}
	}
	return nil
}

// endings counts how compared runs ended.
var endings = map[failure]int{}

// prove compiles a code and runs it on each trial after every pass. It returns how many
// runs were compared, and how often they left.
func prove(tb testing.TB, code []byte, order Order, trials []*trial) (compared, left int) {
	tb.Helper()
	return proveAfter(tb, code, order, trials, func(string) bool { return true })
}

// proveAfter runs after some passes only.
func proveAfter(tb testing.TB, code []byte, order Order, trials []*trial, after func(stage string) bool) (compared, left int) {
	tb.Helper()
	var judged []*referee
	var last *Func
	for _, tr := range trials {
		m := newMachine(tr.code, tr.input, tr.gas, tr.storage)
		m.interpret(0, nil)
		if m.why == refused {
			judged = append(judged, nil)
			continue
		}
		r := tr.judge(tb)
		if err := r.differs(m); err != nil {
			tb.Fatalf("the toy machine is wrong: %v\ncode %x\ninput %x gas %d", err, tr.code, tr.input, tr.gas)
		}
		judged = append(judged, r)
	}
	watch := func(stage string, f *Func) {
		last = f
		if !after(stage) {
			return
		}
		for i, tr := range trials {
			if judged[i] == nil {
				continue
			}
			m := newMachine(tr.code, tr.input, tr.gas, tr.storage)
			err := m.run(f)
			if m.why == refused && err == nil {
				continue
			}
			if err == nil {
				err = judged[i].differs(m)
			}
			if err != nil {
				tb.Fatalf("after %s: %v\ncode %x\ninput %x gas %d\n%s", stage, err, tr.code, tr.input, tr.gas, f)
			}
			compared++
			endings[m.why]++
			left += m.left
		}
	}
	if _, err := Compile(code, Options{Revision: opcode.Osaka, Check: true, Watch: watch, Order: order}); err != nil {
		if last == nil {
			tb.Fatalf("%v\ncode %x", err, code)
		}
		tb.Fatalf("%v\ncode %x\n%s", err, code, last)
	}
	return compared, left
}
