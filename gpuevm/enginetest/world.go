package enginetest

import (
	"crypto/ecdsa"
	"maps"
	"math/big"
	"math/rand"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/tests"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/holiman/uint256"
)

// world is a random state in a block of a fork.
type world struct {
	rnd       *rand.Rand
	env       *gpuevm.BlockEnv
	rules     params.Rules
	pre       *cells
	keys      []*ecdsa.PrivateKey
	owners    []common.Address // of the keys
	contracts []common.Address
	others    []common.Address // empty, missing, precompiled
	hashes    []common.Hash    // of all codes, zero among them
}

func newWorld(fork string, seed int64) *world {
	w := &world{rnd: rand.New(rand.NewSource(seed))}
	w.env = newEnv(fork)
	w.rules = w.env.Rules()
	for i := range 4 {
		key, err := crypto.ToECDSA(crypto.Keccak256([]byte{byte(i), 'e', 't'}))
		if err != nil {
			panic(err)
		}
		w.keys = append(w.keys, key)
		w.owners = append(w.owners, crypto.PubkeyToAddress(key.PublicKey))
	}
	for i := range 10 {
		w.contracts = append(w.contracts, common.BytesToAddress([]byte{0xc0, byte(i)}))
	}
	w.others = []common.Address{{0xee}, {0xf1}, {0xf2}, {0xf3}, common.BytesToAddress([]byte{3}), common.BytesToAddress([]byte{4}), {0xcb}}
	w.env.Coinbase = w.someone()
	if w.rnd.Intn(2) == 0 {
		w.env.Coinbase = common.Address{0xcb}
	}
	alloc := w.alloc()
	w.pre = fromAlloc(alloc)
	w.hashes = append(slices.SortedFunc(maps.Keys(w.pre.codes), common.Hash.Cmp), common.Hash{})
	return w
}

// newEnv is a block of a fork.
func newEnv(fork string) *gpuevm.BlockEnv {
	config := *tests.Forks[fork]
	env := &gpuevm.BlockEnv{
		Config: &config, Number: big.NewInt(1000), Time: 50_000, GasLimit: 30_000_000, Difficulty: big.NewInt(131072),
		BlockHash: func(n uint64) common.Hash { return crypto.Keccak256Hash(uint256.NewInt(n).Bytes()) },
	}
	if config.IsLondon(env.Number) {
		env.BaseFee = big.NewInt(7)
	}
	if config.TerminalTotalDifficulty != nil && config.TerminalTotalDifficulty.Sign() == 0 {
		env.Random, env.Difficulty = &common.Hash{1, 2, 3}, new(big.Int)
	}
	if config.IsCancun(env.Number, env.Time) {
		env.BlobBaseFee = big.NewInt(3)
	}
	return env
}

