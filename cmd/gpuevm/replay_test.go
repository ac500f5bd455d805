package main

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/trie"
	"github.com/gpuevm/gpuevm/gpuevm/enginetest/shareddata"
)

func TestReplayRealBlocks(t *testing.T) {
	dir := shareddata.Folder(t, "blocks")
	args := []string{"replay", "--json", "-", dir}
	if testing.Short() {
		args = []string{"replay", "--json", "-"}
		for _, name := range []string{"mainnet-930196", "mainnet-2675000", "mainnet-4864590", "mainnet-11114732", "mainnet-19932148", "hoodi-1265656"} {
			args = append(args, filepath.Join(dir, name+".json.gz"))
		}
	}
	stdout, stderr := expect(t, 0, nil, args...)
	checked := map[any]int{}
	lines := decodeLines(t, stdout)
	for _, l := range lines {
		if l["equal"] != true {
			t.Errorf("%v: %v", l["block"], l["error"])
		}
		if l["serial_ms"] != nil || l["speedup"] != nil {
			t.Errorf("%v: serial_ms %v without --compare", l["block"], l["serial_ms"])
		}
		for _, c := range l["checked"].([]any) {
			checked[c]++
		}
	}
	if n := len(lines); checked["gas"] != n || checked["logs_bloom"] != n || checked["state_root"]+checked["alloc_root"] != n {
		t.Errorf("of %d blocks, checked: %v", n, checked)
	}
	t.Logf("%d blocks, checked: %v", len(lines), checked)
	if !strings.Contains(stderr, "equal: ") {
		t.Errorf("no summary:\n%s", stderr)
	}
}

// Both sides run blocks of every era: with intermediate roots, with a witness, without.
func TestReplayCompare(t *testing.T) {
	dir := shareddata.Folder(t, "blocks")
	args := []string{"replay", "--compare", "--rounds", "2", "--json", "-"}
	for _, name := range []string{"mainnet-930196", "mainnet-1150000", "mainnet-2675000", "mainnet-4864590", "mainnet-19932148"} {
		args = append(args, filepath.Join(dir, name+".json.gz"))
	}
	stdout, _ := expect(t, 0, []string{"speed-up", "equal: 5 of 5"}, args...)
	for _, l := range decodeLines(t, stdout) {
		if x, ok := l["speedup"].(float64); !ok || x <= 0 || l["equal"] != true {
			t.Errorf("%v: speedup %v, %v", l["block"], l["speedup"], l["error"])
		}
	}
}

