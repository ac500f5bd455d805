package workload

import (
	"fmt"
	"math"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/params"
	"github.com/gpuevm/gpuevm/statedb"
	"github.com/holiman/uint256"
)

// owner deploys the contracts and issues the tokens. It never sends a transaction.
var owner = common.HexToAddress("0x00000000000000000000000000000000000b055e")

// world is the state before the first block while it is being set up. Contracts run on a
// state of go-ethereum's, and what they change is noted in alloc as they change it: a call
// that fails would leave its traces there, hence no call of the setup may fail.
type world struct {
	alloc    types.GenesisAlloc
	deployed map[string][]common.Address // by contract name

	evm    *vm.EVM
	state  *state.StateDB
	rules  params.Rules
	random common.Hash
}

func newWorld(config *params.ChainConfig) *world {
	db, err := state.New(types.EmptyRootHash, state.NewDatabaseForTesting())
	if err != nil {
		panic(err)
	}
	w := &world{alloc: types.GenesisAlloc{}, deployed: map[string][]common.Address{}, state: db}
	noted := state.NewHookedState(db, &tracing.Hooks{
		OnStorageChange: w.noteStorage,
		OnCodeChange:    w.noteCode,
		OnNonceChange:   w.noteNonce,
	})
	w.evm = vm.NewEVM(vm.BlockContext{
		CanTransfer: core.CanTransfer,
		Transfer:    core.Transfer,
		GetHash:     func(uint64) common.Hash { return common.Hash{} },
		BlockNumber: new(big.Int),
		Time:        firstTime,
		Difficulty:  new(big.Int),
		GasLimit:    math.MaxUint64,
		BaseFee:     new(big.Int),
		BlobBaseFee: new(big.Int),
		Random:      &w.random,
	}, noted, config, vm.Config{})
	w.evm.SetTxContext(vm.TxContext{Origin: owner, GasPrice: new(uint256.Int)})
	w.rules = config.Rules(new(big.Int), true, firstTime)
	w.addSystemContracts()
	w.fund(coinbase, big.NewInt(1))
	return w
}

func (w *world) addSystemContracts() {
	for addr, code := range map[common.Address][]byte{
		params.BeaconRootsAddress:        params.BeaconRootsCode,
		params.HistoryStorageAddress:     params.HistoryStorageCode,
		params.WithdrawalQueueAddress:    params.WithdrawalQueueCode,
		params.ConsolidationQueueAddress: params.ConsolidationQueueCode,
	} {
		w.alloc[addr] = types.Account{Nonce: 1, Code: code, Balance: new(big.Int)}
	}
}

// fund gives an account a balance. The EVM of the setup does not see it: nothing there
// depends on one.
func (w *world) fund(addr common.Address, balance *big.Int) {
	a := w.alloc[addr]
	a.Balance = balance
	w.alloc[addr] = a
}

// deploy runs a contract's constructor.
func (w *world) deploy(name string, args ...any) common.Address {
	w.begin(nil)
	_, addr, _, err := w.evm.Create(owner, load(name).creation(args...), plenty(), new(uint256.Int))
	if err != nil {
		panic(fmt.Errorf("deploying %s: %w", name, err))
	}
	w.end()
	w.deployed[name] = append(w.deployed[name], addr)
	return addr
}

// call calls a method of a contract as the owner.
func (w *world) call(to common.Address, name, method string, args ...any) []any {
	w.begin(&to)
	c := load(name)
	output, _, err := w.evm.Call(owner, to, c.call(method, args...), plenty(), new(uint256.Int))
	if err != nil {
		panic(fmt.Errorf("%s.%s: %w, %x", name, method, err, output))
	}
	w.end()
	values, err := c.abi.Unpack(method, output)
	if err != nil {
		panic(err)
	}
	return values
}

func plenty() vm.GasBudget { return vm.NewGasBudget(math.MaxInt64, 0) }

func (w *world) begin(to *common.Address) {
	w.state.Prepare(w.rules, owner, coinbase, to, nil, nil)
}

func (w *world) end() { w.state.Finalise(w.rules) }

func (w *world) noteStorage(addr common.Address, slot, _, value common.Hash) {
	a := w.account(addr)
	if a.Storage == nil {
		a.Storage = map[common.Hash]common.Hash{}
	}
	if value == (common.Hash{}) {
		delete(a.Storage, slot)
	} else {
		a.Storage[slot] = value
	}
	w.alloc[addr] = a
}

func (w *world) noteCode(addr common.Address, _ common.Hash, _ []byte, _ common.Hash, code []byte) {
	a := w.account(addr)
	a.Code = code
	w.alloc[addr] = a
}

func (w *world) noteNonce(addr common.Address, _, nonce uint64) {
	a := w.account(addr)
	a.Nonce = nonce
	w.alloc[addr] = a
}

func (w *world) account(addr common.Address) types.Account {
	a := w.alloc[addr]
	if a.Balance == nil {
		a.Balance = new(big.Int)
	}
	return a
}

// root is the state root of the allocation. Its balances were made here, so they fit.
func (w *world) root() common.Hash {
	state, err := statedb.FromAlloc(w.alloc)
	if err != nil {
		panic(err)
	}
	return state.AllocRoot()
}
