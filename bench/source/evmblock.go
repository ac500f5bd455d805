package source

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/statedb"
	"github.com/holiman/uint256"
)

// EvmblockFormat is the file format that ReadEvmblock knows.
const EvmblockFormat = "evmblock/1"

// evmblock is a file as it is written. The header also stands there as JSON; its RLP is
// what has the hash.
type evmblock struct {
	Format        string                         `json:"format"`
	Network       string                         `json:"network"`
	ChainID       uint64                         `json:"chainId"`
	Number        uint64                         `json:"number"`
	Hash          common.Hash                    `json:"hash"`
	HeaderRLP     hexutil.Bytes                  `json:"headerRlp"`
	Txs           []hexutil.Bytes                `json:"txs"`
	Senders       []common.Address               `json:"senders"`
	Uncles        []hexutil.Bytes                `json:"uncles"`
	Withdrawals   []*types.Withdrawal            `json:"withdrawals"`
	BlockHashes   map[uint64]common.Hash         `json:"blockHashes"`
	Pre           map[common.Address]*evmAccount `json:"pre"`
	Receipts      []evmReceipt                   `json:"receipts"`
	PreAllocRoot  common.Hash                    `json:"preAllocRoot"`
	PostAllocRoot common.Hash                    `json:"postAllocRoot"`
	Checks        Checks                         `json:"checks"`
	Witness       *evmWitness                    `json:"witness"`
}

type evmAccount struct {
	Balance  *hexutil.Big                `json:"balance"`
	Nonce    hexutil.Uint64              `json:"nonce"`
	CodeHash *common.Hash                `json:"codeHash"`
	Storage  map[common.Hash]common.Hash `json:"storage"`
}

type evmReceipt struct {
	Status        hexutil.Uint64  `json:"status"`
	GasUsed       hexutil.Uint64  `json:"gasUsed"`
	CumulativeGas hexutil.Uint64  `json:"cumulativeGasUsed"`
	Logs          int             `json:"logs"`
	LogsHash      common.Hash     `json:"logsHash"`
	StateRoot     *common.Hash    `json:"stateRoot"`
	Contract      *common.Address `json:"contractAddress"`
}

type evmWitness struct {
	ParentStateRoot common.Hash     `json:"parentStateRoot"`
	ParentHeader    hexutil.Bytes   `json:"parentHeader"`
	State           []hexutil.Bytes `json:"state"`
}

