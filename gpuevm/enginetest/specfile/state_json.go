package specfile

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/common/math"
	"github.com/ethereum/go-ethereum/core/types"
)

// StateTest is a state test as its file has it: one transaction on one state. go-ethereum's tests.StateTest keeps its
// fields to itself.
type StateTest struct {
	Env  stateEnv               `json:"env"`
	Pre  types.GenesisAlloc     `json:"pre"`
	Tx   stateTx                `json:"transaction"`
	Post map[string][]statePost `json:"post"`

	Raw []byte `json:"-"` // as it was read
}

type stateEnv struct {
	Coinbase      *common.UnprefixedAddress `json:"currentCoinbase"`
	Difficulty    *math.HexOrDecimal256     `json:"currentDifficulty"`
	Random        *math.HexOrDecimal256     `json:"currentRandom"`
	GasLimit      *math.HexOrDecimal64      `json:"currentGasLimit"`
	Number        *math.HexOrDecimal64      `json:"currentNumber"`
	Timestamp     *math.HexOrDecimal64      `json:"currentTimestamp"`
	BaseFee       *math.HexOrDecimal256     `json:"currentBaseFee"`
	ExcessBlobGas *math.HexOrDecimal64      `json:"currentExcessBlobGas"`
	SlotNumber    *math.HexOrDecimal64      `json:"slotNumber"`
}

// stateTx is one transaction with several choices of data, gas limit and value.
type stateTx struct {
	GasPrice   *math.HexOrDecimal256 `json:"gasPrice"`
	FeeCap     *math.HexOrDecimal256 `json:"maxFeePerGas"`
	TipCap     *math.HexOrDecimal256 `json:"maxPriorityFeePerGas"`
	Nonce      *math.HexOrDecimal256 `json:"nonce"`
	To         string                `json:"to"`
	Data       []string              `json:"data"`
	Access     []*types.AccessList   `json:"accessLists"`
	GasLimit   []math.HexOrDecimal64 `json:"gasLimit"`
	Value      []string              `json:"value"`
	SecretKey  hexutil.Bytes         `json:"secretKey"`
	Sender     *common.Address       `json:"sender"`
	BlobHashes []common.Hash         `json:"blobVersionedHashes"`
	BlobFeeCap *math.HexOrDecimal256 `json:"maxFeePerBlobGas"`
	Auths      []*stateAuth          `json:"authorizationList"`
}

type stateAuth struct {
	ChainID *math.HexOrDecimal256 `json:"chainId"`
	Address *common.Address       `json:"address"`
	Nonce   *math.HexOrDecimal64  `json:"nonce"`
	V       *math.HexOrDecimal64  `json:"v"`
	R       *math.HexOrDecimal256 `json:"r"`
	S       *math.HexOrDecimal256 `json:"s"`
}

// statePost is what one choice must lead to in one fork.
type statePost struct {
	Root    common.UnprefixedHash `json:"hash"`
	Logs    common.UnprefixedHash `json:"logs"`
	TxBytes hexutil.Bytes         `json:"txbytes"`
	Expect  string                `json:"expectException"`
	Indexes struct {
		Data  int `json:"data"`
		Gas   int `json:"gas"`
		Value int `json:"value"`
	} `json:"indexes"`
}

// UnmarshalJSON refuses a test that lacks what no test can do without.
func (t *StateTest) UnmarshalJSON(in []byte) error {
	type plain StateTest
	if err := json.Unmarshal(in, (*plain)(t)); err != nil {
		return err
	}
	t.Raw = slices.Clone(in)
	e := &t.Env
	if e.Coinbase == nil || e.GasLimit == nil || e.Number == nil || e.Timestamp == nil {
		return fmt.Errorf("env lacks currentCoinbase, currentGasLimit, currentNumber or currentTimestamp")
	}
	for i, a := range t.Tx.Auths {
		if a == nil || a.ChainID == nil || a.Address == nil || a.Nonce == nil || a.V == nil || a.R == nil || a.S == nil {
			return fmt.Errorf("authorization %d lacks a field", i)
		}
	}
	return nil
}

// Subtest is one choice in one fork.
type Subtest struct {
	Fork  string
	Index int
}

// Subtests lists all of them, by fork.
func (t *StateTest) Subtests() []Subtest {
	var out []Subtest
	for fork, posts := range t.Post {
		for i := range posts {
			out = append(out, Subtest{fork, i})
		}
	}
	slices.SortFunc(out, func(a, b Subtest) int {
		if a.Fork != b.Fork {
			return strings.Compare(a.Fork, b.Fork)
		}
		return a.Index - b.Index
	})
	return out
}
