package hostsched_test

import (
	"context"
	"crypto/ecdsa"
	"fmt"
	"math/big"
	"math/rand"
	"sync/atomic"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/consensus"
	"github.com/ethereum/go-ethereum/consensus/beacon"
	"github.com/ethereum/go-ethereum/consensus/ethash"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/core/vm/program"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/tests"
	"github.com/ethereum/go-ethereum/trie"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/hostsched"
	"github.com/gpuevm/gpuevm/statedb"
	"github.com/holiman/uint256"
)

// world makes small random blocks in which everything collides: few senders, few
// contracts, each contract there for one way in which transactions depend on each other.
type world struct {
	rnd       *rand.Rand
	config    *params.ChainConfig
	fork      string
	keys      []*ecdsa.PrivateKey
	eoas      []common.Address
	contracts []common.Address
	alloc     types.GenesisAlloc
	nonces    map[common.Address]uint64
}

// worldForks are the forks whose rules differ in what the scheduler has to care about.
var worldForks = []string{"Frontier", "Homestead", "EIP158", "Byzantium", "Istanbul", "Berlin", "London", "Paris", "Shanghai", "Cancun", "Prague", "Osaka"}

func newWorld(seed int64) *world {
	return newWorldOf(worldForks[rand.New(rand.NewSource(seed)).Intn(len(worldForks))], seed)
}

func newWorldOf(fork string, seed int64) *world {
	w := &world{rnd: rand.New(rand.NewSource(seed)), alloc: types.GenesisAlloc{}, nonces: map[common.Address]uint64{}}
	w.fork = fork
	cfg := *tests.Forks[fork]
	w.config = &cfg
	for i := range 6 {
		key, _ := crypto.ToECDSA(crypto.Keccak256([]byte{byte(i), 'k'}))
		addr := crypto.PubkeyToAddress(key.PublicKey)
		w.keys, w.eoas = append(w.keys, key), append(w.eoas, addr)
		balance := big.NewInt(params.Ether)
		if i == 5 {
			balance = big.NewInt(300_000 * 20) // soon runs dry
		}
		w.alloc[addr] = types.Account{Balance: balance}
	}
	for i, code := range contractCodes() {
		addr := common.BytesToAddress([]byte{0xc0, byte(i)})
		w.contracts = append(w.contracts, addr)
		w.alloc[addr] = types.Account{Code: code, Nonce: 1, Balance: big.NewInt(int64(i * 1000)), Storage: map[common.Hash]common.Hash{
			{31: 1}: {31: 7}, {31: 2}: {31: 9},
		}}
	}
	w.alloc[common.BytesToAddress([]byte{0xee})] = types.Account{Balance: new(big.Int)} // exists and is empty
	for addr, code := range map[common.Address][]byte{
		params.BeaconRootsAddress:        params.BeaconRootsCode,
		params.HistoryStorageAddress:     params.HistoryStorageCode,
		params.WithdrawalQueueAddress:    params.WithdrawalQueueCode,
		params.ConsolidationQueueAddress: params.ConsolidationQueueCode,
	} {
		w.alloc[addr] = types.Account{Code: code, Nonce: 1, Balance: new(big.Int)}
	}
	return w
}

