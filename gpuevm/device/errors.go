package device

import (
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/params"
	"github.com/gpuevm/gpuevm/kernels"
)

// errorOf is the EVM's error of a transaction, with the text that go-ethereum gives it.
// Those of go-ethereum that carry numbers have no constructors there, so that they have
// types of ours here.
func errorOf(o *txOut) error {
	if o.error == errOutOfGas && o.errorA != 0 {
		return wrapped(uint32(o.errorA), o.errorB)
	}
	return evmError(o.error, o.errorA, o.errorB)
}

// plainErrors are those without numbers.
var plainErrors = [...]error{
	errNone:                nil,
	errOutOfGas:            vm.ErrOutOfGas,
	errCodeStoreOutOfGas:   vm.ErrCodeStoreOutOfGas,
	errDepth:               vm.ErrDepth,
	errInsufficientBalance: vm.ErrInsufficientBalance,
	errAddressCollision:    vm.ErrContractAddressCollision,
	errReverted:            vm.ErrExecutionReverted,
	errInvalidJump:         vm.ErrInvalidJump,
	errWriteProtection:     vm.ErrWriteProtection,
	errReturnDataBounds:    vm.ErrReturnDataOutOfBounds,
	errGasOverflow:         vm.ErrGasUintOverflow,
	errInvalidCode:         vm.ErrInvalidCode,
	errNonceOverflow:       vm.ErrNonceUintOverflow,
	errSentry:              errors.New("not enough gas for reentrancy sentry"),
}

func evmError(code uint32, a, b uint64) error {
	switch code {
	case errMaxInitCode:
		return fmt.Errorf("%w: code size %v limit %v", vm.ErrMaxInitCodeSizeExceeded, b, params.MaxInitCodeSize)
	case errMaxCode:
		return fmt.Errorf("%w: code size %v limit %v", vm.ErrMaxCodeSizeExceeded, b, params.MaxCodeSize)
	case errStackUnderflow:
		return stackUnderflow{a, b}
	case errStackOverflow:
		return stackOverflow{a, b}
	case errInvalidOpcode:
		return invalidOpcode(a)
	case errPrecompile:
		if b < uint64(len(precompileErrors)) {
			return precompileErrors[b]
		}
	}
	if int(code) < len(plainErrors) && (code == errNone || plainErrors[code] != nil) {
		return plainErrors[code]
	}
	return fmt.Errorf("device: unknown error %d (%d, %d)", code, a, b)
}

// precompileErrors are kernels.PrecompileErrors as values.
var precompileErrors = func() (out []error) {
	for _, text := range kernels.PrecompileErrors {
		out = append(out, errors.New(text))
	}
	return out
}()

// wrapped is an error found while dynamic gas was computed.
func wrapped(inner uint32, detail uint64) error {
	if int(inner) < len(wrappedErrors) && wrappedErrors[inner] != nil {
		return wrappedErrors[inner]
	}
	return fmt.Errorf("%w: %v", vm.ErrOutOfGas, evmError(inner, 0, detail))
}

var wrappedErrors = func() (out [len(plainErrors)]error) {
	for i, err := range plainErrors {
		if err != nil {
			out[i] = fmt.Errorf("%w: %v", vm.ErrOutOfGas, err)
		}
	}
	return out
}()

type stackUnderflow struct{ height, required uint64 }

func (e stackUnderflow) Error() string {
	return fmt.Sprintf("stack underflow (%d <=> %d)", e.height, e.required)
}

type stackOverflow struct{ height, limit uint64 }

func (e stackOverflow) Error() string {
	return fmt.Sprintf("stack limit reached %d (%d)", e.height, e.limit)
}

type invalidOpcode byte

func (e invalidOpcode) Error() string { return "invalid opcode: " + vm.OpCode(e).String() }
