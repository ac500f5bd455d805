package main

import (
	"bytes"
	"context"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/consensus"
	"github.com/ethereum/go-ethereum/consensus/beacon"
	"github.com/ethereum/go-ethereum/consensus/clique"
	"github.com/ethereum/go-ethereum/consensus/ethash"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/rawdb"
	"github.com/ethereum/go-ethereum/core/stateless"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/rlp"
)

var (
	chainKey, _ = crypto.HexToECDSA("b71c71a67e1177ad4e901695e1b4b9ee17ae16c6668d313eac2f96dbcda3f291")
	chainSender = crypto.PubkeyToAddress(chainKey.PublicKey)
	// sstore(number, blockhash(number-1)), log0(0, 0)
	chainCode     = common.FromHex("6001430340435560006000a000")
	chainContract = common.Address{0xc0, 0xde}
)

// generated is a chain that go-ethereum made.
type generated struct {
	spec   *core.Genesis
	engine consensus.Engine
	blocks []*types.Block
}

// frontier has receipts with state roots and rewards; merged has system calls,
// withdrawals and requests.
func frontier(n int) *generated {
	return generateChain(n, &params.ChainConfig{ChainID: big.NewInt(1), Ethash: new(params.EthashConfig)}, ethash.NewFaker())
}

func merged(n int) *generated {
	config := *params.MergedTestChainConfig
	config.ChainID = big.NewInt(1)
	return generateChain(n, &config, beacon.New(ethash.NewFaker()))
}

// hoodi has the rules and the chain id of a public network: payloads name only the id.
func hoodi(n int) *generated {
	return generateChain(n, params.HoodiChainConfig, beacon.New(ethash.NewFaker()))
}

func generateChain(n int, config *params.ChainConfig, engine consensus.Engine) *generated {
	isMerged := config.TerminalTotalDifficulty != nil
	g := &generated{engine: engine, spec: &core.Genesis{
		Config: config, GasLimit: 5_000_000, Difficulty: big.NewInt(1 << 17),
		Alloc: types.GenesisAlloc{
			chainSender:                      {Balance: big.NewInt(params.Ether)},
			chainContract:                    {Balance: common.Big1, Code: chainCode},
			params.BeaconRootsAddress:        {Balance: new(big.Int), Nonce: 1, Code: params.BeaconRootsCode},
			params.HistoryStorageAddress:     {Balance: new(big.Int), Nonce: 1, Code: params.HistoryStorageCode},
			params.WithdrawalQueueAddress:    {Balance: new(big.Int), Nonce: 1, Code: params.WithdrawalQueueCode},
			params.ConsolidationQueueAddress: {Balance: new(big.Int), Nonce: 1, Code: params.ConsolidationQueueCode},
		},
	}}
	if isMerged {
		g.spec.Difficulty = new(big.Int)
		g.spec.Timestamp = 1_745_000_000 // Prague on hoodi
	}
	_, g.blocks, _ = core.GenerateChainWithGenesis(g.spec, engine, n, func(i int, b *core.BlockGen) {
		b.SetCoinbase(common.Address{0xcb, byte(i)})
		for k, to := range []common.Address{chainContract, {0xff, byte(i)}, chainContract} {
			b.AddTx(types.MustSignNewTx(chainKey, types.HomesteadSigner{}, &types.LegacyTx{
				Nonce: b.TxNonce(chainSender), To: &to, Value: big.NewInt(int64(k)), Gas: 200_000, GasPrice: big.NewInt(2 * params.GWei),
			}))
		}
		if isMerged {
			b.AddWithdrawal(&types.Withdrawal{Validator: 5, Address: common.Address{0x3d, byte(i)}, Amount: 1000})
		}
	})
	return g
}

// authority has signed headers, and no rewards.
func authority(t *testing.T, n int) *generated {
	config := *params.AllCliqueProtocolChanges
	config.LondonBlock = nil // free transactions: go-ethereum pays fees of blocks it makes to the unsigned coinbase
	g := &generated{spec: &core.Genesis{
		Config: &config, GasLimit: 5_000_000, Difficulty: common.Big1,
		ExtraData: slices.Concat(make([]byte, 32), chainSender[:], make([]byte, crypto.SignatureLength)),
		Alloc:     types.GenesisAlloc{chainSender: {Balance: big.NewInt(params.Ether)}, chainContract: {Balance: common.Big1, Code: chainCode}},
	}}
	g.engine = clique.New(config.Clique, rawdb.NewMemoryDatabase())
	_, g.blocks, _ = core.GenerateChainWithGenesis(g.spec, g.engine, n, func(i int, b *core.BlockGen) {
		b.SetDifficulty(common.Big2)
		b.AddTx(types.MustSignNewTx(chainKey, types.HomesteadSigner{}, &types.LegacyTx{
			Nonce: b.TxNonce(chainSender), To: &common.Address{0xff}, Value: common.Big1, Gas: 100_000, GasPrice: new(big.Int),
		}))
	})
	for i, b := range g.blocks {
		header := b.Header()
		if i > 0 {
			header.ParentHash = g.blocks[i-1].Hash()
		}
		header.Extra = make([]byte, 32+crypto.SignatureLength)
		signature, err := crypto.Sign(clique.SealHash(header).Bytes(), chainKey)
		if err != nil {
			t.Fatal(err)
		}
		copy(header.Extra[32:], signature)
		g.blocks[i] = b.WithSeal(header)
	}
	return g
}

