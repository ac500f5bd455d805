package source

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/consensus/ethash"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/rawdb"
	"github.com/ethereum/go-ethereum/core/stateless"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethdb"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/rlp"
)

// A little chain made by go-ethereum, with the chain id of mainnet.
type sample struct {
	spec   *core.Genesis
	db     ethdb.Database
	blocks []*types.Block
}

var (
	sampleKey, _  = crypto.HexToECDSA("b71c71a67e1177ad4e901695e1b4b9ee17ae16c6668d313eac2f96dbcda3f291")
	sampleSender  = crypto.PubkeyToAddress(sampleKey.PublicKey)
	sampleCode    = common.FromHex("600143034060005500") // sstore(0, blockhash(number-1))
	sampleCounter = common.Address{0xc0, 0xde}
)

func makeSample(n int) *sample {
	s := &sample{spec: &core.Genesis{
		Config:     params.TestChainConfig, // London; go-ethereum makes no witness before Byzantium
		GasLimit:   5_000_000,
		Difficulty: big.NewInt(1 << 17),
		Alloc: types.GenesisAlloc{
			sampleSender:  {Balance: big.NewInt(params.Ether)},
			sampleCounter: {Balance: common.Big1, Code: sampleCode, Storage: map[common.Hash]common.Hash{{1}: {2}}},
		},
	}}
	s.db, s.blocks, _ = core.GenerateChainWithGenesis(s.spec, ethash.NewFaker(), n, func(i int, b *core.BlockGen) {
		for _, to := range []common.Address{sampleCounter, {0xff, byte(i)}} {
			b.AddTx(types.MustSignNewTx(sampleKey, types.HomesteadSigner{}, &types.LegacyTx{
				Nonce: b.TxNonce(sampleSender), To: &to, Value: big.NewInt(7), Gas: 100_000, GasPrice: big.NewInt(2 * params.GWei),
			}))
		}
	})
	return s
}

// export is the chain as geth export writes it.
func (s *sample) export(t testing.TB, withGenesis bool) []byte {
	var out bytes.Buffer
	blocks := s.blocks
	if withGenesis {
		blocks = append([]*types.Block{s.spec.ToBlock()}, blocks...)
	}
	for _, b := range blocks {
		if err := b.EncodeRLP(&out); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

// witness is that of the last block, as a node makes it.
func (s *sample) witness(t testing.TB) (*types.Block, *stateless.ExtWitness) {
	chain, err := core.NewBlockChain(rawdb.NewMemoryDatabase(), s.spec, ethash.NewFaker(), core.DefaultConfig().WithStateScheme(rawdb.HashScheme))
	if err != nil {
		t.Fatal(err)
	}
	defer chain.Stop()
	if _, err := chain.InsertChain(s.blocks); err != nil {
		t.Fatal(err)
	}
	block := s.blocks[len(s.blocks)-1]
	parent := chain.GetHeaderByHash(block.ParentHash())
	result, err := chain.ProcessBlock(context.Background(), parent.Root, block, core.ExecuteConfig{MakeWitness: true})
	if err != nil {
		t.Fatal(err)
	}
	return block, result.Witness().ToExtWitness()
}

// evmblock is the first block in that format, to be broken at will.
func (s *sample) evmblock(t testing.TB) map[string]any {
	b := s.blocks[0]
	header, err := rlp.EncodeToBytes(b.Header())
	if err != nil {
		t.Fatal(err)
	}
	var txs []hexutil.Bytes
	var senders []common.Address
	var receipts []map[string]any
	for i, tx := range b.Transactions() {
		raw, _ := tx.MarshalBinary()
		txs, senders = append(txs, raw), append(senders, sampleSender)
		receipts = append(receipts, map[string]any{"status": "0x1", "gasUsed": hexutil.Uint64(21000 + i), "cumulativeGasUsed": "0x5208", "logs": i})
	}
	return map[string]any{
		"format": EvmblockFormat, "network": "mainnet", "chainId": 1, "number": 1, "hash": b.Hash(),
		"headerRlp": hexutil.Bytes(header), "txs": txs, "senders": senders, "receipts": receipts,
		"blockHashes": map[string]common.Hash{},
		"pre": map[string]any{
			sampleSender.Hex(): map[string]any{"balance": (*hexutil.Big)(big.NewInt(params.Ether)), "nonce": "0x0"},
			sampleCounter.Hex(): map[string]any{"balance": "0x1", "nonce": "0x0", "codeHash": crypto.Keccak256Hash(sampleCode),
				"storage": map[common.Hash]common.Hash{{1}: {2}, {}: {}}},
		},
		"preAllocRoot": s.spec.ToBlock().Root(),
		"checks":       map[string]bool{"uncles": true},
	}
}

func sampleTable() []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(sampleCode))), sampleCode...)
}

func zip(raw []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(raw)
	z.Close()
	return out.Bytes()
}

func asJSON(t testing.TB, v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// write puts files into a new folder.
func write(t testing.TB, files map[string][]byte) string {
	dir := t.TempDir()
	for name, raw := range files {
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