// contractCodes: calldata word 0 is an argument (an address or a slot).
func contractCodes() [][]byte {
	arg := func() *program.Program { return program.New().Push(0).Op(vm.CALLDATALOAD) }
	suicide := program.New().Push(0).Op(vm.CALLDATALOAD, vm.SELFDESTRUCT).Bytes()
	return [][]byte{
		// 0: a counter everybody shares
		program.New().Push(1).Op(vm.SLOAD).Push(1).Op(vm.ADD).Push(1).Op(vm.SSTORE).Bytes(),
		// 1: a slot of the caller's own
		program.New().Op(vm.CALLER, vm.SLOAD).Push(1).Op(vm.ADD, vm.CALLER, vm.SSTORE).Bytes(),
		// 2: logs; halts (a bad jump) where the argument's slot is odd; else flips slot 1
		arg().Op(vm.SLOAD, vm.DUP1).Push(0).Push(0).Op(vm.LOG1).Push(1).Op(vm.AND).Push(200).Op(vm.JUMPI).
			Push(1).Op(vm.SLOAD).Push(1).Op(vm.XOR).Push(1).Op(vm.SSTORE, vm.STOP).Bytes(),
		// 3: destroys itself, to the argument
		suicide,
		// 4: stores the argument's balance, and the coinbase's
		arg().Op(vm.BALANCE).Push(3).Op(vm.SSTORE, vm.COINBASE, vm.BALANCE).Push(4).Op(vm.SSTORE).Bytes(),
		// 5: sends 1 wei and half its balance to the argument
		program.New().Push(0).Push(0).Push(0).Push(0).Push(1).Push(0).Op(vm.CALLDATALOAD).Push(30_000).Op(vm.CALL, vm.POP).Bytes(),
		// 6: never ends
		program.New().Op(vm.JUMPDEST).Push(0).Op(vm.JUMP).Bytes(),
		// 7: creates, at an address of its own counting, a contract that destroys itself when called
		create(suicide),
		// 8: stores the code hash and size of the argument (where the fork knows them)
		arg().Op(vm.EXTCODESIZE).Push(5).Op(vm.SSTORE).Push(0).Op(vm.CALLDATALOAD).Op(vm.EXTCODEHASH).Push(6).Op(vm.SSTORE).Bytes(),
		// 9: calls contract 3 (which dies, paying the argument), then counts
		program.New().Push(0).Op(vm.CALLDATALOAD).Push(0).Op(vm.MSTORE).Push(0).Push(0).Push(32).Push(0).Push(0).
			Push(common.BytesToAddress([]byte{0xc0, 3})).Push(50_000).Op(vm.CALL, vm.POP).Push(1).Op(vm.SLOAD).Push(1).Op(vm.ADD).Push(1).Op(vm.SSTORE).Bytes(),
		// 10: CREATE2 of the suicide at one fixed address, then calls it: dies and is made again
		create2(suicide),
		// 11: touches the argument with nothing
		program.New().Push(0).Push(0).Push(0).Push(0).Push(0).Push(0).Op(vm.CALLDATALOAD).Push(20_000).Op(vm.CALL, vm.POP).Bytes(),
		// 12: constructor-made contract's storage written then destroyed: slot dance
		program.New().Push(9).Push(1).Op(vm.SSTORE).Push(0).Push(2).Op(vm.SSTORE).Push(0).Op(vm.CALLDATALOAD).Push(1).Op(vm.SSTORE).Bytes(),
		// 13: counts; destroys itself when it is sent value
		mortal,
		// 14: makes 13 again where it is gone (CREATE2), and calls it, with value where the argument is odd
		create2Call(mortal),
		// 15: REVERTs with data where the shared counter is odd
		program.New().Push(common.BytesToHash([]byte("why"))).Push(0).Op(vm.MSTORE).Push(1).Op(vm.SLOAD, vm.DUP1).Push(1).Op(vm.ADD).Push(1).Op(vm.SSTORE).
			Push(1).Op(vm.AND, vm.ISZERO).Push(200).Op(vm.JUMPI).Push(32).Push(0).Op(vm.REVERT).Bytes(),
	}
}

// mortal counts in slot 1 and dies of value.
var mortal = func() []byte {
	p := program.New().Push(1).Op(vm.SLOAD).Push(1).Op(vm.ADD).Push(1).Op(vm.SSTORE, vm.CALLVALUE)
	dest := p.Size() + 4
	return p.Push(dest).Op(vm.JUMPI, vm.STOP, vm.JUMPDEST, vm.CALLER, vm.SELFDESTRUCT).Bytes()
}()

func create2Call(runtime []byte) []byte {
	code := initcode(runtime)
	address := crypto.CreateAddress2(common.BytesToAddress([]byte{0xc0, 14}), common.Hash{31: 1}, crypto.Keccak256(code))
	return program.New().Mstore(code, 0).Push(1).Push(len(code)).Push(0).Push(0).Op(vm.CREATE2).Push(8).Op(vm.SSTORE).
		Push(0).Push(0).Push(0).Push(0).Push(0).Op(vm.CALLDATALOAD).Push(1).Op(vm.AND).
		Push(address).Push(60_000).Op(vm.CALL, vm.POP).Bytes()
}

