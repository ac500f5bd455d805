package source

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/statedb"
)

func TestEvmblock(t *testing.T) {
	s := makeSample(1)
	dir := write(t, map[string][]byte{"mainnet-1.json.gz": zip(asJSON(t, s.evmblock(t))), CodesFile: zip(sampleTable()), "readme.txt": nil})
	set, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if set.Len() != 1 || set.Name(0) != "mainnet-1" {
		t.Fatalf("%d blocks", set.Len())
	}
	b, err := set.Load(0)
	if err != nil {
		t.Fatal(err)
	}
	if b.Name != "mainnet-1" || b.Block.Hash() != s.blocks[0].Hash() || b.Tries != nil || b.Parent != nil {
		t.Errorf("%+v", b)
	}
	if got := b.Pre.(*statedb.Mem).AllocRoot(); got != b.Expect.PreAllocRoot {
		t.Errorf("pre-state has root %s", got)
	}
	if got, want := len(b.Expect.Touched), 4; got != want {
		t.Errorf("%d cells touched, want %d", got, want)
	}
	if r := b.Expect.Receipts[1]; r.Status != 1 || r.GasUsed != 21001 || r.CumulativeGas != 21000 || r.Logs != 1 {
		t.Errorf("%+v", r)
	}
	if v, _ := b.Pre.Read(gpuevm.Key{Addr: sampleCounter, Kind: gpuevm.Slot, Slot: common.Hash{1}}); v != (common.Hash{2}) {
		t.Errorf("slot is %s", v)
	}
}

// A broken file is an error that names the file and what in it is broken.
func TestEvmblockBroken(t *testing.T) {
	s := makeSample(2)
	pre := func(account any) map[string]any {
		return map[string]any{"0x00000000000000000000000000000000000000aa": account}
	}
	uncle, _ := s.evmblock(t)["headerRlp"].(hexutil.Bytes)
	for _, c := range []struct {
		field string
		value any
		want  string
	}{
		{"format", "evmblock/2", `format: "evmblock/2", want "evmblock/1"`},
		{"format", "", "format: missing"},
		{"network", "gnosis", `network: unknown network "gnosis"`},
		{"chainId", 5, "chainId: 5, but mainnet has 1"},
		{"chainId", "one", "json: "},
		{"number", 2, "number: 2, but the header has 1"},
		{"hash", common.Hash{1}, "hash: 0x0100"},
		{"headerRlp", "0x00", "headerRlp: "},
		{"headerRlp", "zz", "headerRlp"},
		{"txs", []string{"0x00"}, "txs: 0: "},
		{"txs", []string{}, "txs: 0 transactions derive root"},
		{"senders", []string{}, "senders: 0 for 2"},
		{"receipts", nil, "receipts: 0 for 2"},
		{"uncles", []string{"0x01"}, "uncles: 0: "},
		{"uncles", []hexutil.Bytes{uncle}, "uncles: 1 headers derive"},
		{"withdrawals", []any{nil}, "withdrawals: 0: null"},
		{"withdrawals", []any{map[string]string{"index": "0x1", "validatorIndex": "0x1", "address": sampleSender.Hex(), "amount": "0x1"}}, "withdrawals: "},
		{"pre", pre(nil), "pre: 0x00000000000000000000000000000000000000AA: null"},
		{"pre", pre(map[string]any{"balance": "-1"}), "json: "},
		{"pre", pre(map[string]any{"nonce": 1}), "json: "},
		{"pre", pre(map[string]any{"codeHash": common.Hash{0xee}}), "codeHash: no code with hash 0xee00"},
		{"witness", map[string]any{"parentHeader": "0x01"}, "witness: parentHeader: "},
		{"witness", map[string]any{"parentHeader": uncle}, "witness: parentHeader: has hash"},
		{"witness", map[string]any{"parentStateRoot": common.Hash{1}}, "witness: state: state root 0x0100"},
	} {
		f := s.evmblock(t)
		f[c.field] = c.value
		expectError(t, c.field+" "+string(asJSON(t, c.value)), map[string][]byte{"mainnet-1.json.gz": zip(asJSON(t, f)), CodesFile: zip(sampleTable())},
			"mainnet-1.json.gz: ", c.want)
	}
}