// ReadEvmblock reads a NETWORK-NUMBER.json.gz file. codes is the table beside it; the
// block shares it.
func ReadEvmblock(path string, codes Codes) (*Block, error) {
	raw, err := readGzip(path)
	if err != nil {
		return nil, err
	}
	b, err := decodeEvmblock(raw, codes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}

func decodeEvmblock(raw []byte, codes Codes) (*Block, error) {
	var f evmblock
	err := json.Unmarshal(raw, &f)
	if f.Format != "" && f.Format != EvmblockFormat {
		// First, for another format is what explains any error there is.
		return nil, fmt.Errorf("format: %q, want %q", f.Format, EvmblockFormat)
	}
	if err != nil {
		return nil, fmt.Errorf("json: %w", err)
	}
	if f.Format == "" {
		return nil, fmt.Errorf("format: missing, want %q", EvmblockFormat)
	}
	return f.block(codes)
}

// block puts a Block together.
func (f *evmblock) block(codes Codes) (*Block, error) {
	config, err := ConfigOf(f.Network)
	if err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	if config.ChainID.Cmp(new(big.Int).SetUint64(f.ChainID)) != 0 {
		return nil, fmt.Errorf("chainId: %d, but %s has %v", f.ChainID, f.Network, config.ChainID)
	}
	header, err := f.header()
	if err != nil {
		return nil, err
	}
	body, err := f.body()
	if err != nil {
		return nil, err
	}
	b := &Block{
		Name:      fmt.Sprintf("%s-%d", f.Network, f.Number),
		Config:    config,
		Block:     types.NewBlockWithHeader(header).WithBody(*body),
		BlockHash: blockHashes(header, f.BlockHashes),
	}
	if err := checkBody(b.Block, f.Checks.Uncles); err != nil {
		return nil, err
	}
	if b.Author, err = author(config, header); err != nil {
		return nil, err
	}
	if b.Expect, err = f.expect(); err != nil {
		return nil, err
	}
	if b.Pre, err = f.pre(codes); err != nil {
		return nil, err
	}
	return b, f.witness(b, codes)
}

func (f *evmblock) header() (*types.Header, error) {
	h := new(types.Header)
	if err := rlp.DecodeBytes(f.HeaderRLP, h); err != nil {
		return nil, fmt.Errorf("headerRlp: %w", err)
	}
	if err := checkHeader(h); err != nil {
		return nil, err
	}
	if h.Number.Uint64() != f.Number {
		return nil, fmt.Errorf("number: %d, but the header has %d", f.Number, h.Number)
	}
	if got := h.Hash(); got != f.Hash {
		return nil, fmt.Errorf("hash: %s, but the header has %s", f.Hash.Hex(), got.Hex())
	}
	return h, nil
}

func (f *evmblock) body() (*types.Body, error) {
	body := &types.Body{Withdrawals: f.Withdrawals}
	for i, raw := range f.Txs {
		tx := new(types.Transaction)
		if err := tx.UnmarshalBinary(raw); err != nil {
			return nil, fmt.Errorf("txs: %d: %w", i, err)
		}
		body.Transactions = append(body.Transactions, tx)
	}
	for i, raw := range f.Uncles {
		u := new(types.Header)
		if err := rlp.DecodeBytes(raw, u); err != nil {
			return nil, fmt.Errorf("uncles: %d: %w", i, err)
		}
		body.Uncles = append(body.Uncles, u)
	}
	for i, w := range f.Withdrawals {
		if w == nil {
			return nil, fmt.Errorf("withdrawals: %d: null", i)
		}
	}
	return body, nil
}

func (f *evmblock) expect() (Expect, error) {
	e := Expect{
		Senders:       f.Senders,
		PreAllocRoot:  f.PreAllocRoot,
		PostAllocRoot: f.PostAllocRoot,
		Checks:        f.Checks,
	}
	if len(f.Senders) != len(f.Txs) {
		return e, fmt.Errorf("senders: %d for %d transactions", len(f.Senders), len(f.Txs))
	}
	if len(f.Receipts) != len(f.Txs) {
		return e, fmt.Errorf("receipts: %d for %d transactions", len(f.Receipts), len(f.Txs))
	}
	for i := range f.Receipts {
		r := &f.Receipts[i]
		e.Receipts = append(e.Receipts, Receipt{
			Status:        uint64(r.Status),
			GasUsed:       uint64(r.GasUsed),
			CumulativeGas: uint64(r.CumulativeGas),
			Logs:          r.Logs,
			LogsHash:      r.LogsHash,
			StateRoot:     r.StateRoot,
			Contract:      r.Contract,
		})
	}
	for addr, a := range f.Pre {
		e.Touched = append(e.Touched, gpuevm.Key{Addr: addr, Kind: gpuevm.Exists})
		if a == nil {
			continue
		}
		for slot := range a.Storage {
			e.Touched = append(e.Touched, gpuevm.Key{Addr: addr, Kind: gpuevm.Slot, Slot: slot})
		}
	}
	return e, nil
}

// pre is the state before the block as the file lists it.
func (f *evmblock) pre(codes Codes) (*statedb.Mem, error) {
	mem := statedb.NewMem(codes)
	for addr, a := range f.Pre {
		if a == nil {
			return nil, fmt.Errorf("pre: %s: null", addr.Hex())
		}
		account := statedb.Account{Nonce: uint64(a.Nonce), Storage: a.Storage}
		if a.Balance != nil {
			balance, over := uint256.FromBig(a.Balance.ToInt())
			if over {
				return nil, fmt.Errorf("pre: %s: balance: more than 256 bits", addr.Hex())
			}
			account.Balance = balance
		}
		if a.CodeHash != nil {
			account.CodeHash = *a.CodeHash
			if err := codes.has(account.CodeHash); err != nil {
				return nil, fmt.Errorf("pre: %s: codeHash: %w", addr.Hex(), err)
			}
		}
		mem.SetAccount(addr, account)
	}
	return mem, nil
}

func (c Codes) has(hash common.Hash) error {
	if hash == types.EmptyCodeHash {
		return nil
	}
	if _, ok := c[hash]; !ok {
		return fmt.Errorf("no code with hash %s in %s", hash.Hex(), CodesFile)
	}
	return nil
}

// witness gives the block its tries and its parent, where the file has them.
func (f *evmblock) witness(b *Block, codes Codes) error {
	w := f.Witness
	if w == nil {
		return nil
	}
	if len(w.ParentHeader) > 0 {
		parent := new(types.Header)
		if err := rlp.DecodeBytes(w.ParentHeader, parent); err != nil {
			return fmt.Errorf("witness: parentHeader: %w", err)
		}
		if got := parent.Hash(); got != b.Block.ParentHash() {
			return fmt.Errorf("witness: parentHeader: has hash %s, the block's parent is %s", got.Hex(), b.Block.ParentHash().Hex())
		}
		if parent.Root != w.ParentStateRoot {
			return errors.New("witness: parentStateRoot: is not the parent header's")
		}
		b.Parent = parent
	}
	nodes := make([][]byte, len(w.State))
	for i, n := range w.State {
		nodes[i] = n
	}
	tries, err := statedb.TriesFromWitness(w.ParentStateRoot, nodes, f.codes(codes))
	if err != nil {
		return fmt.Errorf("witness: state: %w", err)
	}
	b.Tries, b.Nodes = tries, nodes
	return nil
}

// codes lists those that accounts of the pre-state have.
func (f *evmblock) codes(all Codes) (list [][]byte) {
	for _, a := range f.Pre {
		if a.CodeHash != nil {
			if code := all[*a.CodeHash]; len(code) > 0 {
				list = append(list, code)
			}
		}
	}
	return list
}
