package main

import (
	"math/big"
	"math/rand/v2"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/consensus/beacon"
	"github.com/ethereum/go-ethereum/consensus/ethash"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"
)

var (
	// sstore(calldata[0], calldata[32])
	notebook     = common.Address{0x57, 0x0e}
	notebookCode = common.FromHex("60203560003555" + "00")
	// Its constructor writes two slots; whoever calls it ends it.
	mayfly = common.FromHex("6001600155" + "6002600255" + "6133ff600052" + "6002601ef3")
	// create2(mayfly, salt calldata[0]): one that was ended can be born again.
	hatchery     = common.Address{0x4a, 0x7c}
	hatcheryCode = append(append([]byte{0x74}, mayfly...), common.FromHex("600052"+"6000356015600b6000f500")...)
)

// history is a chain of go-ethereum's that goes through the forks: first blocks have
// intermediate roots and rewards, the last ones system calls, withdrawals and requests. Those
// of one length and seed are the same up to the block after twist.
func history(n int, seed uint64, twist int) *generated {
	at := func(tenths int) *big.Int { return big.NewInt(int64(n*tenths/10 + 1)) }
	when := func(tenths int) *uint64 { return new(at(tenths).Uint64() * 10) } // a block takes 10 s
	config := &params.ChainConfig{
		ChainID: big.NewInt(1), Ethash: new(params.EthashConfig), TerminalTotalDifficulty: new(big.Int),
		HomesteadBlock: at(1), EIP150Block: at(1), EIP155Block: at(2), EIP158Block: at(2), ByzantiumBlock: at(3),
		ConstantinopleBlock: at(4), PetersburgBlock: at(4), IstanbulBlock: at(5), BerlinBlock: at(6), LondonBlock: at(6),
		ShanghaiTime: when(7), CancunTime: when(8), PragueTime: when(9), BlobScheduleConfig: params.MergedTestChainConfig.BlobScheduleConfig,
	}
	g := &generated{engine: beacon.New(ethash.NewFaker()), spec: &core.Genesis{
		Config: config, GasLimit: 5_000_000, Difficulty: big.NewInt(1 << 17),
		Alloc: types.GenesisAlloc{
			chainSender:                      {Balance: new(big.Int).Mul(big.NewInt(1_000_000), big.NewInt(params.Ether))},
			notebook:                         {Balance: common.Big1, Code: notebookCode},
			hatchery:                         {Balance: common.Big1, Code: hatcheryCode},
			params.BeaconRootsAddress:        {Balance: new(big.Int), Nonce: 1, Code: params.BeaconRootsCode},
			params.HistoryStorageAddress:     {Balance: new(big.Int), Nonce: 1, Code: params.HistoryStorageCode},
			params.WithdrawalQueueAddress:    {Balance: new(big.Int), Nonce: 1, Code: params.WithdrawalQueueCode},
			params.ConsolidationQueueAddress: {Balance: new(big.Int), Nonce: 1, Code: params.ConsolidationQueueCode},
		},
	}}
	r := &narrator{Rand: rand.New(rand.NewPCG(seed, 0))}
	_, g.blocks, _ = core.GenerateChainWithGenesis(g.spec, g.engine, n, func(i int, b *core.BlockGen) {
		if i == twist {
			r.Uint64()
		}
		b.SetCoinbase(common.Address{0xcb, byte(i)})
		if uint64(i+1) >= at(7).Uint64() {
			b.SetPoS()
			b.AddWithdrawal(&types.Withdrawal{Validator: 5, Address: common.Address{0x3d, byte(i)}, Amount: 1000})
		}
		for range 1 + r.IntN(8) {
			r.tell(b)
		}
	})
	return g
}

// narrator makes transactions.
type narrator struct {
	*rand.Rand
	mayflies []common.Address
}

func (r *narrator) tell(b *core.BlockGen) {
	tx := &types.LegacyTx{Nonce: b.TxNonce(chainSender), Value: new(big.Int), Gas: 300_000, GasPrice: big.NewInt(2 * params.GWei)}
	word := func(x int) []byte { return common.LeftPadBytes(big.NewInt(int64(x)).Bytes(), 32) }
	switch r.IntN(8) {
	case 0, 1:
		tx.To, tx.Value = &common.Address{0xee, byte(r.IntN(256)), byte(r.IntN(4))}, big.NewInt(int64(r.IntN(1000)))
	case 2, 3, 4: // a third of the values are zero: slots go again
		tx.To, tx.Data = &notebook, append(word(r.IntN(200)), word(r.IntN(3)*r.IntN(1000))...)
	case 5:
		tx.Data = mayfly
		r.mayflies = append(r.mayflies, crypto.CreateAddress(chainSender, tx.Nonce))
	case 6:
		salt := word(r.IntN(4))
		tx.To, tx.Data = &hatchery, salt
		r.mayflies = append(r.mayflies, crypto.CreateAddress2(hatchery, [32]byte(salt), crypto.Keccak256(mayfly)))
	default:
		if len(r.mayflies) == 0 {
			return
		}
		tx.To = &r.mayflies[r.IntN(len(r.mayflies))]
	}
	b.AddTx(types.MustSignNewTx(chainKey, types.HomesteadSigner{}, tx))
}