// alloc makes the accounts. Those with codes are of every kind that decides something:
// with and without nonce, balance and storage, delegated, at the largest nonce.
func (w *world) alloc() types.GenesisAlloc {
	alloc := types.GenesisAlloc{
		w.others[0]: {Balance: new(big.Int)}, // exists, and is empty
		w.others[1]: {Balance: big.NewInt(1)},
		w.others[3]: {Nonce: 1, Balance: new(big.Int)}, // its nonce alone keeps it from being empty
	}
	for i, addr := range w.owners {
		balance := new(big.Int).Lsh(big.NewInt(1), uint(60+i*20))
		if i == 3 {
			balance = big.NewInt(int64(w.rnd.Intn(10_000_000)))
		}
		alloc[addr] = types.Account{Balance: balance, Nonce: uint64(w.rnd.Intn(3))}
	}
	if w.rules.IsPrague {
		a := alloc[w.owners[1]]
		a.Code = types.AddressToDelegation(w.contracts[0])
		alloc[w.owners[1]] = a
	}
	table, err := vm.LookupInstructionSet(w.rules)
	if err != nil {
		panic(err)
	}
	author := &author{
		rnd:   w.rnd,
		known: func(op vm.OpCode) bool { return table[op].HasCost() || op == vm.STOP },
		pool:  slices.Concat(w.contracts, w.contracts, w.owners, w.others, w.others),
	}
	for i, addr := range w.contracts {
		a := types.Account{Code: author.program(2 + i), Balance: big.NewInt(int64(w.rnd.Intn(3000))), Storage: make(map[common.Hash]common.Hash)}
		if w.rules.IsEIP158 {
			a.Nonce = 1
		}
		if i == 9 {
			a.Nonce = 1<<64 - 1 - uint64(w.rnd.Intn(2))
		}
		for range w.rnd.Intn(4) {
			a.Storage[common.Hash{31: byte(w.rnd.Intn(4))}] = common.Hash{31: byte(1 + w.rnd.Intn(3))}
		}
		alloc[addr] = a
	}
	for _, c := range cast {
		alloc[c.addr] = types.Account{Code: c.code, Balance: big.NewInt(20), Storage: map[common.Hash]common.Hash{{31: 2}: {31: 2}}}
	}
	w.forestall(alloc)
	return alloc
}

// forestall puts something where contracts will be created: nothing but existence, a
// balance, storage, a nonce. And the precompile whose touch outlives a revert may exist.
func (w *world) forestall(alloc types.GenesisAlloc) {
	if w.rnd.Intn(2) == 0 {
		alloc[common.BytesToAddress([]byte{3})] = types.Account{Balance: new(big.Int)}
	}
	for range 4 {
		creator := w.contracts[w.rnd.Intn(len(w.contracts))]
		if w.rnd.Intn(3) == 0 {
			creator = w.owners[w.rnd.Intn(len(w.owners))]
		}
		a := types.Account{Balance: new(big.Int)}
		switch w.rnd.Intn(4) {
		case 0:
			a.Balance.SetUint64(5)
		case 1:
			a.Storage = map[common.Hash]common.Hash{{31: 1}: {31: 1}}
		case 2:
			a.Nonce = uint64(w.rnd.Intn(2))
		}
		alloc[crypto.CreateAddress(creator, alloc[creator].Nonce)] = a
	}
}

func (w *world) someone() common.Address {
	all := slices.Concat(w.owners, w.contracts, w.others)
	return all[w.rnd.Intn(len(all))]
}

// transactions makes n of them, most valid.
func (w *world) transactions(n int) []gpuevm.Tx {
	txs := make([]gpuevm.Tx, n)
	for i := range txs {
		txs[i] = w.transaction()
		txs[i].Index, txs[i].Hash = i, common.Hash{0x77, byte(i)}
	}
	return txs
}

func (w *world) transaction() gpuevm.Tx {
	who := w.rnd.Intn(len(w.owners))
	tx := gpuevm.Tx{
		From:     w.owners[who],
		Nonce:    w.pre.get(w.owners[who], gpuevm.Nonce).Big().Uint64(),
		Value:    uint256.NewInt(uint64(w.rnd.Intn(3) * w.rnd.Intn(1000))),
		Gas:      uint64(60_000 + w.rnd.Intn(600_000)),
		GasPrice: uint256.NewInt(uint64(7 + w.rnd.Intn(3))),
	}
	to := w.contracts[w.rnd.Intn(len(w.contracts))]
	if w.rnd.Intn(5) == 0 {
		to = w.someone()
	}
	tx.To, tx.Data = &to, w.calldata()
	switch w.rnd.Intn(10) {
	case 0:
		tx.Gas = uint64(20_000 + w.rnd.Intn(15_000)) // scarce
	case 1:
		tx.To, tx.Data = nil, w.initcode()
		tx.Gas += 200_000
	case 2:
		tx.Nonce += uint64(w.rnd.Intn(3)) - 1
	}
	w.fees(&tx)
	w.extras(&tx)
	return tx
}

