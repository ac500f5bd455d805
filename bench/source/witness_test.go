package source

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/stateless"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/gpuevm/gpuevm/gpuevm"
)

// checkWitness wants the last block of the sample, with what its run needs.
func (s *sample) checkWitness(t *testing.T, b *Block) {
	t.Helper()
	last := len(s.blocks) - 1
	block, parent := s.blocks[last], s.blocks[last-1]
	if b.Block.Hash() != block.Hash() || b.Parent.Hash() != parent.Hash() || b.Tries.ViewRoot() != parent.Root() {
		t.Errorf("%+v", b)
	}
	if b.Name != fmt.Sprintf("mainnet-%d", block.Number()) || b.Author != block.Coinbase() {
		t.Errorf("%s by %s", b.Name, b.Author)
	}
	for n := range block.NumberU64() + 1 {
		want := common.Hash{}
		switch { // the run asks for the parent; its header says who its parent is
		case n == block.NumberU64()-1:
			want = parent.Hash()
		case n == block.NumberU64()-2:
			want = parent.ParentHash()
		}
		if got := b.BlockHash(n); got != want {
			t.Errorf("BLOCKHASH(%d) is %s, want %s", n, got, want)
		}
	}
	code, err := b.Pre.Read(gpuevm.Key{Addr: sampleCounter, Kind: gpuevm.CodeHash})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := b.Pre.Code(code); err != nil || string(got) != string(sampleCode) {
		t.Errorf("code %x, %v", got, err)
	}
	slot, err := b.Pre.Read(gpuevm.Key{Addr: sampleCounter, Kind: gpuevm.Slot})
	if err != nil || slot != parent.ParentHash() {
		t.Errorf("slot %s, %v", slot, err)
	}
}

func encodePayload(t testing.TB, id uint64, b *types.Block, w *stateless.ExtWitness) []byte {
	inner := new(stateless.Witness) // as fetchpayload has it
	if err := inner.FromExtWitness(w); err != nil {
		t.Fatal(err)
	}
	raw, err := rlp.EncodeToBytes(struct {
		ChainID uint64
		Block   *types.Block
		Witness *stateless.Witness
	}{id, b, inner})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestReadWitness(t *testing.T) {
	s := makeSample(4)
	block, w := s.witness(t)
	raw := encodePayload(t, 1, block, w)
	dir := write(t, map[string][]byte{
		"4_payload.rlp": raw, "4_payload.hex": []byte(hexutil.Encode(raw)), "note.rlp": nil,
	})
	set, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if set.Len() != 2 || set.Name(0) != "mainnet-4" {
		t.Errorf("%d blocks, first is %s", set.Len(), set.Name(0))
	}
	for b, err := range set.All() {
		if err != nil {
			t.Fatal(err)
		}
		s.checkWitness(t, b)
	}
	if _, err := Open(filepath.Join(dir, "note.rlp")); err == nil || !strings.Contains(err.Error(), "note.rlp") {
		t.Errorf("an empty file: %v", err)
	}
}

func TestWitnessBroken(t *testing.T) {
	s := makeSample(4)
	block, w := s.witness(t)
	empty := types.NewBlockWithHeader(block.Header())
	for _, c := range []struct {
		raw  []byte
		want string
	}{
		{encodePayload(t, 1, block, w)[:1000], "payload: "},
		{encodePayload(t, 77, block, w), "unknown chain id 77"},
		{encodePayload(t, 1, empty, w), "txs: 0 transactions derive root"},
		{encodePayload(t, 1, s.blocks[2], w), "witness: headers: the parent"},
		{encodePayload(t, 1, block, &stateless.ExtWitness{Headers: w.Headers, Codes: w.Codes}), "witness: state: state root"},
	} {
		path := filepath.Join(write(t, map[string][]byte{"p.rlp": c.raw}), "p.rlp")
		if _, err := ReadWitness(path); err == nil || !strings.Contains(err.Error(), "p.rlp: "+c.want) {
			t.Errorf("want %q: %v", c.want, err)
		}
	}
	b, err := decodePayload(encodePayload(t, 1, block, &stateless.ExtWitness{Headers: w.Headers, State: w.State}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Pre.Code(common.Hash{0xcd}); err == nil {
		t.Error("a code that is not there, and no error")
	}
}

// node answers JSON-RPC with fixed results.
func node(t *testing.T, results map[string]any) string {
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		var call struct {
			ID     json.RawMessage `json:"id"`
			Method string          `json:"method"`
			Params []string        `json:"params"`
		}
		if err := json.NewDecoder(r.Body).Decode(&call); err != nil {
			t.Error(err)
		}
		answer := map[string]any{"jsonrpc": "2.0", "id": call.ID}
		if result, ok := results[call.Method]; ok {
			answer["result"] = result
		} else {
			answer["error"] = map[string]any{"code": -32601, "message": "the method does not exist"}
		}
		if call.Method != "eth_chainId" && (len(call.Params) != 1 || call.Params[0] != "0x4") {
			t.Errorf("%s %q", call.Method, call.Params)
		}
		rw.Header().Set("Content-Type", "application/json")
		json.NewEncoder(rw).Encode(answer)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestFetchWitness(t *testing.T) {
	s := makeSample(4)
	block, w := s.witness(t)
	raw, _ := rlp.EncodeToBytes(block)
	var headers []hexutil.Bytes // as reth has them
	for _, h := range w.Headers {
		enc, _ := rlp.EncodeToBytes(h)
		headers = append(headers, enc)
	}
	results := map[string]any{"eth_chainId": "0x1", "debug_getRawBlock": hexutil.Bytes(raw)}
	for _, witness := range []any{w, map[string]any{"headers": headers, "state": w.State, "codes": w.Codes, "keys": []string{}}} {
		results["debug_executionWitness"] = witness
		b, err := FetchWitness(context.Background(), node(t, results), 4)
		if err != nil {
			t.Fatal(err)
		}
		s.checkWitness(t, b)
	}
	for _, c := range []struct {
		method string
		result any
		want   string
	}{
		{"eth_chainId", "0x4d", "unknown chain id 77"},
		{"debug_getRawBlock", "0x01", "debug_getRawBlock: rlp: "},
		{"debug_getRawBlock", nil, "debug_getRawBlock: "},
		{"debug_executionWitness", map[string]any{"headers": []any{nil}}, "debug_executionWitness: headers: 0: "},
		{"debug_executionWitness", map[string]any{"headers": []any{"0x01"}}, "debug_executionWitness: headers: 0: "},
		{"debug_executionWitness", map[string]any{}, "witness: headers: the parent"},
	} {
		broken := map[string]any{"eth_chainId": "0x1", "debug_getRawBlock": hexutil.Bytes(raw), "debug_executionWitness": w}
		broken[c.method] = c.result
		if _, err := FetchWitness(context.Background(), node(t, broken), 4); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s is %v: %v", c.method, c.result, err)
		}
	}
	if _, err := FetchWitness(context.Background(), node(t, map[string]any{"eth_chainId": "0x1"}), 4); err == nil || !strings.Contains(err.Error(), "debug_getRawBlock: the method does not exist") {
		t.Errorf("no debug methods: %v", err)
	}
}

func FuzzPayload(f *testing.F) {
	block, w := makeSample(2).witness(f)
	f.Add(encodePayload(f, 1, block, w))
	f.Fuzz(func(t *testing.T, raw []byte) { decodePayload(raw) })
}