// A block that is not what it was is named, with the transaction and the field, and the
// blocks beside it still run.
func TestReplayCorrupted(t *testing.T) {
	dir := shareddata.Folder(t, "blocks")
	const name = "mainnet-4864590"
	for _, c := range []struct {
		what    string
		corrupt func(t *testing.T, b *blockFile)
		says    []string
	}{
		{"a transaction's value", func(t *testing.T, b *blockFile) {
			b.setValue(t, 7)
		}, []string{name + ": not run", "txs: 195 transactions derive root"}},
		{"a transaction's value, in a block of its own right", func(t *testing.T, b *blockFile) {
			b.setValue(t, 7)
			b.seal(t)
		}, []string{"refused: could not apply tx 7 [0x", "tx 7 (0x", "sender is 0x"}},
		{"a recipient's code", func(t *testing.T, b *blockFile) {
			b.called(t)["codeHash"] = nil
		}, []string{"tx 4 (0x", "gas used is 2", "gas is ", "receipts_root is 0x", "alloc_root is 0x", "1 of 2 blocks"}},
		{"the receipts root", func(t *testing.T, b *blockFile) {
			b.header.ReceiptHash = common.Hash{1}
			b.seal(t)
		}, []string{"receipts_root is 0x", "want 0x0100"}},
		{"the bloom", func(t *testing.T, b *blockFile) {
			b.header.Bloom[3] ^= 4
			b.seal(t)
		}, []string{"logs_bloom differs"}},
		{"a receipt's status", func(t *testing.T, b *blockFile) {
			r := b.Fields["receipts"].([]any)[11].(map[string]any)
			r["status"] = "0x5"
		}, []string{"tx 11 (0x", "status is ", "want 5"}},
		{"a sender", func(t *testing.T, b *blockFile) {
			b.Fields["senders"].([]any)[3] = common.Address{9}
		}, []string{"tx 3 (0x", "sender is 0x", "want 0x0900"}},
		{"the state after it", func(t *testing.T, b *blockFile) {
			b.Fields["postAllocRoot"] = common.Hash{7}
		}, []string{"alloc_root is 0x", "want 0x0700"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			b := readBlock(t, filepath.Join(dir, name+".json.gz"))
			c.corrupt(t, b)
			folder := t.TempDir()
			for _, beside := range []string{"codes.bin.gz", "mainnet-46147.json.gz"} {
				path, err := filepath.Abs(filepath.Join(dir, beside))
				if err == nil {
					err = os.Symlink(path, filepath.Join(folder, beside))
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			b.write(t, filepath.Join(folder, name+".json.gz"))
			stdout, stderr := expect(t, exitFailed, append(c.says, name), "replay", "--json", "-", folder)
			lines := decodeLines(t, stdout)
			if len(lines) != 2 || lines[0]["equal"] != true || lines[1]["equal"] == true || lines[1]["error"] == nil {
				t.Errorf("%v", lines)
			}
			if !strings.Contains(stderr, "equal: 1 of 2 blocks") {
				t.Errorf("no summary: %s", stderr)
			}
		})
	}
}

// blockFile is an evmblock file, to be broken.
type blockFile struct {
	Fields map[string]any
	header *types.Header
}

func readBlock(t *testing.T, path string) *blockFile {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b := &blockFile{Fields: map[string]any{}, header: new(types.Header)}
	if err := json.NewDecoder(z).Decode(&b.Fields); err != nil {
		t.Fatal(err)
	}
	if err := rlp.DecodeBytes(hexutil.MustDecode(b.Fields["headerRlp"].(string)), b.header); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *blockFile) txs(t *testing.T) (txs types.Transactions) {
	for _, raw := range b.Fields["txs"].([]any) {
		tx := new(types.Transaction)
		if err := tx.UnmarshalBinary(hexutil.MustDecode(raw.(string))); err != nil {
			t.Fatal(err)
		}
		txs = append(txs, tx)
	}
	return txs
}

// setValue changes a transaction under its signature.
func (b *blockFile) setValue(t *testing.T, i int) {
	tx := b.txs(t)[i]
	v, r, s := tx.RawSignatureValues()
	raw, err := types.NewTx(&types.LegacyTx{Nonce: tx.Nonce(), GasPrice: tx.GasPrice(), Gas: tx.Gas(), To: tx.To(),
		Value: common.Big1, Data: tx.Data(), V: v, R: r, S: s}).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	b.Fields["txs"].([]any)[i] = hexutil.Encode(raw)
}

// called is the contract that the first transaction with a contract to call calls.
func (b *blockFile) called(t *testing.T) map[string]any {
	pre := map[common.Address]map[string]any{}
	for addr, a := range b.Fields["pre"].(map[string]any) {
		pre[common.HexToAddress(addr)] = a.(map[string]any)
	}
	for i, tx := range b.txs(t) {
		if tx.To() != nil && pre[*tx.To()]["codeHash"] != nil {
			t.Logf("tx %d calls %s", i, tx.To())
			return pre[*tx.To()]
		}
	}
	t.Fatal("no transaction calls a contract")
	return nil
}

// seal makes the header fit what it can see.
func (b *blockFile) seal(t *testing.T) {
	b.header.TxHash = types.DeriveSha(b.txs(t), trie.NewStackTrie(nil))
	raw, err := rlp.EncodeToBytes(b.header)
	if err != nil {
		t.Fatal(err)
	}
	b.Fields["headerRlp"], b.Fields["hash"] = hexutil.Bytes(raw), b.header.Hash()
}

func (b *blockFile) write(t *testing.T, path string) {
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(f)
	if err := json.NewEncoder(z).Encode(b.Fields); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