func (w *world) calldata() []byte {
	var data []byte
	for range w.rnd.Intn(4) {
		word := common.BytesToHash(w.someone().Bytes())
		if w.rnd.Intn(2) == 0 {
			word = common.Hash{31: byte(w.rnd.Intn(5))}
		}
		data = append(data, word[:]...)
	}
	return data[:len(data)-w.rnd.Intn(len(data)/8+1)]
}

func (w *world) initcode() []byte {
	code, _ := w.pre.Code(w.hashes[w.rnd.Intn(len(w.hashes)-1)])
	if w.rnd.Intn(2) == 0 {
		return code // runs, and mostly returns nothing
	}
	return deployer(code)
}

// fees sets the caps as a node does: from London on they are always there.
func (w *world) fees(tx *gpuevm.Tx) {
	if !w.rules.IsLondon {
		tx.GasFeeCap, tx.GasTipCap = tx.GasPrice, tx.GasPrice
		return
	}
	tx.GasFeeCap = uint256.NewInt(uint64(7 + w.rnd.Intn(9)))
	tx.GasTipCap = uint256.NewInt(uint64(w.rnd.Intn(8)))
	price := new(uint256.Int).Add(tx.GasTipCap, uint256.MustFromBig(w.env.BaseFee))
	if price.Gt(tx.GasFeeCap) {
		price.Set(tx.GasFeeCap)
	}
	tx.GasPrice = price
}

// extras adds what later forks brought: access lists, blobs, authorizations.
func (w *world) extras(tx *gpuevm.Tx) {
	if w.rules.IsBerlin && w.rnd.Intn(3) == 0 {
		for range w.rnd.Intn(3) {
			e := types.AccessTuple{Address: w.someone()}
			for range w.rnd.Intn(3) {
				e.StorageKeys = append(e.StorageKeys, common.Hash{31: byte(w.rnd.Intn(4))})
			}
			tx.AccessList = append(tx.AccessList, e)
		}
	}
	if tx.To == nil {
		return
	}
	if w.rules.IsCancun && w.rnd.Intn(8) == 0 {
		tx.BlobFeeCap = uint256.NewInt(uint64(2 + w.rnd.Intn(5)))
		for i := range 1 + w.rnd.Intn(3) {
			tx.BlobHashes = append(tx.BlobHashes, common.Hash{0: 1, 31: byte(i)})
		}
	}
	if w.rules.IsPrague && w.rnd.Intn(4) == 0 {
		for range 1 + w.rnd.Intn(3) {
			tx.Auths = append(tx.Auths, w.authorization(tx))
		}
		if w.rnd.Intn(2) == 0 {
			to := w.owners[w.rnd.Intn(len(w.owners))]
			tx.To = &to
		}
	}
}

// authorization is one by a key's owner, with a right or a wrong nonce, chain or
// signature, perhaps one that takes a delegation back.
func (w *world) authorization(tx *gpuevm.Tx) types.SetCodeAuthorization {
	who := w.rnd.Intn(len(w.keys))
	nonce := w.pre.get(w.owners[who], gpuevm.Nonce).Big().Uint64()
	if w.owners[who] == tx.From {
		nonce++
	}
	auth := types.SetCodeAuthorization{Address: w.someone(), Nonce: nonce}
	switch w.rnd.Intn(8) {
	case 0:
		auth.Nonce++
	case 1:
		auth.ChainID = *uint256.NewInt(99)
	case 2, 3:
		auth.ChainID = *uint256.MustFromBig(w.env.Config.ChainID)
	case 4:
		auth.Address = common.Address{}
	}
	signed, err := types.SignSetCode(w.keys[who], auth)
	if err != nil {
		panic(err)
	}
	if w.rnd.Intn(12) == 0 {
		signed.R.SetUint64(5) // someone else's, or nobody's
	}
	return signed
}