func initcode(runtime []byte) []byte { return program.New().ReturnViaCodeCopy(runtime).Bytes() }

func create(runtime []byte) []byte {
	code := initcode(runtime)
	return program.New().Mstore(code, 0).Push(len(code)).Push(0).Push(5).Op(vm.CREATE).
		Push(7).Op(vm.SSTORE).Bytes()
}

func create2(runtime []byte) []byte {
	code := initcode(runtime)
	return program.New().Mstore(code, 0).Push(1).Push(len(code)).Push(0).Push(0).Op(vm.CREATE2).
		Op(vm.DUP1).Push(8).Op(vm.SSTORE).
		Push(0).Push(0).Push(0).Push(0).Push(3).Op(vm.DUP6).Push(50_000).Op(vm.CALL, vm.POP, vm.POP).Bytes()
}

func (w *world) anyone() common.Address {
	switch w.rnd.Intn(5) {
	case 0:
		return w.eoas[w.rnd.Intn(len(w.eoas))]
	case 1:
		return w.contracts[w.rnd.Intn(len(w.contracts))]
	case 2:
		return common.BytesToAddress([]byte{0xee})
	case 3:
		return common.BytesToAddress([]byte{byte(1 + w.rnd.Intn(10))}) // precompiles
	default:
		return common.BytesToAddress([]byte{0xf0, byte(w.rnd.Intn(4))}) // does not exist yet
	}
}

// block makes a block of n transactions. With spoil a transaction may be invalid.
func (w *world) block(n int, parent *types.Header, spoil bool) *types.Block {
	h := &types.Header{
		ParentHash: parent.Hash(), Number: new(big.Int).Add(parent.Number, common.Big1), Time: parent.Time + 12,
		GasLimit: 5_000_000, Difficulty: big.NewInt(131072), Coinbase: w.coinbase(),
	}
	rules := w.config.Rules(h.Number, w.config.TerminalTotalDifficulty != nil, h.Time)
	if rules.IsMerge {
		h.Difficulty = new(big.Int)
		h.MixDigest = common.Hash{1}
	}
	if rules.IsLondon {
		h.BaseFee = big.NewInt(7)
	}
	if rules.IsCancun {
		h.ExcessBlobGas, h.BlobGasUsed, h.ParentBeaconRoot = new(uint64), new(uint64), &common.Hash{2}
	}
	body := types.Body{}
	if rules.IsShanghai {
		body.Withdrawals = types.Withdrawals{
			{Index: 1, Address: w.anyone(), Amount: uint64(w.rnd.Intn(2))}, {Index: 2, Address: w.anyone(), Amount: 3},
		}
	}
	signer := types.MakeSigner(w.config, h.Number, h.Time)
	for range n {
		body.Transactions = append(body.Transactions, w.tx(signer, rules, spoil))
	}
	return types.NewBlock(h, &body, nil, trie.NewStackTrie(nil))
}

func (w *world) coinbase() common.Address {
	switch w.rnd.Intn(4) {
	case 0:
		return w.eoas[w.rnd.Intn(len(w.eoas))]
	case 1:
		return w.contracts[w.rnd.Intn(len(w.contracts))]
	default:
		return common.BytesToAddress([]byte{0xcb})
	}
}

