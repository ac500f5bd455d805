package source

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/stateless"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/rpc"
)

// FetchWitness gets a block and its execution witness from a node that offers the debug
// methods.
func FetchWitness(ctx context.Context, url string, number uint64) (*Block, error) {
	client, err := rpc.DialContext(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", url, err)
	}
	defer client.Close()
	call := func(result any, method string, args ...any) error {
		if err := client.CallContext(ctx, result, method, args...); err != nil {
			return fmt.Errorf("%s: %s: %w", url, method, err)
		}
		return nil
	}
	var (
		chainID hexutil.Uint64
		raw     hexutil.Bytes
		witness rpcWitness
		block   = new(types.Block)
		at      = hexutil.EncodeUint64(number)
	)
	if err := call(&chainID, "eth_chainId"); err != nil {
		return nil, err
	}
	if err := call(&raw, "debug_getRawBlock", at); err != nil {
		return nil, err
	}
	if err := rlp.DecodeBytes(raw, block); err != nil {
		return nil, fmt.Errorf("%s: debug_getRawBlock: %w", url, err)
	}
	if block.NumberU64() != number {
		return nil, fmt.Errorf("%s: debug_getRawBlock: block %d, asked for %d", url, block.Number(), number)
	}
	if err := call(&witness, "debug_executionWitness", at); err != nil {
		return nil, err
	}
	ext, err := witness.decode()
	if err != nil {
		return nil, fmt.Errorf("%s: debug_executionWitness: %w", url, err)
	}
	b, err := fromWitness(uint64(chainID), block, ext)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", url, err)
	}
	return b, nil
}

// rpcWitness is a witness on the wire. go-ethereum has headers as JSON objects, reth and
// others as RLP in hex.
type rpcWitness struct {
	Headers []json.RawMessage `json:"headers"`
	Codes   []hexutil.Bytes   `json:"codes"`
	State   []hexutil.Bytes   `json:"state"`
}

func (w *rpcWitness) decode() (*stateless.ExtWitness, error) {
	ext := &stateless.ExtWitness{Codes: w.Codes, State: w.State}
	for i, raw := range w.Headers {
		h, err := decodeHeader(raw)
		if err != nil {
			return nil, fmt.Errorf("headers: %d: %w", i, err)
		}
		ext.Headers = append(ext.Headers, h)
	}
	return ext, nil
}

func decodeHeader(raw json.RawMessage) (*types.Header, error) {
	h := new(types.Header)
	if !bytes.HasPrefix(bytes.TrimSpace(raw), []byte(`"`)) {
		return h, json.Unmarshal(raw, h)
	}
	var enc hexutil.Bytes
	if err := json.Unmarshal(raw, &enc); err != nil {
		return nil, err
	}
	return h, rlp.DecodeBytes(enc, h)
}
