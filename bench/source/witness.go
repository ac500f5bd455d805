package source

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/stateless"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/gpuevm/gpuevm/statedb"
)

// payload is what go-ethereum's cmd/fetchpayload writes and cmd/keeper reads.
type payload struct {
	ChainID uint64
	Block   *types.Block
	Witness *stateless.ExtWitness // as stateless.Witness is encoded
}

// ReadWitness reads a block with its execution witness as go-ethereum's fetchpayload
// writes it: RLP, or the same in hex where the name ends in .hex.
func ReadWitness(path string) (*Block, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(path, ".hex") {
		if raw, err = hexutil.Decode(string(bytes.TrimSpace(raw))); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	b, err := decodePayload(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}

func decodePayload(raw []byte) (*Block, error) {
	var p payload
	if err := rlp.DecodeBytes(raw, &p); err != nil {
		return nil, fmt.Errorf("payload: %w", err)
	}
	return fromWitness(p.ChainID, p.Block, p.Witness)
}

// fromWitness puts a block and its witness together.
func fromWitness(chainID uint64, block *types.Block, w *stateless.ExtWitness) (*Block, error) {
	network, config, err := networkByID(chainID)
	if err != nil {
		return nil, err
	}
	header := block.Header()
	if err := checkHeader(header); err != nil {
		return nil, err
	}
	if err := checkBody(block, true); err != nil {
		return nil, err
	}
	parent, hashes, err := ancestors(header, w.Headers)
	if err != nil {
		return nil, err
	}
	nodes := plain(w.State)
	tries, err := statedb.TriesFromWitness(parent.Root, nodes, plain(w.Codes))
	if err != nil {
		return nil, fmt.Errorf("witness: state: %w", err)
	}
	b := &Block{
		Name:      fmt.Sprintf("%s-%d", network, header.Number),
		Config:    config,
		Block:     block,
		Parent:    parent,
		BlockHash: blockHashes(header, hashes),
		Pre:       tries,
		Tries:     tries,
		Nodes:     nodes,
		Expect:    Expect{Checks: allChecks},
	}
	b.Author, err = author(config, header)
	return b, err
}

// ancestors follows the parent hashes through a witness's headers, in whatever order they
// come. A header that is no ancestor proves nothing, and is not needed.
func ancestors(h *types.Header, headers []*types.Header) (*types.Header, map[uint64]common.Hash, error) {
	byHash := make(map[common.Hash]*types.Header, len(headers))
	for i, a := range headers {
		if err := checkHeader(a); err != nil {
			return nil, nil, fmt.Errorf("witness: headers: %d: %w", i, err)
		}
		byHash[a.Hash()] = a
	}
	parent := byHash[h.ParentHash]
	if parent == nil {
		return nil, nil, fmt.Errorf("witness: headers: the parent %s is not among the %d", h.ParentHash.Hex(), len(headers))
	}
	hashes := make(map[uint64]common.Hash)
	number, hash := h.Number.Uint64(), h.ParentHash
	for number > 0 { // also the hash that the last one only mentions
		number--
		hashes[number] = hash
		a := byHash[hash]
		if a == nil {
			break
		}
		if a.Number.Uint64() != number {
			return nil, nil, fmt.Errorf("witness: headers: %s has number %d where %d belongs", hash.Hex(), a.Number, number)
		}
		hash = a.ParentHash
	}
	return parent, hashes, nil
}

func plain(list []hexutil.Bytes) [][]byte {
	out := make([][]byte, len(list))
	for i, b := range list {
		out[i] = b
	}
	return out
}