func (w *world) tx(signer types.Signer, rules params.Rules, spoil bool) *types.Transaction {
	who := w.rnd.Intn(len(w.keys))
	if w.rnd.Intn(3) > 0 {
		who = w.rnd.Intn(len(w.keys) - 1)
	}
	from := w.eoas[who]
	nonce := w.nonces[from]
	w.nonces[from]++
	gas, value, price := uint64(200_000), big.NewInt(0), big.NewInt(int64(7+w.rnd.Intn(3)))
	to := w.anyone()
	arg := common.BytesToHash(w.anyone().Bytes())
	if w.rnd.Intn(2) == 0 {
		arg = common.Hash{31: byte(w.rnd.Intn(4))}
	}
	var data []byte
	switch w.rnd.Intn(6) {
	case 0: // transfer
		value = big.NewInt(int64(w.rnd.Intn(3)))
	case 1:
		value, gas = big.NewInt(int64(1+w.rnd.Intn(1000))), 21000+uint64(w.rnd.Intn(9000))
	default:
		to, data = w.contracts[w.rnd.Intn(len(w.contracts))], arg[:]
		if w.rnd.Intn(8) == 0 {
			gas = 21_000 + 3_000 + uint64(w.rnd.Intn(30_000)) // runs out somewhere
		}
	}
	if spoil && w.rnd.Intn(40) == 0 {
		switch w.rnd.Intn(5) {
		case 0:
			nonce += 2
		case 1:
			nonce = max(nonce, 1) - 1
		case 2:
			value = new(big.Int).Mul(big.NewInt(params.Ether), big.NewInt(5))
		case 3:
			gas = 20_000
		case 4:
			gas = 6_000_000
		}
	}
	var inner types.TxData = &types.LegacyTx{Nonce: nonce, GasPrice: price, Gas: gas, To: &to, Value: value, Data: data}
	switch w.rnd.Intn(10) {
	case 0:
		inner = &types.LegacyTx{Nonce: nonce, GasPrice: price, Gas: gas + 100_000, Value: value, Data: initcode(contractCodes()[w.rnd.Intn(14)])}
	case 1, 2:
		if rules.IsLondon {
			inner = &types.DynamicFeeTx{ChainID: w.config.ChainID, Nonce: nonce, GasFeeCap: big.NewInt(20), GasTipCap: big.NewInt(int64(w.rnd.Intn(4))), Gas: gas, To: &to, Value: value, Data: data,
				AccessList: types.AccessList{{Address: to, StorageKeys: []common.Hash{{31: 1}}}}}
		}
	case 3, 4:
		if rules.IsPrague {
			inner = w.setCode(nonce, gas, to, value, data)
		}
	}
	signed, err := types.SignNewTx(w.keys[who], signer, inner)
	if err != nil {
		panic(err)
	}
	return signed
}

func (w *world) setCode(nonce, gas uint64, to common.Address, value *big.Int, data []byte) types.TxData {
	who := w.rnd.Intn(len(w.keys))
	auth, err := types.SignSetCode(w.keys[who], types.SetCodeAuthorization{
		ChainID: *uint256.MustFromBig(w.config.ChainID), Address: w.contracts[w.rnd.Intn(3)], Nonce: w.nonces[w.eoas[who]],
	})
	if err != nil {
		panic(err)
	}
	if w.rnd.Intn(4) > 0 {
		w.nonces[w.eoas[who]]++ // the authority's nonce rises too
	}
	if w.rnd.Intn(2) == 0 {
		to = w.eoas[w.rnd.Intn(len(w.eoas))]
	}
	return &types.SetCodeTx{ChainID: uint256.MustFromBig(w.config.ChainID), Nonce: nonce, GasFeeCap: uint256.NewInt(20), GasTipCap: uint256.NewInt(1),
		Gas: gas + 50_000, To: to, Value: uint256.MustFromBig(value), Data: data, AuthList: []types.SetCodeAuthorization{auth}}
}

// ---- the referee: go-ethereum's StateProcessor ----

type testChain struct {
	config *params.ChainConfig
	parent *types.Header
}

func (c *testChain) Config() *params.ChainConfig                 { return c.config }
func (c *testChain) CurrentHeader() *types.Header                { return c.parent }
func (c *testChain) GetHeader(common.Hash, uint64) *types.Header { return c.parent }
func (c *testChain) GetHeaderByNumber(uint64) *types.Header      { return c.parent }
func (c *testChain) GetHeaderByHash(common.Hash) *types.Header   { return c.parent }
func (c *testChain) GetTd(common.Hash, uint64) *big.Int          { return common.Big1 }
func (c *testChain) Engine() consensus.Engine                    { return beacon.New(ethash.NewFaker()) }

// outcome is what two ways of running a block must agree on.
type outcome struct {
	receipts []string
	root     common.Hash
	requests string
	gas      uint64
	err      string
}

