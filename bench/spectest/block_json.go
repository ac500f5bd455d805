package spectest

import (
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/common/math"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/rlp"
)

// BlockTest is a block test as its file has it.
type BlockTest struct {
	Blocks  []blockEntry          `json:"blocks"`
	Genesis blockHeader           `json:"genesisBlockHeader"`
	Pre     types.GenesisAlloc    `json:"pre"`
	Post    types.GenesisAlloc    `json:"postState"`
	Best    common.UnprefixedHash `json:"lastblockhash"`
	Network string                `json:"network"`
}

// blockEntry is a block to import. One without a header must be refused.
type blockEntry struct {
	Header *blockHeader `json:"blockHeader"`
	Expect string       `json:"expectException"`
	RLP    string       `json:"rlp"`
}

type blockHeader struct {
	Bloom            types.Bloom           `json:"bloom"`
	Coinbase         common.Address        `json:"coinbase"`
	MixHash          common.Hash           `json:"mixHash"`
	Nonce            types.BlockNonce      `json:"nonce"`
	Number           *math.HexOrDecimal256 `json:"number"`
	Hash             common.Hash           `json:"hash"`
	ParentHash       common.Hash           `json:"parentHash"`
	ReceiptTrie      common.Hash           `json:"receiptTrie"`
	StateRoot        common.Hash           `json:"stateRoot"`
	TransactionsTrie common.Hash           `json:"transactionsTrie"`
	UncleHash        common.Hash           `json:"uncleHash"`
	ExtraData        hexutil.Bytes         `json:"extraData"`
	Difficulty       *math.HexOrDecimal256 `json:"difficulty"`
	GasLimit         math.HexOrDecimal64   `json:"gasLimit"`
	GasUsed          math.HexOrDecimal64   `json:"gasUsed"`
	Timestamp        math.HexOrDecimal64   `json:"timestamp"`
	BaseFee          *math.HexOrDecimal256 `json:"baseFeePerGas"`
	WithdrawalsRoot  *common.Hash          `json:"withdrawalsRoot"`
	BlobGasUsed      *math.HexOrDecimal64  `json:"blobGasUsed"`
	ExcessBlobGas    *math.HexOrDecimal64  `json:"excessBlobGas"`
	BeaconRoot       *common.Hash          `json:"parentBeaconBlockRoot"`
	SlotNumber       *math.HexOrDecimal64  `json:"slotNumber"`
}

// UnmarshalJSON refuses a test without a genesis block.
func (t *BlockTest) UnmarshalJSON(in []byte) error {
	type plain BlockTest
	if err := json.Unmarshal(in, (*plain)(t)); err != nil {
		return err
	}
	if t.Genesis.Number == nil || t.Genesis.Difficulty == nil {
		return fmt.Errorf("genesisBlockHeader lacks number or difficulty")
	}
	return nil
}

func (t *BlockTest) genesis(config *params.ChainConfig) *core.Genesis {
	g := &t.Genesis
	return &core.Genesis{
		Config:        config,
		Nonce:         g.Nonce.Uint64(),
		Timestamp:     uint64(g.Timestamp),
		ParentHash:    g.ParentHash,
		ExtraData:     g.ExtraData,
		GasLimit:      uint64(g.GasLimit),
		GasUsed:       uint64(g.GasUsed),
		Difficulty:    (*big.Int)(g.Difficulty),
		Mixhash:       g.MixHash,
		Coinbase:      g.Coinbase,
		Alloc:         t.Pre,
		BaseFee:       (*big.Int)(g.BaseFee),
		BlobGasUsed:   (*uint64)(g.BlobGasUsed),
		ExcessBlobGas: (*uint64)(g.ExcessBlobGas),
		SlotNumber:    (*uint64)(g.SlotNumber),
	}
}

func (e *blockEntry) decode() (*types.Block, error) {
	data, err := hexutil.Decode(e.RLP)
	if err != nil {
		return nil, err
	}
	b := new(types.Block)
	return b, rlp.DecodeBytes(data, b)
}

// equal compares a header with the one that the test states, field by field.
func (h *blockHeader) equal(have *types.Header) error {
	for _, f := range []struct {
		name       string
		want, have any
	}{
		{"bloom", h.Bloom, have.Bloom},
		{"coinbase", h.Coinbase, have.Coinbase},
		{"mixHash", h.MixHash, have.MixDigest},
		{"nonce", h.Nonce, have.Nonce},
		{"number", decimal(h.Number), have.Number.String()},
		{"parentHash", h.ParentHash, have.ParentHash},
		{"receiptTrie", h.ReceiptTrie, have.ReceiptHash},
		{"transactionsTrie", h.TransactionsTrie, have.TxHash},
		{"stateRoot", h.StateRoot, have.Root},
		{"uncleHash", h.UncleHash, have.UncleHash},
		{"extraData", string(h.ExtraData), string(have.Extra)},
		{"difficulty", decimal(h.Difficulty), have.Difficulty.String()},
		{"gasLimit", uint64(h.GasLimit), have.GasLimit},
		{"gasUsed", uint64(h.GasUsed), have.GasUsed},
		{"timestamp", uint64(h.Timestamp), have.Time},
		{"baseFeePerGas", decimal(h.BaseFee), decimal((*math.HexOrDecimal256)(have.BaseFee))},
		{"withdrawalsRoot", h.WithdrawalsRoot, have.WithdrawalsHash},
		{"blobGasUsed", (*uint64)(h.BlobGasUsed), have.BlobGasUsed},
		{"excessBlobGas", (*uint64)(h.ExcessBlobGas), have.ExcessBlobGas},
		{"parentBeaconBlockRoot", h.BeaconRoot, have.ParentBeaconRoot},
		{"slotNumber", (*uint64)(h.SlotNumber), have.SlotNumber},
	} {
		if !reflect.DeepEqual(f.want, f.have) {
			return fmt.Errorf("%s: want: %v have: %v", f.name, f.want, f.have)
		}
	}
	return nil
}

func decimal(n *math.HexOrDecimal256) string {
	if n == nil {
		return "absent"
	}
	return (*big.Int)(n).String()
}