func TestEvmblockFilesBroken(t *testing.T) {
	good := zip(asJSON(t, makeSample(1).evmblock(t)))
	table := sampleTable()
	for _, c := range []struct {
		what        string
		block, code []byte
		file, want  string
	}{
		{"truncated gzip", good[:len(good)/2], zip(table), "mainnet-1.json.gz", "gzip: unexpected EOF"},
		{"truncated checksum", good[:len(good)-3], zip(table), "mainnet-1.json.gz", "gzip: unexpected EOF"},
		{"no gzip", []byte("{}"), zip(table), "mainnet-1.json.gz", "gzip: "},
		{"empty file", nil, zip(table), "mainnet-1.json.gz", "gzip: EOF"},
		{"half JSON", zip([]byte(`{"format":"evmblock/1",`)), zip(table), "mainnet-1.json.gz", "json: "},
		{"JSON of something else", zip([]byte(`[1]`)), zip(table), "mainnet-1.json.gz", "json: "},
		{"empty object", zip([]byte(`{}`)), zip(table), "mainnet-1.json.gz", "format: missing"},
		{"empty table", good, zip(nil), "mainnet-1.json.gz", "codeHash: no code with hash"},
		{"truncated code", good, zip(table[:len(table)-1]), CodesFile, "code table: truncated: code 0 at offset 0 has 9 bytes, 8 are left"},
		{"truncated length", good, zip(append(sampleTable(), 0, 0)), CodesFile, "code table: truncated: 2 bytes at offset 13"},
		{"truncated table gzip", good, zip(table)[:20], CodesFile, "gzip: unexpected EOF"},
	} {
		expectError(t, c.what, map[string][]byte{"mainnet-1.json.gz": c.block, CodesFile: c.code}, c.file+": ", c.want)
	}
	expectError(t, "no table", map[string][]byte{"mainnet-1.json.gz": good}, "mainnet-1.json.gz: codes: ", CodesFile+": no such file")
}

func expectError(t *testing.T, what string, files map[string][]byte, want ...string) {
	t.Helper()
	set, err := Open(write(t, files))
	if err == nil {
		_, err = set.Load(0)
	}
	if err == nil {
		t.Errorf("%s: no error", what)
		return
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s: %q does not say %q", what, err, w)
		}
	}
}

func TestOpen(t *testing.T) {
	dir := write(t, map[string][]byte{"hoodi-3.json.gz": nil, "mainnet-20.json.gz": nil, "mainnet-3.json.gz": nil, "block.txt": nil})
	set, err := Open(filepath.Join(dir, "hoodi-3.json.gz"), filepath.Join(dir, "mainnet-20.json.gz"), filepath.Join(dir, "mainnet-3.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"mainnet-3", "mainnet-20", "hoodi-3"} {
		if set.Name(i) != want {
			t.Errorf("block %d is %s, want %s", i, set.Name(i), want)
		}
	}
	failed := 0
	for b, err := range set.All() {
		if b == nil && err != nil {
			failed++
		}
	}
	if failed != 3 {
		t.Errorf("%d of 3 empty files failed", failed)
	}
	for _, path := range []string{filepath.Join(dir, "block.txt"), filepath.Join(dir, "nothing"), t.TempDir()} {
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// Whatever the bytes are, the reader returns.
func FuzzEvmblock(f *testing.F) {
	s := makeSample(1)
	codes, err := decodeCodes(sampleTable())
	if err != nil {
		f.Fatal(err)
	}
	good := asJSON(f, s.evmblock(f))
	f.Add(good, sampleTable())
	f.Add([]byte(`{"format":"evmblock/1","network":"mainnet","chainId":1,"pre":{"0x00":null},"witness":{}}`), []byte{0, 0, 0, 9})
	f.Add(bytes.ReplaceAll(good, []byte(`"0x0"`), []byte(`null`)), []byte{})
	f.Fuzz(func(t *testing.T, block, table []byte) {
		decodeEvmblock(block, codes)
		decodeCodes(table)
		unpack(bytes.NewReader(block))
	})
}
