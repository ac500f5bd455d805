package workload

import (
	"bytes"
	"embed"
	"encoding/json"
	"sync"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common/hexutil"
)

//go:embed contracts/artifacts/*.json
var artifacts embed.FS

// contract is one of contracts/*.sol, compiled.
type contract struct {
	name     string
	abi      abi.ABI
	bytecode []byte // creation
}

var loaded = struct {
	sync.Mutex
	contracts map[string]*contract
}{contracts: map[string]*contract{}}

// load parses an artifact the first time that it is asked for.
func load(name string) *contract {
	loaded.Lock()
	defer loaded.Unlock()
	if c := loaded.contracts[name]; c != nil {
		return c
	}
	blob, err := artifacts.ReadFile("contracts/artifacts/" + name + ".json")
	if err != nil {
		panic(err)
	}
	var file struct {
		ABI      json.RawMessage `json:"abi"`
		Bytecode hexutil.Bytes   `json:"bytecode"`
	}
	if err := json.Unmarshal(blob, &file); err != nil {
		panic(err)
	}
	parsed, err := abi.JSON(bytes.NewReader(file.ABI))
	if err != nil {
		panic(err)
	}
	c := &contract{name: name, abi: parsed, bytecode: file.Bytecode}
	loaded.contracts[name] = c
	return c
}

// creation is the data of a transaction that deploys the contract.
func (c *contract) creation(args ...any) []byte {
	packed, err := c.abi.Pack("", args...)
	if err != nil {
		panic(err)
	}
	return append(bytes.Clone(c.bytecode), packed...)
}

// call is the data of a call of one of its methods.
func (c *contract) call(method string, args ...any) []byte {
	packed, err := c.abi.Pack(method, args...)
	if err != nil {
		panic(err)
	}
	return packed
}