func outcomeOf(receipts types.Receipts, requests [][]byte, gas uint64, root common.Hash) outcome {
	o := outcome{root: root, requests: fmt.Sprintf("%x", requests), gas: gas}
	for _, r := range receipts {
		json, err := r.MarshalJSON()
		if err != nil {
			panic(err)
		}
		o.receipts = append(o.receipts, string(json))
	}
	return o
}

func (o outcome) diff(other outcome) string {
	if o.err != other.err {
		return fmt.Sprintf("error %q against %q", o.err, other.err)
	}
	if len(o.receipts) != len(other.receipts) {
		return fmt.Sprintf("%d receipts against %d", len(o.receipts), len(other.receipts))
	}
	for i := range o.receipts {
		if o.receipts[i] != other.receipts[i] {
			return fmt.Sprintf("receipt %d:\n%s\nagainst\n%s", i, o.receipts[i], other.receipts[i])
		}
	}
	if o.gas != other.gas || o.requests != other.requests || o.root != other.root {
		return fmt.Sprintf("gas %d, requests %s, root %x against %d, %s, %x", o.gas, o.requests, o.root, other.gas, other.requests, other.root)
	}
	return ""
}

func runGeth(t *testing.T, config *params.ChainConfig, parent *types.Header, block *types.Block, tries *statedb.Tries) outcome {
	t.Helper()
	sdb, err := state.New(tries.ViewRoot(), tries.Database())
	if err != nil {
		t.Fatal(err)
	}
	res, err := core.NewStateProcessor(&testChain{config, parent}).Process(context.Background(), block, sdb, nil, nil, vm.Config{}, nil)
	if err != nil {
		return outcome{err: err.Error()}
	}
	rules := config.Rules(block.Number(), block.Difficulty().Sign() == 0, block.Time())
	return outcomeOf(res.Receipts, res.Requests, res.GasUsed, sdb.IntermediateRoot(rules))
}

func runOurs(t *testing.T, p *hostsched.Processor, config *params.ChainConfig, parent *types.Header, block *types.Block, tries *statedb.Tries) (outcome, *hostsched.BlockResult) {
	t.Helper()
	return runOn(t, p, config, parent, block, tries, tries)
}

func runOn(t *testing.T, p *hostsched.Processor, config *params.ChainConfig, parent *types.Header, block *types.Block, pre gpuevm.StateView, roots hostsched.Roots) (outcome, *hostsched.BlockResult) {
	t.Helper()
	b := &hostsched.Block{
		Block: block, Config: config, Author: block.Coinbase(), Pre: pre, Roots: roots,
		BlockHash: hostsched.BlockHashes(block.Header(), &testChain{config, parent}),
	}
	res, err := p.Process(context.Background(), b)
	if err != nil {
		return outcome{err: err.Error()}, nil
	}
	return outcomeOf(res.Receipts, res.Requests, res.GasUsed, *res.Root), res
}

// runDropIn runs a block through our core.Processor on a go-ethereum StateDB.
func runDropIn(t *testing.T, p *hostsched.Processor, config *params.ChainConfig, parent *types.Header, block *types.Block, tries *statedb.Tries) outcome {
	t.Helper()
	sdb, err := state.New(tries.ViewRoot(), tries.Database())
	if err != nil {
		t.Fatal(err)
	}
	var last atomic.Int64
	res, err := hostsched.NewGethProcessor(&testChain{config, parent}, p).Process(context.Background(), block, sdb, nil, nil, vm.Config{}, &last)
	if err != nil {
		return outcome{err: err.Error()}
	}
	if n := len(block.Transactions()); n > 0 && int(last.Load()) != n-1 {
		t.Fatalf("progress ended at %d of %d transactions", last.Load(), n)
	}
	rules := config.Rules(block.Number(), block.Difficulty().Sign() == 0, block.Time())
	return outcomeOf(res.Receipts, res.Requests, res.GasUsed, sdb.IntermediateRoot(rules))
}

func freshTries(t *testing.T, alloc types.GenesisAlloc) *statedb.Tries {
	t.Helper()
	tries, err := statedb.TriesFromAlloc(alloc)
	if err != nil {
		t.Fatal(err)
	}
	return tries
}