// export writes the chain as geth does, and returns the flags to replay it.
func (g *generated) export(t *testing.T) []string {
	dir := t.TempDir()
	spec, err := json.Marshal(g.spec)
	if err != nil {
		t.Fatal(err)
	}
	var chain bytes.Buffer
	for _, b := range g.blocks {
		if err := b.EncodeRLP(&chain); err != nil {
			t.Fatal(err)
		}
	}
	genesis, path := filepath.Join(dir, "genesis.json"), filepath.Join(dir, "chain.rlp")
	for file, raw := range map[string][]byte{genesis: spec, path: chain.Bytes()} {
		if err := os.WriteFile(file, raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return []string{"--genesis", genesis, "--chain", path}
}

func replay(args ...string) []string { return append([]string{"replay", "--json", "-"}, args...) }

func TestReplayChain(t *testing.T) {
	for name, g := range map[string]*generated{"frontier": frontier(5), "merged": merged(5), "authority": authority(t, 5)} {
		for _, how := range []string{"", "--policy serial", "--compare"} {
			stdout, _ := expect(t, 0, []string{"equal: 5 of 5 blocks"}, replay(append(g.export(t), strings.Fields(how)...)...)...)
			for i, l := range decodeLines(t, stdout) {
				checked := l["checked"].([]any)
				if l["state_root"] != g.blocks[i].Root().Hex() || len(checked) < 4 || l["equal"] != true {
					t.Errorf("%s %s: block %d: %v", name, how, i+1, l)
				}
			}
		}
	}
}

// The state after a block that differs is not the chain's: what comes after can't be run,
// and is said not to have been.
func TestReplayChainBroken(t *testing.T) {
	g := merged(4)
	header := g.blocks[1].Header()
	header.Root = common.Hash{1}
	g.blocks[1] = types.NewBlockWithHeader(header).WithBody(*g.blocks[1].Body())
	stdout, _ := expect(t, exitFailed, []string{"chain1-2: state_root is 0x", "want 0x0100", "blocks after chain1-2: "}, replay(g.export(t)...)...)
	lines := decodeLines(t, stdout)
	if len(lines) != 3 || lines[0]["equal"] != true || lines[1]["equal"] != false || lines[2]["error"] == nil {
		t.Errorf("%v", lines)
	}

	args := merged(3).export(t)
	raw, err := os.ReadFile(args[3])
	if err == nil {
		err = os.WriteFile(args[3], raw[:len(raw)-10], 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	expect(t, exitFailed, []string{"blocks after chain1-2: not run: " + args[3], "equal: 2 of 3"}, replay(args...)...)
}

// witness is that of the last block, as a node makes it.
func (g *generated) witness(t *testing.T) (*types.Block, *stateless.ExtWitness) {
	chain, err := core.NewBlockChain(rawdb.NewMemoryDatabase(), g.spec, g.engine, core.DefaultConfig().WithStateScheme(rawdb.HashScheme))
	if err != nil {
		t.Fatal(err)
	}
	defer chain.Stop()
	if _, err := chain.InsertChain(g.blocks[:len(g.blocks)-1]); err != nil {
		t.Fatal(err)
	}
	block := g.blocks[len(g.blocks)-1]
	parent := chain.GetHeaderByHash(block.ParentHash())
	result, err := chain.ProcessBlock(context.Background(), parent.Root, block, core.ExecuteConfig{MakeWitness: true})
	if err != nil {
		t.Fatal(err)
	}
	return block, result.Witness().ToExtWitness()
}

func TestReplayPayload(t *testing.T) {
	block, witness := hoodi(2).witness(t)
	raw, err := rlp.EncodeToBytes([]any{params.HoodiChainConfig.ChainID, block, witness})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "2_payload.rlp")
	if err := os.WriteFile(path, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	expect(t, 0, []string{"equal: 1 of 1 blocks", "state root 1"}, replay("--compare", path)...)
}

// A node that has one of two blocks.
func TestReplayRPC(t *testing.T) {
	block, witness := hoodi(2).witness(t)
	raw, err := rlp.EncodeToBytes(block)
	if err != nil {
		t.Fatal(err)
	}
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var call struct {
			ID     json.RawMessage
			Method string
			Params []string
		}
		if err := json.NewDecoder(r.Body).Decode(&call); err != nil {
			t.Error(err)
		}
		answer := map[string]any{"jsonrpc": "2.0", "id": call.ID}
		switch {
		case call.Method == "eth_chainId":
			answer["result"] = hexutil.EncodeBig(params.HoodiChainConfig.ChainID)
		case call.Params[0] != hexutil.EncodeUint64(block.NumberU64()):
			answer["error"] = map[string]any{"code": -32000, "message": "no such block"}
		case call.Method == "debug_getRawBlock":
			answer["result"] = hexutil.Bytes(raw)
		default:
			answer["result"] = witness
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer)
	}))
	defer node.Close()
	expect(t, 0, []string{"equal: 1 of 1 blocks"}, replay("--rpc", node.URL, "2")...)
	stdout, _ := expect(t, exitFailed, []string{"equal: 1 of 2 blocks", "block 3: not run: ", "no such block"}, replay("--rpc", node.URL, "2..3")...)
	if lines := decodeLines(t, stdout); lines[1]["equal"] != nil || lines[1]["txs"] != nil || lines[1]["wall_ms"] != nil {
		t.Errorf("a block that was not run has figures: %v", lines[1])
	}
}
